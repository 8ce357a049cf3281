"""By which way the cause led to the alarm, and which services a report draws around them."""

from __future__ import annotations

from typing import Any

from agents.analysis.findings import FindingKind, Source
from agents.investigation.state import GraphState, KnownTopology, marks
from agents.investigation.surroundings import links_of, path_of
from schemas.events.evidence import Evidence
from schemas.events.incident import Incident
from schemas.events.report import RuledOut
from tests.fakes.evidence import claim, evidence
from tests.fakes.incident_data import healthy
from tests.fakes.incident_ports import context_for, state_for
from tests.fakes.node_orders import changed

SHOP = KnownTopology(
    calls={"web": ("cart", "search"), "cart": ("db", "cache"), "search": ("db",)},
    hosted_on={"cache": "host-1", "batch": "host-1"},
    instance_of={"cart-1": "cart"},
)


def symptom(service: str, by: str) -> Evidence:
    return evidence(service, FindingKind.SYMPTOM, Source.TOPOLOGY, indicator=by, by=by)


def state(
    *known: Evidence, services: tuple[str, ...] = ("web",), topology: KnownTopology = SHOP
) -> GraphState:
    plain = context_for(healthy())
    alarm = plain.request.incident.alarms[0].model_copy(update={"service": services[0]})
    values: dict[str, Any] = {**plain.request.incident.model_dump(), "services": services, "alarms": (alarm,)}
    request = changed(plain.request, incident=Incident.model_validate(values))
    context = context_for(healthy(), request=request)
    return state_for(context, evidence=known, gathered=marks(1, known), topology=topology)


def test_the_way_goes_through_those_whose_symptoms_the_next_one_explains() -> None:
    known = (symptom("web", "search"), symptom("search", "db"))

    assert path_of(state(*known), [claim("db")]) == ("db", "search", "web")


def test_without_such_evidence_it_is_the_shortest_along_the_calls() -> None:
    assert path_of(state(), [claim("db")]) == ("db", "cart", "web")
    assert path_of(state(symptom("web", "search")), [claim("cache")]) == ("cache", "cart", "web")


def test_a_silent_service_in_between_is_filled_in() -> None:
    assert path_of(state(symptom("web", "cache")), [claim("cache")]) == ("cache", "cart", "web")


def test_a_neighbour_on_the_host_is_reached_over_the_host() -> None:
    assert path_of(state(services=("cache",)), [claim("batch")]) == ("batch", "host-1", "cache")


def test_a_host_and_an_instance_are_causes_like_others() -> None:
    assert path_of(state(), [claim("host-1")]) == ("host-1", "cache", "cart", "web")
    assert path_of(state(), [claim("cart-1")]) == ("cart-1", "cart", "web")


def test_a_caller_that_floods_is_reached_against_the_calls() -> None:
    assert path_of(state(services=("db",)), [claim("web")]) == ("web", "cart", "db")


def test_the_alarmed_service_itself_is_a_way_of_one() -> None:
    assert path_of(state(), [claim("web")]) == ("web",)


def test_where_the_first_alarm_is_not_reached_another_one_may_be() -> None:
    assert path_of(state(services=("mail", "cart")), [claim("db")]) == ("db", "cart")


def test_no_way_is_made_up() -> None:
    assert path_of(state(), []) == ()
    assert path_of(state(), [claim("mail")]) == ()
    assert path_of(state(topology=KnownTopology()), [claim("db")]) == ()


def test_circles_of_blame_and_of_calls_end() -> None:
    known = (symptom("web", "cart"), symptom("cart", "web"))
    round_about = KnownTopology(calls={"web": ("cart",), "cart": ("web", "db")})

    assert path_of(state(*known, topology=round_about), [claim("db")]) == ("db", "cart", "web")


def test_a_way_too_long_to_be_believed_is_none() -> None:
    chain = KnownTopology(calls={f"s{n}": (f"s{n + 1}",) for n in range(12)})

    assert path_of(state(services=("s0",), topology=chain), [claim("s12")]) == ()
    assert len(path_of(state(services=("s5",), topology=chain), [claim("s12")])) == 8


def test_the_links_are_those_among_who_is_spoken_of_with_the_path_first() -> None:
    path = ("db", "cart", "web")

    links = links_of(state(), [claim("db")], [RuledOut(service="search", reason="calls db")], path)

    pairs = [(one.caller, one.callee, one.tie) for one in links]
    assert set(pairs[:2]) == {("cart", "db", "calls"), ("web", "cart", "calls")}
    assert set(pairs[2:]) == {("web", "search", "calls"), ("search", "db", "calls")}


def test_what_the_cause_depends_on_is_shown_below_it() -> None:
    links = links_of(state(), [claim("cart")], [], ("cart", "web"))

    assert {one.callee for one in links if one.caller == "cart"} == {"db", "cache", "cart-1"}


def test_the_neighbourhood_is_bounded() -> None:
    wide = KnownTopology(calls={"web": tuple(f"s{n}" for n in range(100))})
    ruled = [RuledOut(service=f"s{n}", reason="x") for n in range(100)]

    assert len(links_of(state(topology=wide), [claim("s1")], ruled, ("s1", "web"))) <= 12
