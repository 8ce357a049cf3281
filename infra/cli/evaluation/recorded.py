"""What a play left in the tables: its events in the form that the analysis reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from agents.analysis.signals import AlarmRecord, ChangeRecord, KpiSeries, LogRecord
from infra.cli.evaluation.declared import Scenario
from infra.local.shop.run import Tick
from infra.local.shop.staging import Staged
from schemas.events import AlarmRaw, AlarmStatus, ChangeRaw, Event, KpiBatch, LogBatch

__all__ = ["Recorded", "after_earlier", "alarm_record", "measured", "recorded"]

_SLACK_S = 45.0
"""Measurements are told in batches, and a clock may be ahead: a little more than the window asks for."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Telemetry of one incident; times in unix seconds."""

    kpis: tuple[KpiSeries, ...]
    logs: tuple[LogRecord, ...]
    alarms: tuple[AlarmRecord, ...]
    changes: tuple[ChangeRecord, ...]
    topology: bool = True
    """Whether somebody has told who calls whom."""
    skew_s: float = 0.0
    """By how much an alarm may seem to come before its cause."""


def recorded(staged: Staged, scenario: Scenario, history_s: float, after_s: float) -> Recorded:
    """Play until `after_s` seconds behind the first alarm; without one until somebody asks, and as long behind that."""
    known = list(staged.history(history_s))
    onset = staged.plan.start.timestamp() + staged.onset_s
    watched_s = max(scenario.length_s, scenario.asked_s) + after_s + _SLACK_S
    ends_at, opened = onset + watched_s, False
    for tick in staged.ticks(staged.onset_s + watched_s):
        known.append(tick)
        now = tick.at.timestamp()
        if not opened and any(_opens(event, onset) for event in tick.events):
            opened, ends_at = True, now + after_s + _SLACK_S
        if now >= ends_at:
            break
    return _recorded(known)


def measured(staged: Staged, history_s: float, after_s: float) -> tuple[KpiSeries, ...]:
    """Play until `after_s` seconds behind the onset, and return what was measured."""
    ticks = [*staged.history(history_s), *staged.ticks(staged.onset_s + after_s)]
    return tuple(_series(ticks))


def after_earlier(kpis: Sequence[KpiSeries], earlier: Sequence[KpiSeries]) -> tuple[KpiSeries, ...]:
    """Return the series, each after what is known of it from an earlier day."""
    known = {(one.service, one.metric): one for one in earlier}
    return tuple(_joined(known.get((one.service, one.metric)), one) for one in kpis)


def _joined(before: KpiSeries | None, series: KpiSeries) -> KpiSeries:
    if before is None or before.landed is None or series.landed is None:
        return series
    return replace(
        series,
        times=np.concatenate([before.times, series.times]),
        values=np.concatenate([before.values, series.values]),
        landed=np.concatenate([before.landed, series.landed]),
    )


def _opens(event: Event, onset: float) -> bool:
    return (
        isinstance(event, AlarmRaw)
        and event.status is AlarmStatus.FIRING
        and event.started_at.timestamp() >= onset
    )


def _recorded(ticks: Sequence[Tick]) -> Recorded:
    """What became known at a tick has landed then."""
    known = [event for tick in ticks for event in tick.events]
    return Recorded(
        kpis=tuple(_series(ticks)),
        logs=tuple(line for tick in ticks for line in _lines(tick)),
        alarms=tuple(alarm_record(one) for one in known if isinstance(one, AlarmRaw)),
        changes=tuple(
            ChangeRecord(one.occurred_at.timestamp(), one.service, one.kind.value, one.title, one.event_id)
            for one in known
            if isinstance(one, ChangeRaw)
        ),
    )


def _series(ticks: Iterable[Tick]) -> Iterator[KpiSeries]:
    columns: dict[tuple[str, str, str], tuple[list[int], list[float], list[float]]] = {}
    told = ((tick.at, one) for tick in ticks for one in tick.events if isinstance(one, KpiBatch))
    for at, batch in told:
        for one in batch.series:
            name = (batch.service, one.metric, one.unit)
            times, values, landed = columns.setdefault(name, ([], [], []))
            times.extend(one.times_ms)
            values.extend(one.values)
            landed.extend([at.timestamp()] * len(one.times_ms))
    for (service, metric, unit), (times, values, landed) in columns.items():
        yield KpiSeries(
            service, metric, np.array(times) / 1000.0, np.array(values), unit, landed=np.array(landed)
        )


def _lines(tick: Tick) -> Iterator[LogRecord]:
    landed = tick.at.timestamp()
    for batch in tick.events:
        if isinstance(batch, LogBatch):
            for line in batch.records:
                yield LogRecord(
                    line.at.timestamp(),
                    batch.service,
                    line.message,
                    line.severity.value,
                    line.trace_id,
                    landed,
                )


def alarm_record(event: AlarmRaw) -> AlarmRecord:
    """Return an alarm as the agents are told of it."""
    return AlarmRecord(
        time=event.occurred_at.timestamp(),
        service=event.service,
        name=event.name,
        severity=event.severity.value,
        entity=event.entity,
        host=event.host,
        indicator=event.indicator,
        detail=event.summary,
        cleared=event.status is AlarmStatus.CLEARED,
    )
