"""The state's reducers, its windows, and what it says of the request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.analysis.findings import Source
from agents.analysis.signals import Topology
from agents.investigation.state import (
    GatherTask,
    KnownTopology,
    LookWindow,
    Plan,
    by_id,
    distinct,
    first_alarm_at,
    first_service,
    marks,
)
from schemas.events.incident import Incident, IncidentAlarm
from schemas.events.investigation import InvestigationRequested
from tests.fakes.evidence import evidence
from tests.fakes.incident_data import healthy
from tests.fakes.incident_ports import context_for, state_for
from tests.fakes.node_orders import changed, planned

AT = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
names = st.sampled_from(["a", "b", "c", "d"])
CART, WEB = evidence("cart"), evidence("web")


def minutes(many: float) -> timedelta:
    return timedelta(minutes=many)


WINDOW = LookWindow(baseline_start=AT - minutes(32), start=AT - minutes(2), end=AT + minutes(1), alarm_at=AT)


class TestReducers:
    def test_what_came_later_replaces_and_keeps_its_place(self) -> None:
        newer = CART.model_copy(update={"statement": "now"})
        assert by_id((CART, WEB), (newer,)) == (newer, WEB)

    def test_what_is_new_comes_last(self) -> None:
        assert by_id((CART,), (WEB,)) == (CART, WEB)
        assert by_id((), ()) == ()

    def test_a_text_stays_where_it_was_first(self) -> None:
        assert distinct(("b", "a"), ("a", "c", "b", "c")) == ("b", "a", "c")

    @settings(deadline=None, max_examples=50)
    @given(st.lists(names), st.lists(names), st.lists(names))
    def test_the_order_of_joining_does_not_matter_to_what_is_known(
        self, one: list[str], two: list[str], three: list[str]
    ) -> None:
        left = distinct(distinct(one, two), three)
        right = distinct(one, distinct(two, three))
        assert left == right
        assert distinct(left, left) == left


class TestWindows:
    def test_it_is_the_same_in_seconds(self) -> None:
        seconds = WINDOW.signal()
        assert (seconds.baseline_start, seconds.start, seconds.end, seconds.alarm_at) == (
            *(moment.timestamp() for moment in (AT - minutes(32), AT - minutes(2))),
            *(moment.timestamp() for moment in (AT + minutes(1), AT)),
        )

    def test_wider_is_longer_before_and_the_same_after(self) -> None:
        wider = WINDOW.wider(4.0, 3600.0)
        assert (wider.alarm_at, wider.end) == (WINDOW.alarm_at, WINDOW.end)
        assert wider.start == AT - minutes(8)
        assert wider.baseline_start == AT - minutes(8 + 120)

    def test_the_lead_has_a_limit_and_the_baseline_none(self) -> None:
        wider = WINDOW.wider(100.0, 3600.0)
        assert wider.start == AT - minutes(60)
        assert wider.baseline_start == AT - minutes(60 + 3000)

    def test_a_window_without_lead_stays_without(self) -> None:
        bare = WINDOW.model_copy(update={"start": AT})
        assert bare.wider(4.0, 3600.0).start == AT

    @settings(deadline=None, max_examples=50)
    @given(st.floats(1.0, 100.0), st.floats(120.0, 7200.0))
    def test_a_wider_window_holds_the_narrower(self, factor: float, limit: float) -> None:
        wider = WINDOW.wider(factor, limit)
        assert wider.baseline_start <= WINDOW.baseline_start
        assert wider.baseline_start <= wider.start <= WINDOW.start <= wider.end == WINDOW.end


def test_a_plan_knows_its_task_of_a_source() -> None:
    logs = GatherTask(source=Source.LOGS, services=("a",))
    plan = Plan(window=WINDOW, tasks=(GatherTask(source=Source.KPIS), logs))
    assert plan.task(Source.LOGS) == logs
    assert plan.task(Source.ALARMS) is None


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(names, st.frozensets(names)),
    st.frozensets(names),
    st.dictionaries(names, names),
    st.dictionaries(names, names),
)
def test_a_topology_comes_back_as_it_was(
    calls: dict[str, frozenset[str]], nodes: frozenset[str], hosts: dict[str, str], parts: dict[str, str]
) -> None:
    topology = Topology(calls=calls, nodes=nodes, hosted_on=hosts, instance_of=parts)
    assert KnownTopology.of(topology).signal() == topology


def test_a_topology_is_kept_in_one_order() -> None:
    known = KnownTopology.of(
        Topology(calls={"b": frozenset("ca"), "a": frozenset("b")}, nodes=frozenset("ba"))
    )
    assert list(known.calls.items()) == [("a", ("b",)), ("b", ("a", "c"))]
    assert known.nodes == ("a", "b")


def request_with(*alarms: dict[str, Any], **fields: Any) -> InvestigationRequested:
    """A request whose incident has these alarms, each made from the one that the data's alarm is."""
    base = context_for(healthy()).request
    (alarm,) = base.incident.alarms
    own = tuple(IncidentAlarm.model_validate({**alarm.model_dump(), **one}) for one in alarms)
    incident = Incident.model_validate(
        {
            **base.incident.model_dump(),
            "alarms": own,
            "services": fields.pop("services", base.incident.services),
        }
    )
    return changed(base, incident=incident, **fields)


