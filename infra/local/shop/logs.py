"""Turns vitals into log batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from infra.local.shop.faults import Fault
from infra.local.shop.flow import Vitals
from infra.local.shop.kpis import SOURCE
from infra.local.shop.lines import (
    CHATTER,
    FAILED_CALL,
    FAULT_LINES,
    POOL_REFUSED,
    SERVED_ERROR,
    STALLED,
    Line,
    Writing,
)
from infra.local.shop.topology import NOMINAL_RATE, SHOP
from schemas.events import LogBatch
from schemas.events.telemetry import LogLine

__all__ = ["LogWriter"]


@dataclass(frozen=True, slots=True)
class _Due:
    """A line, how often a second it is due now, and the other service it names."""

    line: Line
    rate: float
    other: str = ""


class LogWriter:
    """Writes each service's lines tick by tick and cuts a batch a service when asked."""

    def __init__(self, tenant: str, rng: Random) -> None:
        self._tenant = tenant
        self._rng = rng
        self._lines: dict[str, list[LogLine]] = {}

    def write(self, at: datetime, step_s: float, vitals: Mapping[str, Vitals]) -> None:
        """Write the lines of every service in the tick of `step_s` seconds that ends `at`."""
        for service, state in vitals.items():
            self._write_due(at, step_s, service, state, _due(service, state))

    def write_fault(
        self, at: datetime, step_s: float, vitals: Mapping[str, Vitals], fault: Fault | None, level: float
    ) -> None:
        """Write what the owner of the fault adds to them, the fault being at `level` 0 to 1."""
        if fault is not None and level > 0:
            writing = Writing(fault.service, FAULT_LINES[fault.kind], level * fault.strength)
            self.write_more(at, step_s, vitals, writing)

    def write_more(self, at: datetime, step_s: float, vitals: Mapping[str, Vitals], more: Writing) -> None:
        """Write what comes on top of everyday lines in the tick of `step_s` seconds that ends `at`."""
        due = [_Due(line, line.rate * more.force) for line in more.lines]
        self._write_due(at, step_s, more.service, vitals[more.service], due)

    def cut(self) -> tuple[LogBatch, ...]:
        """Return what was written since the last cut, a batch a service that wrote, and forget it."""
        batches = tuple(self._batch(service, lines) for service, lines in self._lines.items())
        self._lines = {}
        return batches

    def _batch(self, service: str, lines: Iterable[LogLine]) -> LogBatch:
        records = tuple(sorted(lines, key=lambda line: line.at))
        return LogBatch(
            tenant=self._tenant, occurred_at=records[-1].at, source=SOURCE, service=service, records=records
        )

    def _count(self, mean: float) -> int:
        """Draw from a Poisson distribution (Knuth, The Art of Computer Programming 2, 3.4.1)."""
        limit, product, count = math.exp(-mean), self._rng.random(), 0
        while product > limit:
            product *= self._rng.random()
            count += 1
        return count

    def _write_due(
        self, at: datetime, step_s: float, service: str, state: Vitals, due: Iterable[_Due]
    ) -> None:
        for one in due:
            for _ in range(self._count(one.rate * step_s)):
                moment = at - timedelta(seconds=self._rng.random() * step_s)
                line = self._line(one, state, moment, f"{service}-0")
                self._lines.setdefault(service, []).append(line)

    def _line(self, due: _Due, state: Vitals, moment: datetime, entity: str) -> LogLine:
        rng = self._rng
        message = due.line.text.format(
            id=f"{rng.getrandbits(40):010x}",
            ms=round(state.p50_ms * math.exp(0.4 * rng.gauss(0.0, 1.0)), 1),
            ip=f"10.{rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(1, 255)}",
            n=rng.randrange(1, 4000),
            user=f"u{rng.randrange(100_000)}",
            other=due.other,
        )
        return LogLine(
            at=moment,
            severity=due.line.severity,
            message=message,
            entity=entity,
            trace_id=f"{rng.getrandbits(128):032x}",
        )


def _due(service: str, state: Vitals) -> list[_Due]:
    """Everyday lines follow the load; failures are logged as they happen, up to a sampling limit."""
    load = min(1.5, state.rate / NOMINAL_RATE[service])
    due = [_Due(line, line.rate * load) for line in CHATTER[service]]
    due.append(_Due(SERVED_ERROR, SERVED_ERROR.rate * load * state.errors))
    due += [
        _Due(FAILED_CALL, FAILED_CALL.rate * load * share, callee) for callee, share in state.timeouts.items()
    ]
    if state.pool >= 1.0:
        short = min(1.0, state.pool_wait_ms / 500.0)
        due.append(_Due(POOL_REFUSED, POOL_REFUSED.rate * short, SHOP[service].pooled))
    due.append(_Due(STALLED, STALLED.rate * max(0.0, state.steal - 0.1)))
    return due
