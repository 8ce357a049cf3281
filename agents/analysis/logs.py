"""Which log lines of a service are new, burst, changed their rate or stopped, apart from the service's load."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from agents.analysis.composition import Deviation, deviations, load_factor
from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.signals import LogRecord, Window
from agents.analysis.words import clock, figure, span

__all__ = ["analyse_logs", "is_error", "template_of"]

# A statement is told by its beginning; lists of values that follow would split it into many.
_HEAD = 320
_TEMPLATE = 140
_SHOWN = 120
_PER_SERVICE = 4
_ERROR = re.compile(
    r"\b(error|fatal|critical|severe|panic|exception|traceback|emerg)\b|\w(Exception|Error)\b", re.IGNORECASE
)
_ERROR_LEVELS = frozenset({"error", "fatal", "critical", "severe", "emergency", "alert", "panic"})
_CALM_LEVEL = re.compile(r"\b(INFO|DEBUG|TRACE)\b")
# What varies from line to line of one statement in the code. A number after `#` or `:` in `Name#12`, `file.py:12`
# is the place in the code and stays: it is what tells one statement from the next.
_VARIABLE = re.compile(
    r"""(?P<place>\b[A-Za-z_][\w.$\]]*(?:\#|\.\w{1,4}:)\d{1,5}\b)
      | "[^"]*" | '[^']*'
      | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b
      | \b\d{1,4}[-/:.]\d{1,2}[-/:.]\d{1,4}(?:[T ,.:]?\d[\d:.,]*)?Z?\b
      | \b(?=[a-fA-F]*\d)[0-9a-fA-F]{6,}\b
      | \[[^\[\]]*[,=][^\[\]]*\] | \{[^{}]*\}
      | [-+]?\b\d[\d.,:]*\w*""",
    re.VERBOSE,
)


@lru_cache(maxsize=65536)
def template_of(message: str) -> str:
    """The message with what varies replaced by `*`: equal for lines of the same logging statement."""
    masked = _VARIABLE.sub(lambda m: m.group("place") or "*", message[:_HEAD])
    return " ".join(masked.split())[:_TEMPLATE]


def is_error(record: LogRecord) -> bool:
    """Whether a line reports a failure: by its severity, else by its words unless it names a calm level."""
    if record.severity.lower() in _ERROR_LEVELS:
        return True
    head = record.message[:_HEAD]
    return bool(_ERROR.search(head)) and not _CALM_LEVEL.search(head)


@dataclass(slots=True)
class _Counts:
    """Lines of one service by template, before and in the window; first sight and failing templates."""

    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    firsts: dict[str, float] = field(default_factory=dict)
    errors: set[str] = field(default_factory=set)


def analyse_logs(logs: Sequence[LogRecord], window: Window) -> tuple[Finding, ...]:
    """Findings on log templates, strongest first, at most four a service; `no_data` where no line is in reach."""
    services: dict[str, _Counts] = {}
    for record in logs:
        if window.baseline_start <= record.time <= window.end:
            _count(services.setdefault(record.service, _Counts()), record, window.start)
    if not services:
        return (_no_data(),)
    findings = [f for service, counts in services.items() for f in _service_findings(service, counts, window)]
    return tuple(sorted(findings, key=_order))


def _count(counts: _Counts, record: LogRecord, start: float) -> None:
    template = template_of(record.message)
    if template not in counts.errors and is_error(record):
        counts.errors.add(template)
    if record.time < start:
        counts.before[template] += 1
        return
    counts.after[template] += 1
    counts.firsts[template] = min(record.time, counts.firsts.get(template, record.time))


def _service_findings(service: str, counts: _Counts, window: Window) -> list[Finding]:
    factor = load_factor(counts.before, counts.after) if counts.before else 1.0
    marked = [
        _finding(service, deviation, counts, window)
        for deviation in deviations(counts.before, counts.after, factor)
    ]
    return sorted((f for f in marked if f is not None), key=_order)[:_PER_SERVICE]


def _order(finding: Finding) -> tuple[float, str]:
    return -(finding.score or 0.0), finding.subject


def _finding(service: str, deviation: Deviation, counts: _Counts, window: Window) -> Finding | None:
    """A notable deviation as a finding. An error line that grew weighs double: it speaks of a failure itself."""
    grew, error = deviation.score > 0, deviation.key in counts.errors
    score = abs(deviation.score) * (2.0 if error and grew else 1.0)
    if score < 1 or (error and not grew):
        return None
    kind = _kind(deviation, error=error)
    return Finding(
        source=Source.LOGS,
        kind=kind,
        service=service,
        subject=f"{service}|{deviation.key[:_SHOWN]}|{kind}",
        statement=_sentence(service, deviation, counts, window),
        score=score,
        onset=counts.firsts.get(deviation.key) if grew else None,
        direction=1 if grew else -1,
        data={
            "template": deviation.key,
            "expected": deviation.expected,
            "observed": deviation.observed,
            "new": _is_new(deviation),
            "error": error,
        },
    )


def _is_new(deviation: Deviation) -> bool:
    return deviation.expected == 0


def _kind(deviation: Deviation, *, error: bool) -> FindingKind:
    if deviation.score > 0 and error:
        return FindingKind.ERROR_BURST
    return FindingKind.NEW_LOG_TEMPLATE if _is_new(deviation) else FindingKind.LOG_RATE_CHANGE


def _sentence(service: str, deviation: Deviation, counts: _Counts, window: Window) -> str:
    length = span(window.end - window.start)
    what = "error line" if deviation.key in counts.errors else "log line"
    text, first = f'"{deviation.key[:_SHOWN]}"', counts.firsts.get(deviation.key)
    if _is_new(deviation):
        since = f", first at {clock(first)}" if first is not None else ""
        return f"{service} logs a new {what} {text} {figure(deviation.observed)} times in {length}{since}"
    verb = "more often" if deviation.score > 0 else "less often"
    return (
        f"{service} logs the {what} {text} {verb} than its load explains: "
        f"{figure(deviation.observed)} times in {length}, {figure(deviation.expected)} expected"
    )


def _no_data() -> Finding:
    return Finding(
        source=Source.LOGS,
        kind=FindingKind.NO_DATA,
        service="",
        subject=f"||{FindingKind.NO_DATA}",
        statement="No log line lies in the window or its baseline",
    )