class TestRequest:
    @pytest.mark.parametrize(
        ("alarms", "services", "service"),
        [
            ([{"service": "cart"}, {"service": "web"}], ("web",), "cart"),
            ([{"service": "-"}], ("web",), ""),
            ([], ("web", "cart"), "web"),
            ([], ("-",), ""),
            ([], (), ""),
        ],
    )
    def test_the_alarmed_service_is_that_of_the_first_alarm(
        self, alarms: list[dict[str, Any]], services: tuple[str, ...], service: str
    ) -> None:
        assert first_service(request_with(*alarms, services=services)) == service

    def test_the_earliest_alarm_counts(self) -> None:
        assert first_alarm_at(
            request_with({"started_at": AT}, {"started_at": AT - minutes(3)})
        ) == AT - minutes(3)

    def test_without_alarms_the_incidents_opening_does(self) -> None:
        request = request_with()
        assert first_alarm_at(request) == request.incident.opened_at

    def test_what_was_looked_at_already_does_not_count(self) -> None:
        alarms = [{"started_at": AT + minutes(each)} for each in (0, 4, 2)]
        assert first_alarm_at(request_with(*alarms, looked_until=AT)) == AT + minutes(2)
        assert first_alarm_at(request_with(*alarms, looked_until=AT + minutes(2))) == AT + minutes(4)

    def test_where_all_was_looked_at_the_incidents_change_counts(self) -> None:
        request = request_with({"started_at": AT}, looked_until=AT)
        assert first_alarm_at(request) == request.incident.occurred_at

    @pytest.mark.parametrize(
        ("alarms", "indicator"),
        [
            ([{"service": "cart", "indicator": ""}, {"service": "cart", "indicator": "cpu"}], "cpu"),
            ([{"service": "cart", "indicator": ""}, {"service": "web", "indicator": "cpu"}], ""),
            ([{"service": "cart", "indicator": "a"}, {"service": "cart", "indicator": "b"}], "a"),
            ([], ""),
        ],
    )
    def test_the_alarmed_metric_is_the_first_of_the_alarmed_service(
        self, alarms: list[dict[str, Any]], indicator: str
    ) -> None:
        context = context_for(healthy(), request=request_with(*alarms, services=("cart",)))
        assert state_for(context).alarm_indicator == indicator


class TestEvidenceOfTheRound:
    def test_without_a_plan_it_is_the_first_rounds(self) -> None:
        state = state_for(context_for(healthy()), evidence=(CART, WEB), gathered=marks(1, [WEB]))
        assert state.current_evidence == (WEB,)

    def test_a_round_is_not_taken_for_another_that_begins_alike(self) -> None:
        context = context_for(healthy())
        state = state_for(
            context,
            plan=planned(context, round=1),
            evidence=(CART, WEB),
            gathered=(*marks(1, [CART]), *marks(11, [WEB])),
        )
        assert state.current_evidence == (CART,)

    def test_it_stays_in_the_order_it_was_found(self) -> None:
        state = state_for(context_for(healthy()), evidence=(WEB, CART), gathered=marks(1, [CART, WEB]))
        assert state.current_evidence == (WEB, CART)
