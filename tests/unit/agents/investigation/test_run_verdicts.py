from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from agents.analysis.findings import FindingKind, Source
from agents.investigation.memory import (
    MemoryHistory,
    MemoryRunbooks,
)
from agents.ports import Admitted, BudgetLevel
from schemas.control import Runbook
from schemas.events.ledger import CostEntry
from schemas.events.report import Verdict
from tests.fakes.incident_data import ALARM_AT, bad_deploy, empty, healthy
from tests.fakes.incident_ports import (
    Door,
    ListRecorder,
    UnreachableWindows,
    evidence_in,
    states_and_steps,
)
from tests.fakes.investigation_runs import ports_for, published, run


async def test_a_bad_deploy_is_found_and_its_symptoms_are_ruled_out() -> None:
    data = bad_deploy()
    ports = ports_for(data)

    report = await run(data, ports)

    assert report.verdict is Verdict.CAUSE_FOUND
    assert (report.causes[0].service, report.causes[0].kind) == ("cart", "deploy")
    assert {one.service for one in report.ruled_out} == {"checkout", "frontend"}
    assert "deploy cart 1.4.2" in report.headline
    assert report.confidence is not None
    assert report.confidence > 0.5
    assert report.missing == ()


async def test_everything_cited_was_published_before_the_report() -> None:
    data = bad_deploy()
    ports = ports_for(data)

    report = await run(data, ports)

    events = published(ports)
    ids = {event.event_id for event in events[: events.index(report)]}
    cited = [i for cause in report.causes for i in cause.evidence_ids]
    cited += [i for one in report.ruled_out for i in one.evidence_ids]
    cited += [entry.evidence_id for entry in report.timeline]
    assert cited
    assert set(cited) <= ids


async def test_an_alarm_with_nothing_behind_it_is_benign() -> None:
    data = healthy()

    report = await run(data, ports_for(data))

    assert report.verdict is Verdict.BENIGN
    assert report.causes == ()
    assert report.confidence is not None
    assert [one.service for one in report.ruled_out] == ["frontend"]


async def test_an_alarm_is_no_cause_where_nothing_could_be_read() -> None:
    report = await run(empty(), ports_for(empty()))

    assert report.verdict is Verdict.DATA_UNAVAILABLE
    assert report.causes == ()
    assert report.confidence is None
    assert len(report.missing) == 2


async def test_an_unreachable_source_is_a_finding_and_the_rest_is_used() -> None:
    data = bad_deploy()
    windows = UnreachableWindows(data, {"logs": 99})
    ports = ports_for(data, windows=windows)

    report = await run(data, ports)

    assert windows.asked.count("logs") == ports.settings.fetch_attempts
    assert report.verdict is Verdict.CAUSE_FOUND
    assert report.causes[0].service == "cart"
    assert any("logs could not be read" in gap for gap in report.missing)
    kinds = {(one.step, one.kind) for one in evidence_in(published(ports))}
    assert ("logs", FindingKind.UNREACHABLE) in kinds


async def test_a_source_that_comes_back_is_used() -> None:
    data = bad_deploy()
    ports = ports_for(
        data, windows=UnreachableWindows(data, {"kpis": 2, "logs": 1, "calls": 1, "topology": 0})
    )

    report = await run(data, ports)

    assert report.missing == ()
    assert report.causes[0].service == "cart"


async def test_without_any_source_there_is_no_verdict_but_a_report() -> None:
    data = bad_deploy()
    down = dict.fromkeys(("kpis", "logs", "alarms", "changes", "calls", "topology"), 99)
    ports = ports_for(data, windows=UnreachableWindows(data, down))

    report = await run(data, ports)

    assert report.verdict is Verdict.DATA_UNAVAILABLE
    assert len([gap for gap in report.missing if "could not be read" in gap]) == 5


async def test_the_costs_add_up_and_each_query_has_its_own_entry() -> None:
    data = bad_deploy()
    ports = ports_for(data)

    report = await run(data, ports)

    entries = [event for event in published(ports) if isinstance(event, CostEntry)]
    assert len({entry.event_id for entry in entries}) == len(entries) == 9
    assert report.cost_nano_usd == sum(entry.cost_nano_usd or 0 for entry in entries)
    assert {entry.service for entry in entries} == {"frontend"}
    assert report.investigation_id in report.markdown.split("## Cost")[1]


async def test_an_unpriced_query_makes_the_cost_unknown_never_zero() -> None:
    data = bad_deploy()
    ports = ports_for(data)
    ports = replace(ports, settings=ports.settings.model_copy(update={"nano_usd_per_million_rows": None}))

    report = await run(data, ports)

    assert report.cost_nano_usd is None
    assert "no known price" in report.markdown


async def test_every_step_says_that_it_is_done_and_the_run_that_it_is_complete() -> None:
    data, recorder = bad_deploy(), ListRecorder()
    ports = ports_for(data, recorder=recorder)

    await run(data, ports)

    told = states_and_steps(published(ports))
    assert told[0] == ("running", "guard")
    assert told[-1] == ("completed", "")
    assert {step for _, step in told if step} == {
        *("guard", "plan", "wait", "rank", "verify", "summarise"),
        *(f"gather_{source}" for source in Source),
    }
    assert ("tocsin_investigations_total", 1, {"verdict": "cause_found"}) in recorder.kept
    assert [v for name, v, _ in recorder.kept if name == "tocsin_active_investigations"] == [1, 0]


async def test_the_same_run_twice_publishes_the_same_ids() -> None:
    data = bad_deploy()
    one, other = ports_for(data), ports_for(data)

    first, second = await run(data, one), await run(data, other)

    assert {event.event_id for event in published(one)} == {event.event_id for event in published(other)}
    assert first.report_id == second.report_id


async def test_runbooks_and_past_incidents_are_cited_knowledge() -> None:
    data = bad_deploy()
    earlier = await run(data, ports_for(data))
    past = earlier.model_copy(
        update={
            "investigation_id": "inv_past",
            "finished_at": datetime.fromtimestamp(ALARM_AT, tz=UTC) - timedelta(days=3),
        }
    )
    book = Runbook(
        runbook_id="rb-1", tenant="local", title="Frontend latency", body="look", services=("frontend",)
    )
    foreign = book.model_copy(update={"runbook_id": "rb-2", "tenant": "other"})
    ports = ports_for(data, history=MemoryHistory([past]), runbooks=MemoryRunbooks((book, foreign)))

    await run(data, ports)

    known = [one for one in evidence_in(published(ports)) if one.step == "knowledge"]
    assert {one.kind for one in known} == {FindingKind.PAST_INCIDENT, FindingKind.RUNBOOK}
    assert len(known) == 2


async def test_a_short_budget_looks_near_the_alarm_only() -> None:
    data = bad_deploy()
    calls = {**data.topology.calls, "batch": frozenset({"warehouse"})}
    data = replace(data, topology=replace(data.topology, calls=calls))
    ports = ports_for(data, admission=Door(Admitted(BudgetLevel.AGGRESSIVE)))

    report = await run(data, ports)

    assert report.causes[0].service == "cart"


async def test_log_lines_that_are_as_usual_are_measurements_too() -> None:
    calm = replace(healthy(), kpis=())

    report = await run(calm, ports_for(calm))

    assert report.verdict is Verdict.BENIGN
