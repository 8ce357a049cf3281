"""An alarm and an unrelated deploy at one moment, through the whole investigation: what nothing ties together is no certainty."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.analysis.signals import (
    AlarmRecord,
    ChangeRecord,
    IncidentData,
    KpiSeries,
    LogRecord,
    Topology,
    Window,
)
from agents.evaluation.answers import answer
from agents.investigation.memory import memory_ports
from agents.investigation.settings import InvestigationSettings
from schemas.events import Report, Verdict

AT = 1_790_000_000.0
BEGAN = AT - 60.0
NO_TIE = "No tie between billing and search is known"
LEVELS = {"cpu_usage": 0.2, "latency_p95_ms": 40.0, "error_rate": 0.01, "requests": 100.0}
WORSE = {
    ("search", "latency_p95_ms"): 3.0,
    ("billing", "cpu_usage"): 4.0,
    ("billing", "latency_p95_ms"): 9.0,
    ("billing", "error_rate"): 20.0,
}


def coincidence(topology: Topology | None = None, alarmed: str = "search") -> IncidentData:
    """Search answers slowly and raises an alarm; billing has just been deployed, and fails."""
    rng = np.random.default_rng(11)
    times = np.arange(AT - 2000.0, AT + 60.0, 5.0)
    kpis = tuple(
        KpiSeries(service, metric, times, _values(service, metric, level, times, rng))
        for service in ("search", "billing", "mail", "stock")
        for metric, level in LEVELS.items()
    )
    lines = tuple(
        LogRecord(float(at), service, f"GET /{service} 200 in 12 ms")
        for service in ("search", "billing", "mail")
        for at in times
    )
    errors = tuple(
        LogRecord(BEGAN + i, "billing", f"NullPointerException in Invoice.total item {i}", "error")
        for i in range(90)
    )
    return IncidentData(
        window=Window(AT - 1920.0, AT - 120.0, AT + 20.0, AT),
        alarm_service=alarmed,
        alarm_indicator="latency_p95_ms" if alarmed else "",
        kpis=kpis,
        logs=(*lines, *errors),
        alarms=(AlarmRecord(AT, "search", "SlowAnswers", indicator="latency_p95_ms"),),
        changes=(ChangeRecord(BEGAN - 10.0, "billing", "deploy", "deploy billing 2.3.0", "chg-1"),),
        topology=topology or Topology(),
    )


def _values(
    service: str, metric: str, level: float, times: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    usual = level * (1 + 0.03 * rng.standard_normal(times.size))
    return np.where(times >= BEGAN, usual * WORSE.get((service, metric), 1.0), usual)


async def told(data: IncidentData) -> Report:
    return (await answer(data, memory_ports(data, InvestigationSettings()))).report


def calls(**of: str) -> Topology:
    return Topology(calls={caller: frozenset({callee}) for caller, callee in of.items()})


@pytest.mark.parametrize(
    "topology",
    [
        None,
        calls(search="mail", stock="billing"),
        Topology(calls={"stock": frozenset({"search", "billing"})}),
    ],
)
async def test_an_unrelated_deploy_at_the_same_moment_is_named_with_the_doubt_that_it_deserves(
    topology: Topology | None,
) -> None:
    report = await told(coincidence(topology))

    first = report.causes[0]
    assert (first.service, first.kind) == ("billing", "deploy")
    assert first.confidence is not None
    assert first.confidence <= 0.5
    assert NO_TIE in report.summary
    assert NO_TIE in report.markdown
    assert report.path == ()
    assert any("billing and search" in gap and "traces" in gap for gap in report.missing)
    step = report.next_steps[0]
    assert step.action.startswith("Ask whether search depends on billing")
    assert bool(step.query) is (topology is None)


@pytest.mark.parametrize(
    "topology",
    [
        calls(search="billing"),
        calls(billing="search"),
        calls(search="mail", mail="billing"),
        calls(search="mail", billing="mail"),
        Topology(hosted_on={"search": "node-1", "billing": "node-1"}),
    ],
)
async def test_with_a_tie_of_any_kind_nothing_of_it_is_said(topology: Topology) -> None:
    report = await told(coincidence(topology))

    assert report.causes[0].service == "billing"
    assert (report.causes[0].confidence or 0.0) > 0.8
    assert "No tie" not in report.markdown
    assert not any("Ask whether" in one.action for one in report.next_steps)


async def test_a_line_of_the_alarmed_that_names_the_other_is_a_tie() -> None:
    data = coincidence()
    lines = tuple(
        LogRecord(BEGAN + i, "search", f"cannot connect to billing, attempt {i}", "error") for i in range(60)
    )
    report = await told(replace(data, logs=(*data.logs, *lines)))

    assert report.causes[0].service == "billing"
    assert (report.causes[0].confidence or 0.0) > 0.8
    assert "No tie" not in report.markdown


async def test_an_alarm_that_names_nobody_asks_for_no_tie() -> None:
    report = await told(coincidence(alarmed=""))

    assert (report.causes[0].confidence or 0.0) > 0.8
    assert "No tie" not in report.markdown


async def test_what_is_wrong_with_the_alarmed_itself_needs_no_tie() -> None:
    data = coincidence()
    own = tuple(replace(one, service="search", title="deploy search 9.9") for one in data.changes)
    kpis = tuple(
        replace(one, service={"search": "billing", "billing": "search"}.get(one.service, one.service))
        for one in data.kpis
    )
    report = await told(replace(data, kpis=kpis, changes=own, logs=()))

    assert report.verdict is Verdict.CAUSE_FOUND
    assert report.causes[0].service == "search"
    assert (report.causes[0].confidence or 0.0) > 0.8
    assert "No tie" not in report.markdown
