from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agents.analysis.findings import FindingKind, Source
from agents.analysis.signals import IncidentData
from agents.investigation.checkpoints import checkpoint_serializer
from agents.investigation.context import InvestigationPorts
from agents.investigation.evidence import fingerprint
from agents.investigation.memory import (
    CollectingPublisher,
    MemoryHistory,
    MemoryRunbooks,
    memory_ports,
    request_for,
)
from agents.investigation.outcomes import Cancelled, Postponed, Refused, Reported
from agents.investigation.run import Investigations
from agents.ports import Admitted, BudgetLevel, Denied, Landed, Published
from schemas.control import Runbook
from schemas.errors import InvalidRequestError, LeaseLostError, UnavailableError
from schemas.events.evidence import Evidence
from schemas.events.investigation import InvestigationRequested, InvestigationStatus, RequestKind
from schemas.events.ledger import Audit, CostEntry
from schemas.events.report import Report, Verdict
from tests.fakes.incident_data import ALARM_AT, bad_deploy, empty, healthy
from tests.fakes.incident_ports import (
    CancelAfter,
    Door,
    Landing,
    LeaseUntil,
    ListRecorder,
    StepClock,
    UnreachableWindows,
    evidence_in,
    quick,
    states_and_steps,
)


def ports_for(data: IncidentData, **changes: object) -> InvestigationPorts:
    return replace(memory_ports(data, quick(data)), **changes)  # type: ignore[arg-type]  # by name, checked by the test


async def run(data: IncidentData, ports: InvestigationPorts) -> Report:
    outcome = await Investigations(ports.settings).investigate(request_for(data), ports)
    assert isinstance(outcome, Reported)
    return outcome.report


def published(ports: InvestigationPorts) -> list[Published]:
    assert isinstance(ports.publisher, CollectingPublisher)
    return ports.publisher.order


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


@dataclass
class TakenBack:
    """A Standing that says what the test says."""

    taken_back: str = ""


async def test_a_request_that_is_taken_back_meanwhile_is_answered_and_that_noted() -> None:
    data, standing = bad_deploy(), TakenBack()

    class Clearing(CollectingPublisher):
        async def publish(self, *events: Published) -> None:
            if any(isinstance(event, Evidence) for event in events):
                standing.taken_back = "the incident cleared"
            await super().publish(*events)

    ports = ports_for(data, publisher=Clearing(), standing=standing)
    report = await run(data, ports)

    note = "The request was taken back while this was investigated: the incident cleared."
    assert report.verdict is Verdict.CAUSE_FOUND
    assert report.summary.endswith(note)
    assert note in report.markdown
    assert states_and_steps(published(ports))[-1] == ("completed", "")


async def test_a_request_that_stands_is_not_noted() -> None:
    data = bad_deploy()
    plain = await run(data, ports_for(data))
    assert (await run(data, ports_for(data, standing=TakenBack()))).summary == plain.summary
    assert "taken back" not in plain.summary


async def test_the_costs_add_up_and_each_query_has_its_own_entry() -> None:
    data = bad_deploy()
    ports = ports_for(data)

    report = await run(data, ports)

    entries = [event for event in published(ports) if isinstance(event, CostEntry)]
    assert len({entry.event_id for entry in entries}) == len(entries) == 7
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


def recurrence(data: IncidentData, of: str) -> InvestigationRequested:
    first = request_for(data, case="again")
    changed = {"kind": RequestKind.RECURRENCE, "recurrence_of": of, "event_id": ""}
    return InvestigationRequested.model_validate({**first.model_dump(), **changed})


async def test_a_recurrence_is_answered_from_memory_for_a_fraction_of_the_cost() -> None:
    data = bad_deploy()
    first = await run(data, ports_for(data))
    ports = ports_for(data, history=MemoryHistory([first]))

    outcome = await Investigations(ports.settings).investigate(
        recurrence(data, first.investigation_id), ports
    )

    assert isinstance(outcome, Reported)
    again = outcome.report
    assert again.verdict is Verdict.CAUSE_FOUND
    assert again.recurrence_of == first.investigation_id
    assert again.causes[0].service == "cart"
    assert "still holds" in again.causes[0].statement
    assert again.cost_nano_usd is not None
    assert first.cost_nano_usd is not None
    assert again.cost_nano_usd < first.cost_nano_usd / 2
    assert ("running", "gather_kpis") not in states_and_steps(published(ports))


