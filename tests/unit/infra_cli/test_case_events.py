from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from agents.analysis.signals import (
    AlarmRecord,
    ChangeRecord,
    IncidentData,
    KpiSeries,
    LogRecord,
    Topology,
    Window,
)
from infra.cli.case_events import CaseEvents, service_topology
from schemas.events import AlarmStatus, ChangeRaw, KpiBatch, LogBatch, LogSeverity, Severity

WINDOW = Window(baseline_start=0.0, start=900.0, end=1_000.0, alarm_at=950.0)
SHIFT = 1_700_000_000.0


def _series(service: str, metric: str, count: int) -> KpiSeries:
    times = np.linspace(0.0, 1_000.0, count)
    return KpiSeries(service, metric, times, np.sin(times))


def _events(data: IncidentData) -> CaseEvents:
    return CaseEvents(data, "replay", SHIFT)


def test_every_sample_is_sent_once_and_moved() -> None:
    data = IncidentData(WINDOW, kpis=tuple(_series("cart", f"m{n}", 9_000) for n in range(5)))
    batches = [one for one in _events(data).telemetry() if isinstance(one, KpiBatch)]
    assert len(batches) > 1, "a message has room for so many samples only"
    sent = {one.metric: one for batch in batches for one in batch.series}
    assert set(sent) == {f"m{n}" for n in range(5)}
    assert sent["m0"].times_ms[0] == SHIFT * 1000
    assert sent["m0"].times_ms[-1] == (SHIFT + 1_000) * 1000
    assert sent["m0"].values == tuple(np.sin(np.linspace(0.0, 1_000.0, 9_000)).tolist())


def test_missing_samples_stay_missing_and_empty_series_are_left_out() -> None:
    times = np.array([1.0, 2.0])
    holes = KpiSeries("cart", "cpu", times, np.array([np.nan, 1.0]))
    nothing = KpiSeries("cart", "mem", np.array([]), np.array([]))
    (batch,) = _events(IncidentData(WINDOW, kpis=(holes, nothing))).telemetry()
    assert isinstance(batch, KpiBatch)
    assert [one.metric for one in batch.series] == ["cpu"]
    assert np.isnan(batch.series[0].values[0])


def test_lines_keep_their_order_and_known_severity() -> None:
    lines = tuple(
        LogRecord(float(n), "cart", f"line {n}", "error" if n % 2 else "odd", f"trace-{n}")
        for n in range(1_200)
    )
    batches = [
        one
        for one in _events(IncidentData(WINDOW, logs=lines[::-1])).telemetry()
        if isinstance(one, LogBatch)
    ]
    records = [record for batch in batches for record in batch.records]
    assert [record.message for record in records] == [f"line {n}" for n in range(1_200)]
    assert [record.trace_id for record in records] == [f"trace-{n}" for n in range(1_200)]
    assert {record.severity for record in records} == {LogSeverity.INFO, LogSeverity.ERROR}
    assert records[0].at == datetime.fromtimestamp(SHIFT, UTC)


def test_alarms_keep_what_distinguishes_them() -> None:
    records = (
        AlarmRecord(
            20.0, "cart", "cpu", kind="metric", indicator="cpu", detail="high", entity="cart-1", host="n1"
        ),
        AlarmRecord(10.0, "cart", "cpu", severity="critical"),
        AlarmRecord(30.0, "cart", "cpu", cleared=True),
    )
    first, second, third = _events(IncidentData(WINDOW, alarms=records)).alarms()
    assert first.severity is Severity.CRITICAL
    assert (second.labels, second.entity, second.host, second.indicator) == (
        {"kind": "metric"},
        "cart-1",
        "n1",
        "cpu",
    )
    assert second.fingerprint != first.fingerprint
    assert (third.status, third.severity) == (AlarmStatus.CLEARED, Severity.CLEARED)


def test_a_case_without_alarms_has_the_one_that_opened_it() -> None:
    (alarm,) = _events(IncidentData(WINDOW, alarm_service="web", alarm_indicator="latency")).alarms()
    assert (alarm.service, alarm.name, alarm.indicator) == ("web", "latency", "latency")
    assert alarm.started_at == datetime.fromtimestamp(SHIFT + 950.0, UTC)
    (nameless,) = _events(IncidentData(WINDOW)).alarms()
    assert (nameless.service, nameless.name) == ("unknown", "alarm")


def test_changes_and_topology_are_carried_over() -> None:
    data = IncidentData(WINDOW, changes=(ChangeRecord(5.0, "cart", "deploy", "cart 1.2"),))
    (change,) = _events(data).telemetry()
    assert isinstance(change, ChangeRaw)
    assert (change.title, change.kind.value) == ("cart 1.2", "deploy")
    topology = Topology(calls={"web": frozenset({"pay", "cart"})}, hosted_on={"cart": "n1"})
    assert service_topology("t", topology).calls == {"web": ("cart", "pay")}
    assert service_topology("t", topology).hosts == {"cart": "n1"}
