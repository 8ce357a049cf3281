"""Which log lines of a service are new, burst, changed their rate or stopped, apart from the service's load."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
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
_SPLIT_STEP_S = 30.0
# Fewer healthy lines than a quarter of the incident's own do not show what is usual.
_BASELINE_SHARE = 0.25
_HALF_NOTABLE = 0.5
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


_IDENTIFIER = re.compile(r"(?=[a-fA-F]*\d)[0-9a-fA-F]{6,}|\d{1,5}(?:\.\d+)?|\d{1,4}(?:\.\d{1,3}){3}")
_DIGITS = str.maketrans("123456789", "0" * 9)
_PAIRS = (('"', '"'), ("'", "'"), ("[", "]"), ("{", "}"))
# Two variables side by side may be one, a date and its time: such a line is read as a whole.
_WHOLE = "* *"


def template_of(message: str) -> str:
    """The message with what varies replaced by `*`: equal for lines of the same logging statement."""
    return _read(message)[0]


def is_error(record: LogRecord) -> bool:
    """Whether a line reports a failure: by its severity, else by its words unless it names a calm level."""
    return record.severity.lower() in _ERROR_LEVELS or _read(record.message)[1]


@lru_cache(maxsize=65536)
def _read(message: str) -> tuple[str, bool]:
    """The template, and whether the words report a failure.

    Word by word where that comes to the same: lines differ from one another, their words hardly.
    """
    head = message[:_HEAD]
    masked = " ".join(map(_masked_word, head.split()))
    if _WHOLE in masked:
        return " ".join(_masked(head).split())[:_TEMPLATE], _reports_failure(head)
    return masked[:_TEMPLATE], _masked_reports_failure(masked)


def _masked(text: str) -> str:
    return _VARIABLE.sub(lambda m: m.group("place") or "*", text)


@lru_cache(maxsize=65536)
def _masked_word(word: str) -> str:
    """The word as it stands in a template; `_WHOLE` where the words beside it decide that."""
    if _IDENTIFIER.fullmatch(word):
        return "*"
    masked = _masked_form(word.translate(_DIGITS))
    return _masked(word) if "0" in masked else masked


@lru_cache(maxsize=8192)
def _masked_form(word: str) -> str:
    """`_masked_word` of all words that differ in their digits; a place in the code keeps its own."""
    pairs = [pair for pair in _PAIRS if pair[0] in word]
    if len(pairs) > 1 or any(_is_open(word, *pair) for pair in pairs):
        return _WHOLE
    masked = _masked(word)
    return masked if masked == word or _signs(masked) == _signs(word) else _WHOLE


def _is_open(word: str, opening: str, closing: str) -> bool:
    """Whether what is quoted or bracketed goes on in the next word."""
    if opening == closing:
        return word.count(opening) % 2 == 1
    return word.rfind(opening) > word.rfind(closing)


def _signs(text: str) -> tuple[bool, bool]:
    return bool(_ERROR.search(text)), bool(_CALM_LEVEL.search(text))


def _reports_failure(text: str) -> bool:
    failure, calm = _signs(text)
    return failure and not calm


_masked_reports_failure = lru_cache(maxsize=8192)(_reports_failure)


@dataclass(slots=True)
class _Lines:
    """Lines of one service by template: the sorted times of each, and which templates report failures."""

    times: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: set[str] = field(default_factory=set)

    def add(self, record: LogRecord) -> None:
        template, failure = _read(record.message)
        self.times[template].append(record.time)
        if failure or record.severity.lower() in _ERROR_LEVELS:
            self.errors.add(template)


@dataclass(frozen=True, slots=True)
class _Split:
    """Where the incident's lines begin, and where its window ends."""

    start: float
    end: float


def analyse_logs(logs: Sequence[LogRecord], window: Window) -> tuple[Finding, ...]:
    """Findings on log templates, strongest first, at most four a service.

    The split between healthy and incident lines is the moment of greatest contrast between the window's start
    and the alarm. `no_data` where there is no line, or too few before any such moment to know what is healthy.
    """
    services: defaultdict[str, _Lines] = defaultdict(_Lines)
    first, last = window.baseline_start, window.end
    for record in logs:
        if first <= record.time <= last:
            services[record.service].add(record)
    for lines in services.values():
        for times in lines.times.values():
            times.sort()
    split = _best_split(services, window)
    if split is None:
        return (_no_data(),)
    return tuple(sorted((f for s, lines in services.items() for f in _service(s, lines, split)), key=_order))