async def test_an_answer_that_holds_no_more_leads_to_a_full_investigation() -> None:
    first = await run(bad_deploy(), ports_for(bad_deploy()))
    calm = healthy()
    ports = ports_for(calm, history=MemoryHistory([first]))

    outcome = await Investigations(ports.settings).investigate(
        recurrence(calm, first.investigation_id), ports
    )

    assert isinstance(outcome, Reported)
    assert outcome.report.verdict is Verdict.BENIGN
    assert outcome.report.recurrence_of == ""
    assert ("running", "gather_kpis") in states_and_steps(published(ports))


async def test_a_harmless_alarm_that_comes_again_is_answered_from_memory() -> None:
    calm = healthy()
    first = await run(calm, ports_for(calm))
    ports = ports_for(calm, history=MemoryHistory([first]))

    outcome = await Investigations(ports.settings).investigate(
        recurrence(calm, first.investigation_id), ports
    )

    assert isinstance(outcome, Reported)
    assert outcome.report.verdict is Verdict.BENIGN
    assert outcome.report.recurrence_of == first.investigation_id


@pytest.mark.parametrize("known", [True, False])
async def test_a_recurrence_without_an_answer_to_check_is_investigated_in_full(known: bool) -> None:
    data = bad_deploy()
    nothing = (await run(empty(), ports_for(empty()))).model_copy(update={"investigation_id": "inv_1"})
    ports = ports_for(data, history=MemoryHistory([nothing] if known else []))

    outcome = await Investigations(ports.settings).investigate(recurrence(data, "inv_1"), ports)

    assert isinstance(outcome, Reported)
    assert outcome.report.verdict is Verdict.CAUSE_FOUND
    assert outcome.report.recurrence_of == ""


async def test_a_refused_investigation_reads_nothing_and_is_on_record() -> None:
    data = bad_deploy()
    windows = UnreachableWindows(data, {})
    ports = ports_for(data, windows=windows, admission=Door(Denied("10 of 10 investigations made today")))

    outcome = await Investigations(ports.settings).investigate(request_for(data), ports)

    assert outcome == Refused("10 of 10 investigations made today")
    assert windows.asked == []
    audits = [event for event in published(ports) if isinstance(event, Audit)]
    assert [(audit.allowed, audit.resource) for audit in audits] == [
        (False, request_for(data).investigation_id)
    ]
    assert states_and_steps(published(ports))[-1] == ("refused", "")


async def test_a_denial_with_a_time_postpones_and_can_be_tried_again() -> None:
    data = bad_deploy()
    until = datetime(2027, 1, 1, tzinfo=UTC)
    saver = InMemorySaver(serde=checkpoint_serializer())
    investigations = Investigations(quick(data), saver)

    outcome = await investigations.investigate(
        request_for(data), ports_for(data, admission=Door(Denied("over budget", until)))
    )
    later = await investigations.investigate(request_for(data), ports_for(data))

    assert outcome == Postponed("over budget", until)
    assert isinstance(later, Reported)


async def test_a_cancelled_run_stops_between_two_steps() -> None:
    data = bad_deploy()
    ports = ports_for(data, cancellation=CancelAfter(3))

    outcome = await Investigations(ports.settings).investigate(request_for(data), ports)

    assert outcome == Cancelled("its alarms cleared")
    assert not any(isinstance(event, Report) for event in published(ports))
    assert states_and_steps(published(ports))[-1] == ("cancelled", "")


async def test_a_lost_lease_ends_the_run_at_once() -> None:
    data = bad_deploy()
    ports = ports_for(data, lease=LeaseUntil(3))

    with pytest.raises(LeaseLostError):
        await Investigations(ports.settings).investigate(request_for(data), ports)

    assert not any(isinstance(event, Evidence | Report) for event in published(ports))


