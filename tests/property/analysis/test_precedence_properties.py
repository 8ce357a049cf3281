"""Who comes first of equal ones: told by what they show and where they stand, never by what they are called."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.analysis.clues import clues_of
from agents.analysis.findings import Finding
from agents.analysis.precedence import in_order, seen_first, suspicion
from agents.analysis.signals import Topology
from tests.fakes.clues import measured

SERVICES = ("web", "cart", "db", "pay", "batch", "mail")
names = st.sampled_from(SERVICES)
graphs = st.builds(
    lambda calls, hosts: Topology(
        calls={caller: frozenset(callees) for caller, callees in calls.items()}, hosted_on=hosts
    ),
    st.dictionaries(names, st.lists(names, max_size=3), max_size=5),
    st.dictionaries(names, st.sampled_from(["host-a", "host-b"]), max_size=4),
)
scored = st.dictionaries(names, st.sampled_from([0.0, 0.0, 1.0, 2.5]), min_size=len(SERVICES))
shuffles = st.permutations(SERVICES)


def called(topology: Topology, other: dict[str, str]) -> Topology:
    known = other | {"host-a": "one", "host-b": "another"}
    return Topology(
        calls={known[a]: frozenset(known[b] for b in callees) for a, callees in topology.calls.items()},
        hosted_on={known[a]: known[b] for a, b in topology.hosted_on.items()},
    )


@given(graphs, scored, shuffles, st.one_of(st.just(""), names))
def test_nobody_is_more_suspected_for_a_name(
    topology: Topology, scores: dict[str, float], shuffled: list[str], alarmed: str
) -> None:
    other = dict(zip(SERVICES, shuffled, strict=True)) | {"": ""}
    plain = suspicion(scores, topology, alarmed)
    renamed = suspicion(
        {other[name]: score for name, score in scores.items()}, called(topology, other), other[alarmed]
    )
    for name in plain.keys() & set(SERVICES):
        assert renamed[other[name]] == pytest.approx(plain[name], abs=2e-12)


@given(graphs, scored, shuffles)
def test_a_place_among_equal_ones_is_kept_under_other_names(
    topology: Topology, scores: dict[str, float], shuffled: list[str]
) -> None:
    other = dict(zip(SERVICES, shuffled, strict=True))
    plain = in_order(scores, {}, topology, "")
    near = suspicion(scores, topology)
    renamed = in_order(
        {other[name]: score for name, score in scores.items()}, {}, called(topology, other), ""
    )
    back = {value: key for key, value in other.items()}
    assert [scores[back[name]] for name in renamed] == [scores[name] for name in plain]
    assert [near.get(back[name], 0.0) for name in renamed] == pytest.approx(
        [near.get(name, 0.0) for name in plain], abs=2e-12
    )


@given(graphs, scored, names)
def test_the_walk_is_always_somewhere(topology: Topology, scores: dict[str, float], alarmed: str) -> None:
    near = suspicion(scores, topology, alarmed)
    assert all(0 <= at <= 1 for at in near.values())
    assert not near or math.fsum(near.values()) == pytest.approx(1.0, abs=1e-9)


@given(scored, names)
def test_who_scores_more_comes_first_wherever_it_stands(scores: dict[str, float], alarmed: str) -> None:
    topology = Topology(calls={"web": frozenset({"cart", "pay"}), "cart": frozenset({"db"})})
    ordered = in_order(scores, {}, topology, alarmed)
    assert sorted(ordered) == sorted(scores)
    assert [scores[name] for name in ordered] == sorted(scores.values(), reverse=True)


def test_of_those_with_nothing_against_them_the_neighbours_of_a_suspect_come_first() -> None:
    topology = Topology(
        calls={"web": frozenset({"batch", "db"}), "mail": frozenset({"cart"})}, nodes=frozenset({"pay"})
    )
    scores = dict.fromkeys(SERVICES, 0.0) | {"db": 3.0}
    ordered = in_order(scores, {}, topology, "")
    assert ordered[:3] == ["db", "web", "batch"]
    assert set(ordered[3:]) == {"mail", "cart", "pay"}


def test_where_nobody_is_suspected_the_neighbours_of_the_alarmed_come_first() -> None:
    topology = Topology(calls={"web": frozenset({"pay"}), "batch": frozenset({"mail"})})
    ordered = in_order(dict.fromkeys(SERVICES, 0.0), {}, topology, "web")
    assert ordered[:2] == ["web", "pay"]


def test_without_any_tie_or_clue_nothing_tells_services_apart() -> None:
    assert suspicion({"web": 1.0}, Topology()) == {}
    assert in_order({"web": 1.0, "cart": 1.0}, {}, Topology(), "web") == ["cart", "web"]


def since(finding: Finding, onset: float) -> Finding:
    return finding.model_copy(update={"onset": onset})


def test_what_began_comes_first_then_of_what_more_is_known_then_what_left_its_range_further() -> None:
    early = [since(measured("web", "cpu", 2.0), 100.0)]
    known = [since(measured("web", "cpu", 9.0), 200.0), since(measured("web", "memory", 1.0), 250.0)]
    further = [since(measured("web", "cpu", 90.0), 200.0)]
    least = [since(measured("web", "cpu", 9.0), 200.0)]
    keys = [seen_first(clues_of(found)["web"]) for found in (early, known, further, least)]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert seen_first([]) == (math.inf, 0, 0)
