"""What is usual is learned from normal life: not from an outage that was there shortly before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from agents.analysis.findings import FindingKind
from agents.investigation.context import InvestigationPorts
from agents.investigation.memory import MemoryHistory
from agents.investigation.nodes.plan import first_window, plan
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from agents.investigation.state import LookWindow, Span
from agents.investigation.troubles import untroubled
from agents.ports import Fetched, Trouble
from schemas.errors import UnavailableError
from schemas.events.evidence import Evidence
from schemas.events.report import Verdict
from tests.fakes.incident_data import EARLIER, bad_deploy, bad_deploy_again
from tests.fakes.incident_ports import collected, context_for, state_for
from tests.fakes.investigation_runs import ports_for, published, recurrence, run

ALARM = datetime(2026, 11, 1, 12, tzinfo=UTC)
LEAD_S = 120.0
WINDOW = LookWindow(
    baseline_start=ALARM - timedelta(minutes=32),
    start=ALARM - timedelta(minutes=2),
    end=ALARM + timedelta(minutes=1),
    alarm_at=ALARM,
)
OUTAGE = Trouble("inc_before", *(datetime.fromtimestamp(at, tz=UTC) for at in EARLIER))


def trouble(first: float, last: float | None) -> Trouble:
    """One of so many minutes before the alarm to so many; still there for None."""
    until = None if last is None else ALARM - timedelta(minutes=last)
    return Trouble(f"inc_{first}", ALARM - timedelta(minutes=first), until)


def spans(troubles: Sequence[Trouble]) -> list[tuple[float, float]]:
    """What is left out, in minutes before the alarm."""
    window = untroubled(WINDOW, troubles, LEAD_S)
    return [tuple((ALARM - at).total_seconds() / 60 for at in (s.since, s.until)) for s in window.left_out]  # type: ignore[misc]  # two of two


def measured(ports: InvestigationPorts, service: str) -> set[str]:
    """The kinds of what was published of a service's measurements."""
    told = [one for one in published(ports) if isinstance(one, Evidence)]
    return {one.kind for one in told if (one.step, one.service) == ("kpis", service)}


def test_a_trouble_takes_the_time_before_its_late_alarm_with_it() -> None:
    assert spans([trouble(20, 15)]) == [(22, 15)]


def test_the_baseline_begins_as_much_earlier_as_troubles_take_of_it() -> None:
    window = untroubled(WINDOW, [trouble(20, 15)], LEAD_S)
    assert window.baseline_start == WINDOW.baseline_start - timedelta(minutes=7)
    assert (window.start, window.end, window.alarm_at) == (WINDOW.start, WINDOW.end, WINDOW.alarm_at)


def test_a_trouble_of_which_only_the_end_lies_in_the_baseline_costs_only_that() -> None:
    window = untroubled(WINDOW, [trouble(60, 31)], LEAD_S)
    assert window.baseline_start == WINDOW.baseline_start - timedelta(minutes=1)
    assert [one.until for one in window.left_out] == [ALARM - timedelta(minutes=31)]


def test_troubles_that_overlap_are_one() -> None:
    assert spans([trouble(18, 15), trouble(20, 17), trouble(14, 12), trouble(8, 7)]) == [(22, 12), (10, 7)]


def test_a_trouble_that_is_still_there_ends_where_the_incident_begins() -> None:
    assert spans([trouble(10, None)]) == [(12, 2)]
    assert spans([trouble(5, -1)]) == [(7, 2)]


def test_where_trouble_is_what_is_usual_nothing_is_left_out() -> None:
    assert spans([trouble(600, None)]) == []
    window = untroubled(WINDOW, [trouble(600, None)], LEAD_S)
    assert window.baseline_start == WINDOW.baseline_start
    assert window.signal().disturbed == ()


