"""Who calls whom, as error lines tell: "could not connect to orders-db" names the one called.

Who is a service is known from the data, never from a list of names. A name that could be any word ("user") counts only after
words that say that it was called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.log_mining.templates import read_line
from agents.analysis.words import percent

__all__ = ["named_callees"]

# A line may name a service that it only speaks of.
_CERTAIN = 0.9
_TELLING = frozenset({FindingKind.ERROR_BURST, FindingKind.NEW_LOG_TEMPLATE})
# A name ends where no more of it can follow: `orders` is not in `orders-db`.
_BEFORE, _AFTER = r"(?<![^\W_])(?<![^\W_][._-])", r"(?![._-]*[^\W_])"
_CALLED = re.compile(
    r"\b(?:call(?:s|ed|ing)?|connect(?:s|ed|ing|ion)?|request(?:s|ed|ing)?|dial(?:ed|ing)?|reach(?:ing)?|upstream|backend|host|service)"
    r"(?:\s+(?:to|with))?\W{1,3}$",
    re.IGNORECASE,
)


def named_callees(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """One `learned_call` finding for each pair of caller and called that error lines tell of, by name.

    Only lines that are new or come more often than before count, and only names of services that `findings` are about.
    """
    known = _Known(finding.service for finding in findings)
    found: dict[tuple[str, str], Finding] = {}
    for line in sorted(findings, key=lambda f: (-(f.score or 0.0), f.subject)):
        if _tells(line):
            for callee in known.named(str(line.data["template"])):
                if callee != line.service:
                    found.setdefault((line.service, callee), _finding(line, callee))
    return tuple(found[pair] for pair in sorted(found))


class _Known:
    """The names of services, as templates of lines have them: what varies in a line may be a part of a name, too."""

    def __init__(self, services: Iterable[str]) -> None:
        told: dict[str, list[str]] = {}
        for name in sorted(set(services) - {""}):
            told.setdefault(read_line(name)[0], []).append(name)
        # Of services whose names differ in their numbers alone a template does not tell which it is.
        self._names = {form: names[0] for form, names in told.items() if len(names) == 1 and form.strip("* ")}
        forms = "|".join(map(re.escape, sorted(self._names, key=len, reverse=True)))
        self._any = re.compile(f"{_BEFORE}(?:{forms}){_AFTER}") if forms else None

    def named(self, text: str) -> list[str]:
        """Return the services that the text names, of those whose names could be any word only where it says that they were called."""
        matches = self._any.finditer(text) if self._any else ()
        return [
            self._names[match[0]]
            for match in matches
            if not match[0].isalpha() or _CALLED.search(text, 0, match.start())
        ]


def _tells(line: Finding) -> bool:
    failing = line.kind in _TELLING and line.direction > 0 and bool(line.data.get("error"))
    return line.source is Source.LOGS and failing and bool(line.data.get("template"))


def _finding(line: Finding, callee: str) -> Finding:
    return Finding(
        source=Source.TOPOLOGY,
        kind=FindingKind.LEARNED_CALL,
        service=callee,
        subject=f"{callee}|{line.service}|{FindingKind.LEARNED_CALL}",
        statement=(
            f'{line.service} seems to call {callee}: its error line "{line.data["template"]}" names it; '
            f"learned, {percent(_CERTAIN)} certain"
        ),
        score=_CERTAIN,
        data={"caller": line.service, "certainty": _CERTAIN, "template": line.data["template"]},
    )
