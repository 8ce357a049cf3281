"""Stack traces as one event with the line that they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agents.analysis.signals import LogRecord

__all__ = ["Event", "events_of"]

_READ = 16_384
_LINES = 400
# Lines of one trace are written together.
_TOGETHER_S = 1.0
# The first goroutine is told right behind the panic, its signal and a blank line.
_NEAR = 4
_FOLLOWS = re.compile(
    r'\s+at\s|\s*\.{3} \d+ (?:more|common)|Caused by:|\s+Suppressed:|Traceback \(most|\s+File "|goroutine \d+ \[|\[signal |\s+panic: '
)
_ENDS_PYTHON = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning)\b")
# Go's own lines begin anywhere: a function below the goroutine or below the file of the one before.
_PANICS = re.compile(r"(?:panic|fatal error): ")
_GO_CALL = re.compile(r"[^\s(][^\n]*\([^()\n]*\)$|created by |exit status \d")


@dataclass(slots=True)
class Event:
    """A log record with the lines of a stack trace that followed it as records of their own."""

    record: LogRecord
    tail: list[str] = field(default_factory=list)

    @property
    def stack(self) -> str:
        """Everything behind the first line."""
        rest = self.record.message[:_READ].partition("\n")[2]
        return "\n".join([rest, *self.tail])[:_READ] if self.tail else rest


def events_of(records: Iterable[LogRecord]) -> Iterator[Event]:
    """Return the records, sorted by time, as events: what continues a trace of the same service is part of its event."""
    last: dict[str, Event] = {}
    for record in sorted(records, key=lambda one: one.time):
        before = last.get(record.service)
        if before is not None and _continues(record, before):
            before.tail.append(record.message[:_READ])
        else:
            last[record.service] = Event(record)
            if before is not None:
                yield before
    yield from last.values()


def _continues(record: LogRecord, event: Event) -> bool:
    text = record.message
    if not event.tail and text[:1] not in " \t.CTg[":
        return False
    if record.time - event.record.time > _TOGETHER_S or len(event.tail) >= _LINES:
        return False
    if _FOLLOWS.match(text):
        return True
    if not text.strip():
        return bool(event.tail) or bool(_PANICS.match(event.record.message))
    return bool(event.tail) and (text[:1] in " \t" or _goes_on(text, event))


def _goes_on(text: str, event: Event) -> bool:
    """Whether a line that is not indented belongs to the trace of Python or Go before it."""
    indented = event.tail[-1][:1] in " \t"
    if indented and any(line.startswith("Traceback") for line in event.tail[:2]):
        return bool(_ENDS_PYTHON.match(text))
    below = indented or event.tail[-1].startswith("goroutine ")
    return below and any(map(_is_goroutine, event.tail[:_NEAR])) and bool(_GO_CALL.match(text))


def _is_goroutine(line: str) -> bool:
    return line.startswith("goroutine ")
