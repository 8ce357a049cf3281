"""Who calls whom, as error lines tell: "could not connect to orders-db" names the one called.

Who is a service is known from the data, never from a list of names. A name that could be any word ("user") counts only after
words that say that it was called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from agents.analysis.findings import Finding, FindingKind, Source

__all__ = ["named_callees"]

# A line may name a service that it only speaks of.
_CERTAIN = 0.9
_TELLING = frozenset({FindingKind.ERROR_BURST, FindingKind.NEW_LOG_TEMPLATE})
_NAME = re.compile(r"[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*")
_CALLED = re.compile(
    r"\b(?:call(?:s|ed|ing)?|connect(?:s|ed|ing|ion)?|request(?:s|ed|ing)?|dial(?:ed|ing)?|reach(?:ing)?|upstream|backend|host|service)"
    r"(?:\s+(?:to|with))?\W{1,3}$",
    re.IGNORECASE,
)


def named_callees(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """One `learned_call` finding for each pair of caller and called that error lines tell of, by name.

    Only lines that are new or come more often than before count, and only names of services that `findings` are about.
    """
    known = {finding.service for finding in findings} - {""}
    found: dict[tuple[str, str], Finding] = {}
    for line in sorted(findings, key=lambda f: (-(f.score or 0.0), f.subject)):
        if _tells(line):
            for callee in _named(str(line.data["template"]), known - {line.service}):
                found.setdefault((line.service, callee), _finding(line, callee))
    return tuple(found[pair] for pair in sorted(found))


def _tells(line: Finding) -> bool:
    failing = line.kind in _TELLING and line.direction > 0 and bool(line.data.get("error"))
    return line.source is Source.LOGS and failing and bool(line.data.get("template"))


def _named(text: str, known: Iterable[str]) -> list[str]:
    names = set(known)
    return [
        match[0]
        for match in _NAME.finditer(text)
        if match[0] in names and (not match[0].isalpha() or _CALLED.search(text, 0, match.start()))
    ]


def _finding(line: Finding, callee: str) -> Finding:
    return Finding(
        source=Source.TOPOLOGY,
        kind=FindingKind.LEARNED_CALL,
        service=callee,
        subject=f"{callee}|{line.service}|{FindingKind.LEARNED_CALL}",
        statement=(
            f'{line.service} seems to call {callee}: its error line "{line.data["template"]}" names it; '
            f"learned, {_CERTAIN:.0%} certain"
        ),
        score=_CERTAIN,
        data={"caller": line.service, "certainty": _CERTAIN, "template": line.data["template"]},
    )
