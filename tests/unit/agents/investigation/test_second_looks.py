from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agents.analysis.findings import Source
from agents.investigation.context import InvestigationPorts
from agents.investigation.evidence import fingerprint
from agents.ports import Landed
from schemas.events.evidence import Evidence
from schemas.events.investigation import InvestigationStatus
from schemas.events.report import Report, Verdict
from tests.fakes.incident_data import bad_deploy, healthy
from tests.fakes.incident_ports import (
    Landing,
    StepClock,
    evidence_in,
    states_and_steps,
)
from tests.fakes.investigation_runs import ports_for, published, run


async def test_the_run_waits_for_late_data_and_says_so() -> None:
    data, clock = bad_deploy(), StepClock()
    end = datetime.fromtimestamp(data.window.end, tz=UTC)
    behind = {Source.KPIS: Landed(event_time=end - timedelta(seconds=5)), Source.LOGS: Landed(event_time=end)}
    there = {Source.KPIS: Landed(event_time=end), Source.LOGS: Landed(event_time=end)}
    ports = ports_for(data, clock=clock, freshness=Landing([behind, behind, there]))

    report = await run(data, ports)

    assert report.missing == ()
    assert ("waiting", "wait") in states_and_steps(published(ports))
    assert len(clock.slept) == 2


async def test_data_that_never_lands_bounds_the_wait_and_forbids_benign() -> None:
    data, clock = healthy(), StepClock()
    ports = ports_for(data, clock=clock, freshness=Landing([{Source.KPIS: Landed()}]))

    report = await run(data, ports)

    assert sum(clock.slept) >= ports.settings.wait_limit_s
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "kpis" in report.missing[0]


async def test_an_inconclusive_run_looks_again_further_back_once() -> None:
    data, clock = healthy(), StepClock()
    ports = ports_for(data, clock=clock, freshness=Landing([{Source.KPIS: Landed()}]))
    ports = replace(
        ports, settings=ports.settings.model_copy(update={"max_widenings": 1, "wait_limit_s": 1.0})
    )

    report = await run(data, ports)

    assert report.verdict is Verdict.INCONCLUSIVE
    steps = [step for state, step in states_and_steps(published(ports)) if state == "running"]
    assert [step for step in steps if step.startswith("verify")] == ["verify", "verify.2"]
    assert {"plan.2", "wait.2", "gather_kpis.2", "gather_topology.2", "rank.2", "summarise.2"} <= set(steps)
    assert "plan.3" not in steps
    assert states_and_steps(published(ports)).count(("waiting", "wait.2")) == 1


async def looking_twice() -> InvestigationPorts:
    """The ports of a run over healthy data that looked again."""
    data = healthy()
    ports = ports_for(data, clock=StepClock(), freshness=Landing([{Source.KPIS: Landed()}]))
    settings = ports.settings.model_copy(update={"max_widenings": 1, "wait_limit_s": 1.0})
    ports = replace(ports, settings=settings)
    await run(data, ports)
    return ports


async def test_a_second_look_publishes_no_event_twice_that_has_not_changed() -> None:
    events = published(await looking_twice())

    told: dict[str, set[str]] = {}
    for one in evidence_in(events):
        assert fingerprint(one) not in told.setdefault(one.event_id, set())
        told[one.event_id].add(fingerprint(one))
    others = [event.event_id for event in events if not isinstance(event, Evidence)]
    assert len(others) == len(set(others)), "statuses and costs of the second look are events of their own"
    messages = [event.message for event in events if isinstance(event, InvestigationStatus)]
    assert any("0 of them new or changed" in message for message in messages)


async def test_a_second_look_is_further_on_than_the_first_ones_verdict() -> None:
    events = published(await looking_twice())

    told = [event for event in events if isinstance(event, InvestigationStatus)]
    second = [one.progress for one in told if one.step.endswith(".2")]
    assert min(second) >= max(one.progress for one in told if one.step == "verify")
    assert max(second) < 1.0


async def test_what_a_report_cites_is_what_was_published() -> None:
    ports = await looking_twice()

    (report,) = [event for event in published(ports) if isinstance(event, Report)]
    cited = {i for one in report.ruled_out for i in one.evidence_ids}
    known = {event.event_id: event for event in evidence_in(published(ports))}
    assert cited
    assert cited <= set(known)
    for one in report.ruled_out:
        assert any(known[i].statement in one.reason for i in one.evidence_ids)