def _best_split(services: Mapping[str, _Lines], window: Window) -> _Split | None:
    count = int((window.alarm_at - window.start) // _SPLIT_STEP_S) + 1
    step = (window.alarm_at - window.start) / count
    moments = [window.start + step * k for k in range(count)]
    splits = [s for s in (_Split(moment, window.end) for moment in moments) if _has_baseline(services, s)]
    if len(splits) < 2:
        return splits[0] if splits else None
    return max(splits, key=lambda split: (_contrast(services, split), -split.start))


def _has_baseline(services: Mapping[str, _Lines], split: _Split) -> bool:
    every = [times for lines in services.values() for times in lines.times.values()]
    before = sum(bisect_left(times, split.start) for times in every)
    return before >= _BASELINE_SHARE * (sum(map(len, every)) - before) and before > 0


def _contrast(services: Mapping[str, _Lines], split: _Split) -> float:
    found = (d for lines in services.values() for d in _changes(lines, split, _HALF_NOTABLE))
    return sum((abs(deviation.score) - _HALF_NOTABLE) ** 2 for deviation in found)


def _changes(lines: _Lines, split: _Split, beyond: float = -1.0) -> tuple[Deviation, ...]:
    before, after = {}, {}
    for template, times in lines.times.items():
        cut = bisect_left(times, split.start)
        if cut:
            before[template] = float(cut)
        if cut < len(times):
            after[template] = float(len(times) - cut)
    return deviations(before, after, load_factor(before, after), beyond)


def _service(service: str, lines: _Lines, split: _Split) -> list[Finding]:
    marked = [_finding(service, deviation, lines, split) for deviation in _changes(lines, split)]
    return sorted((f for f in marked if f is not None), key=_order)[:_PER_SERVICE]


def _order(finding: Finding) -> tuple[float, str]:
    return -(finding.score or 0.0), finding.subject


def _finding(service: str, deviation: Deviation, lines: _Lines, split: _Split) -> Finding | None:
    """A notable deviation as a finding. An error line that grew weighs double: it speaks of a failure itself."""
    grew, error = deviation.score > 0, deviation.key in lines.errors
    score = abs(deviation.score) * (2.0 if error and grew else 1.0)
    if score < 1 or (error and not grew):
        return None
    kind = _kind(deviation, error=error, new=_is_new(lines, deviation.key, split))
    return Finding(
        source=Source.LOGS,
        kind=kind,
        service=service,
        subject=f"{service}|{deviation.key[:_SHOWN]}|{kind}",
        statement=_sentence(service, deviation, lines, split),
        score=score,
        onset=_first(lines, deviation.key, split) if grew else split.start,
        direction=1 if grew else -1,
        data={
            "template": deviation.key,
            "expected": deviation.expected,
            "observed": deviation.observed,
            "new": _is_new(lines, deviation.key, split),
            "error": error,
        },
    )


def _first(lines: _Lines, template: str, split: _Split) -> float | None:
    times = lines.times[template]
    cut = bisect_left(times, split.start)
    return times[cut] if cut < len(times) else None


def _is_new(lines: _Lines, template: str, split: _Split) -> bool:
    """Whether it was never logged before. That none were due is not enough: a silent service is due nothing."""
    return lines.times[template][0] >= split.start


def _kind(deviation: Deviation, *, error: bool, new: bool) -> FindingKind:
    if deviation.score > 0 and error:
        return FindingKind.ERROR_BURST
    return FindingKind.NEW_LOG_TEMPLATE if new else FindingKind.LOG_RATE_CHANGE


def _sentence(service: str, deviation: Deviation, lines: _Lines, split: _Split) -> str:
    length = span(split.end - split.start)
    what = "error line" if deviation.key in lines.errors else "log line"
    text, first = f'"{deviation.key[:_SHOWN]}"', _first(lines, deviation.key, split)
    if _is_new(lines, deviation.key, split):
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
        statement="There are no log lines, or too few before the incident to know what is healthy",
    )
