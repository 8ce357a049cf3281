"""What the analysis makes of the simulated shop: faults are found, calm is left in peace."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
import pytest

from agents.analysis.alarms import analyse_alarms
from agents.analysis.changes import analyse_changes
from agents.analysis.fusion import Ranking, rank_causes
from agents.analysis.kpi import analyse_kpis
from agents.analysis.logs import analyse_logs
from agents.analysis.signals import (
    ChangeRecord,
    IncidentData,
    KpiSeries,
    LogRecord,
    Topology,
    Window,
)
from agents.analysis.topology import analyse_topology
from infra.cli.evaluation.recorded import alarm_record
from infra.local.shop.faults import FaultKind, choose_fault
from infra.local.shop.simulation import Shop
from infra.local.shop.topology import SHOP, shop_topology
from schemas.events import AlarmRaw, ChangeRaw, Event, KpiBatch, LogBatch

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEAD_S, BASELINE_S, OBSERVE_S = 120.0, 1800.0, 20.0
TICKS_S = 90.0


def events_of(shop: Shop) -> list[Event]:
    ticks = [*shop.history(LEAD_S + BASELINE_S), *shop.ticks(TICKS_S)]
    return [event for tick in ticks for event in tick.events]


def window_at(alarm_at: float) -> Window:
    start = alarm_at - LEAD_S
    return Window(start - BASELINE_S, start, alarm_at + OBSERVE_S, alarm_at)


def series_of(events: Iterable[Event], window: Window) -> tuple[KpiSeries, ...]:
    columns: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    for event in events:
        if isinstance(event, KpiBatch):
            for one in event.series:
                times, values = columns.setdefault((event.service, one.metric), ([], []))
                times.extend(at / 1000 for at in one.times_ms)
                values.extend(one.values)
    found = []
    for (service, metric), (times, values) in columns.items():
        at, level = np.array(times), np.array(values)
        inside = (at >= window.baseline_start) & (at <= window.end)
        found.append(KpiSeries(service, metric, at[inside], level[inside]))
    return tuple(found)


def incident(events: list[Event], service: str, indicator: str, alarm_at: float) -> IncidentData:
    window = window_at(alarm_at)
    known = shop_topology("acme")
    seen = [e for e in events if window.baseline_start <= e.occurred_at.timestamp() <= window.end]
    return IncidentData(
        window=window,
        alarm_service=service,
        alarm_indicator=indicator,
        candidates=frozenset(SHOP),
        kpis=series_of(events, window),
        alarms=tuple(alarm_record(e) for e in seen if isinstance(e, AlarmRaw)),
        logs=tuple(
            LogRecord(line.at.timestamp(), e.service, line.message, line.severity.value)
            for e in events
            if isinstance(e, LogBatch)
            for line in e.records
            if line.at.timestamp() <= window.end
        ),
        changes=tuple(
            ChangeRecord(e.occurred_at.timestamp(), e.service, e.kind.value, e.title, e.event_id)
            for e in seen
            if isinstance(e, ChangeRaw)
        ),
        topology=Topology(
            {caller: frozenset(callees) for caller, callees in known.calls.items()},
            frozenset(SHOP),
            known.hosts,
        ),
    )


def ranked(data: IncidentData) -> Ranking:
    window = data.window
    findings = [
        *analyse_kpis(data.kpis, window),
        *analyse_alarms(data.alarms, window, data.alarm_service),
        *analyse_logs(data.logs, window),
        *analyse_changes(data.changes, window),
    ]
    findings += analyse_topology(findings, data.topology, data.alarm_service, data.candidates)
    return rank_causes(findings, data.topology, data.alarm_service, data.alarm_indicator, data.candidates)


def first_alarm(events: Iterable[Event]) -> AlarmRaw:
    return next(event for event in events if isinstance(event, AlarmRaw))


@pytest.mark.timeout(900)
def test_faults_of_every_kind_are_traced_to_their_owner() -> None:
    wrong = []
    for kind in FaultKind:
        for seed in (0, 1):
            fault = choose_fault(kind, seed)
            events = events_of(Shop(seed, fault, "acme", START))
            alarm = first_alarm(events)
            ranking = ranked(incident(events, alarm.service, alarm.indicator, alarm.started_at.timestamp()))
            if ranking.causes[0].service != fault.expected_service:
                wrong.append((kind.value, seed, fault.service, ranking.causes[0].service))
    assert len(wrong) <= 1, wrong


@pytest.mark.parametrize("seed", range(3))
def test_nobody_is_accused_when_all_is_well(seed: int) -> None:
    events = events_of(Shop(seed, None, "acme", START))
    at = START.timestamp() + 60.0
    assert not ranked(incident(events, "web-frontend", "", at)).abnormal


@pytest.mark.parametrize("seed", range(3))
def test_nobody_is_accused_of_a_harmless_peak(seed: int) -> None:
    events = events_of(Shop(seed, None, "acme", START, harmless_at_s=30.0))
    alarm = first_alarm(events)
    data = incident(events, alarm.service, alarm.indicator, alarm.started_at.timestamp())
    assert not ranked(data).abnormal
