"""Log lines of requests that go one way through services, the way given as text."""

from __future__ import annotations

from collections.abc import Iterable

from agents.analysis.signals import LogRecord
from tests.fakes.healthy_logs import START

__all__ = ["requests", "way"]


def way(number: int, steps: str, at: float, *, traced: bool = True) -> list[LogRecord]:
    """One request: `steps` are `service:statement` in order, a statement in capitals an error; a millisecond apart."""
    trace = f"request-{number:08d}" if traced else ""
    lines = []
    for place, step in enumerate(steps.split()):
        service, _, said = step.partition(":")
        severity = "error" if said.isupper() else "info"
        lines.append(
            LogRecord(START + at + 0.001 * place, service, f"{service} said {said}", severity, trace)
        )
    return lines


def requests(count: int, steps: str, first: float, *, step: float = 1.0, number: int = 0) -> list[LogRecord]:
    """Several of the same way, `step` seconds apart, the first `first` seconds after START."""
    made: Iterable[list[LogRecord]] = (way(number + i, steps, first + step * i) for i in range(count))
    return [line for one in made for line in one]