async def test_a_run_goes_on_from_its_checkpoint_and_says_so() -> None:
    data = bad_deploy()
    saver = InMemorySaver(serde=checkpoint_serializer())
    investigations = Investigations(quick(data), saver)
    first = ports_for(data, lease=LeaseUntil(3 + 5))
    with pytest.raises(LeaseLostError):
        await investigations.investigate(request_for(data), first)

    second = ports_for(data, windows=UnreachableWindows(data, {}))
    outcome = await investigations.investigate(request_for(data), second, worker="w2")

    assert isinstance(outcome, Reported)
    assert outcome.report.verdict is Verdict.CAUSE_FOUND
    assert isinstance(second.windows, UnreachableWindows)
    assert "kpis" not in second.windows.asked
    told = [event for event in published(second) if isinstance(event, InvestigationStatus)]
    assert (told[0].state.value, told[0].attempt, told[0].worker) == ("resumed", 2, "w2")
    assert {one.attempt for one in told} == {2}
    undisturbed = await run(data, ports_for(data))
    assert outcome.report.causes == undisturbed.causes
    assert outcome.report.timeline == undisturbed.timeline


async def test_asked_again_after_the_end_it_answers_the_same_and_tells_the_same_end() -> None:
    data, recorder = bad_deploy(), ListRecorder()
    investigations = Investigations(quick(data), InMemorySaver(serde=checkpoint_serializer()))
    first = ports_for(data)
    ended = await investigations.investigate(request_for(data), first)
    ports = ports_for(data, recorder=recorder)

    again = await investigations.investigate(request_for(data), ports, attempt=2)

    assert again == ended
    assert [event.event_id for event in published(ports)] == [published(first)[-1].event_id]
    assert states_and_steps(published(ports)) == [("completed", "")]
    assert recorder.kept == [], "it was measured when it ended"


async def test_an_end_that_could_not_be_told_is_told_by_the_next_attempt() -> None:
    class Mute(CollectingPublisher):
        async def publish(self, *events: Published) -> None:
            if any(isinstance(e, InvestigationStatus) and e.state.value == "completed" for e in events):
                raise UnavailableError("the broker is away")
            await super().publish(*events)

    data = bad_deploy()
    investigations = Investigations(quick(data), InMemorySaver(serde=checkpoint_serializer()))
    with pytest.raises(UnavailableError):
        await investigations.investigate(request_for(data), ports_for(data, publisher=Mute()))
    ports = ports_for(data)

    outcome = await investigations.investigate(request_for(data), ports, attempt=2)

    assert isinstance(outcome, Reported)
    told = [event for event in published(ports) if isinstance(event, InvestigationStatus)]
    assert [(one.state.value, one.message) for one in told] == [("completed", outcome.report.headline)]


async def test_a_second_attempt_without_a_checkpoint_says_that_it_begins_again() -> None:
    data = bad_deploy()
    ports = ports_for(data)

    await Investigations(ports.settings).investigate(request_for(data), ports, attempt=2)

    first = published(ports)[0]
    assert isinstance(first, InvestigationStatus)
    assert (first.state.value, first.message) == ("resumed", "taken up again from the beginning")


async def test_an_id_that_belongs_to_another_incident_is_a_defect_of_the_caller() -> None:
    data = bad_deploy()
    investigations = Investigations(quick(data), InMemorySaver(serde=checkpoint_serializer()))
    with pytest.raises(LeaseLostError):
        await investigations.investigate(request_for(data), ports_for(data, lease=LeaseUntil(2)))
    other = request_for(data, case="other")
    forged = other.model_copy(update={"investigation_id": request_for(data).investigation_id})

    with pytest.raises(InvalidRequestError):
        await investigations.investigate(forged, ports_for(data))


async def test_a_publisher_that_is_away_fails_the_run_and_the_next_goes_on() -> None:
    class Away(CollectingPublisher):
        async def publish(self, *events: Published) -> None:
            if any(isinstance(event, Report) for event in events):
                raise UnavailableError("the broker is away")
            await super().publish(*events)

    data = bad_deploy()
    investigations = Investigations(quick(data), InMemorySaver(serde=checkpoint_serializer()))
    with pytest.raises(UnavailableError):
        await investigations.investigate(request_for(data), ports_for(data, publisher=Away()))

    outcome = await investigations.investigate(request_for(data), ports_for(data))

    assert isinstance(outcome, Reported)


async def test_a_short_budget_looks_near_the_alarm_only() -> None:
    data = bad_deploy()
    calls = {**data.topology.calls, "batch": frozenset({"warehouse"})}
    data = replace(data, topology=replace(data.topology, calls=calls))
    ports = ports_for(data, admission=Door(Admitted(BudgetLevel.AGGRESSIVE)))

    report = await run(data, ports)

    assert report.causes[0].service == "cart"