def test_a_wider_look_leaves_out_what_the_first_had_not_reached() -> None:
    window = untroubled(WINDOW, [trouble(100, 80), trouble(20, 15)], LEAD_S)
    assert [one.since for one in window.left_out] == [ALARM - timedelta(minutes=22)]

    wider = window.wider(4.0, 3600.0)

    assert [one.since for one in wider.left_out] == [ALARM - timedelta(minutes=m) for m in (102, 22)]


def test_nothing_changes_without_troubles() -> None:
    assert untroubled(WINDOW, [], LEAD_S) == WINDOW
    assert WINDOW.left_out == ()


async def test_the_same_fault_again_is_seen_where_its_first_time_is_no_normal_life() -> None:
    data = bad_deploy_again()
    blind = ports_for(data)
    ports = ports_for(data, history=MemoryHistory(known_troubles=[OUTAGE]))

    unseen, seen = await run(data, blind), await run(data, ports)

    assert measured(blind, "cart") == {FindingKind.NORMAL}
    assert FindingKind.NORMAL not in measured(ports, "cart")
    assert seen.causes[0].service == "cart"
    assert (seen.confidence or 0.0) > (unseen.confidence or 0.0)


async def test_the_same_fault_again_is_known_again() -> None:
    first = await run(bad_deploy(), ports_for(bad_deploy()))
    data = bad_deploy_again()
    ports = ports_for(data, history=MemoryHistory([first], known_troubles=[OUTAGE]))

    outcome = await Investigations(ports.settings).investigate(
        recurrence(data, first.investigation_id), ports
    )

    assert isinstance(outcome, Reported)
    assert outcome.report.recurrence_of == first.investigation_id
    assert outcome.report.verdict is Verdict.CAUSE_FOUND


async def test_evidence_says_what_its_baseline_leaves_out() -> None:
    data = bad_deploy_again()
    ports = ports_for(data, history=MemoryHistory(known_troubles=[OUTAGE]))

    await run(data, ports)

    told = [
        json.loads(one.data) for one in published(ports) if isinstance(one, Evidence) and one.step == "kpis"
    ]
    since = OUTAGE.since - timedelta(seconds=ports.settings.lead_s)
    expected = f"{since:%H:%M:%S} to {OUTAGE.until:%H:%M:%S} UTC (another incident)"
    assert {one["baseline_without"] for one in told} == {expected}


async def test_the_incident_itself_is_no_other_trouble() -> None:
    context = context_for(bad_deploy_again())
    history = context.ports.history
    assert isinstance(history, MemoryHistory)
    own = context.request.incident.incident_id
    history.known_troubles.append(Trouble(own, OUTAGE.since, OUTAGE.until))

    delta = await plan(state_for(context), context)

    assert delta["plan"].window.troubled == ()
    assert delta["costs"] == tuple(collected(context))
    assert [cost.step for cost in delta["costs"]] == ["topology", "troubles", "clocks"]


class Forgetful(MemoryHistory):
    """A history that cannot be asked for troubles now."""

    async def troubles(
        self, tenant: str, services: Sequence[str], start: datetime, end: datetime
    ) -> Fetched[Trouble]:
        raise UnavailableError(f"no troubles of {tenant} {services} in {start} to {end}")


async def test_where_nobody_knows_of_troubles_the_investigation_goes_on() -> None:
    data = bad_deploy()
    report = await run(data, ports_for(data, history=Forgetful()))
    assert report.verdict is Verdict.CAUSE_FOUND


@pytest.mark.parametrize("minutes", [1, 14, 16, 29])
def test_at_most_half_of_the_baseline_is_left_out(minutes: int) -> None:
    span = Span(since=WINDOW.start - timedelta(minutes=minutes), until=WINDOW.start)
    window = WINDOW.model_copy(update={"troubled": (span,)})
    assert window.left_out == ((span,) if minutes <= 15 else ())


def test_the_first_window_knows_no_troubles() -> None:
    assert first_window(context_for(bad_deploy())).troubled == ()
