"""Stack traces as one event with the line that they belong to, told apart by what failed and where in the own code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agents.analysis.log_mining.failures import failure_class
from agents.analysis.signals import LogRecord

__all__ = ["Event", "events_of", "stack_class"]

_READ = 16_384
_LINES = 400
# Lines of one trace are written together.
_TOGETHER_S = 1.0
_FOLLOWS = re.compile(
    r'\s+at\s|\s*\.{3} \d+ (?:more|common)|Caused by:|\s+Suppressed:|Traceback \(most|\s+File "|goroutine \d+ \['
)
_ENDS_PYTHON = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning)\b")
_JAVA_FRAME = re.compile(r"^\s*at\s+(?:[\w.$/@-]+/)?([\w.$<>]+)\(", re.MULTILINE)
_PYTHON_FRAME = re.compile(r'^\s*File "([^"]+)", line \d+, in (\S+)', re.MULTILINE)
_CAUSED = re.compile(r"^\s*Caused by:\s*", re.MULTILINE)
# Frames of runtimes and of what calls an application do not tell which part of it failed.
_FOREIGN = re.compile(
    r"(?:java|javax|jdk|jakarta|sun|com\.sun|kotlin|kotlinx|scala|groovy|org\.springframework|org\.apache"
    r"|org\.hibernate|org\.eclipse|io\.netty|io\.grpc|reactor|node:)\b|.*(?:site-packages|lib/python)"
)
_PARTS = 2


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
    if not event.tail and text[:1] not in " \t.CTg":
        return False
    if record.time - event.record.time > _TOGETHER_S or len(event.tail) >= _LINES:
        return False
    if _FOLLOWS.match(text):
        return True
    return bool(event.tail) and (text[:1] in " \t" or (_in_python(event) and bool(_ENDS_PYTHON.match(text))))


def _in_python(event: Event) -> bool:
    return event.tail[-1][:1] in " \t" and any(line.startswith("Traceback") for line in event.tail[:2])


def stack_class(stack: str, head: str = "") -> str:
    """`NullPointerException at Cart.merge`: the innermost exception and the innermost frame of the application.

    `head` is the line before the trace, which names the exception where no cause is given. Empty without a trace.
    """
    python = _PYTHON_FRAME.findall(stack)
    if python:
        own = [one for one in python if not _FOREIGN.match(one[0])] or python
        where = f"{own[-1][0].rpartition('/')[2]}:{own[-1][1]}"
        return _told(failure_class(stack), where)
    innermost = _CAUSED.split(stack)[-1]
    frames = _JAVA_FRAME.findall(innermost) or _JAVA_FRAME.findall(stack)
    if not frames:
        return ""
    where = next((frame for frame in frames if not _FOREIGN.match(frame)), frames[0])
    named = innermost if _CAUSED.search(stack) else f"{head}\n{stack}"
    return _told(failure_class(_before_frames(named)), ".".join(where.split(".")[-_PARTS:]))


def _before_frames(text: str) -> str:
    frame = _JAVA_FRAME.search(text)
    return text[: frame.start()] if frame else text


def _told(failure: str, where: str) -> str:
    return f"{failure} at {where}" if failure else f"at {where}"
