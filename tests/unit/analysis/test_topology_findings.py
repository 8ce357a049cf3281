"""What the topology agent says: whose symptoms another explains, and which anomalies are the deepest."""

from __future__ import annotations

import pytest

from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.signals import Topology
from agents.analysis.topology import analyse_topology, distances
from tests.fakes.clues import measured

NOBODY: frozenset[str] = frozenset()
CHAIN = Topology(
    calls={"web": frozenset({"cart"}), "cart": frozenset({"db"})},
    nodes=frozenset({"web", "cart", "db", "batch"}),
)


def related(*findings: Finding, topology: Topology = CHAIN, alarmed: str = "web") -> tuple[Finding, ...]:
    return analyse_topology(findings, topology, alarmed, NOBODY)


def test_a_symptom_is_told_with_who_explains_how_much_of_it() -> None:
    found = related(measured("cart", "latency", 15.0), measured("db", "cpu", 3.0))
    (symptom,) = (f for f in found if f.kind is FindingKind.SYMPTOM)
    assert symptom.source is Source.TOPOLOGY
    assert symptom.statement == "cart calls db, whose anomaly accounts for 56 % of its symptoms"
    assert symptom.subject == "cart|db|symptom"
    assert symptom.score == symptom.data["share"] == pytest.approx(2.0 / 3.6)
    assert symptom.data["by"] == "db"


def test_who_is_hardly_off_is_not_said_to_have_symptoms() -> None:
    little = measured("cart", "latency", 0.9, kind=FindingKind.NORMAL)
    (symptom,) = (f for f in related(little, measured("db", "cpu", 3.0)) if f.kind is FindingKind.SYMPTOM)
    assert symptom.statement == (
        "cart, hardly off its normal range, calls db, whose anomaly accounts for that"
    )


def test_less_than_half_is_not_worth_saying() -> None:
    # 1.79 of 3.6 is just below a half, 1.81 just above.
    assert related(measured("cart", "latency", 15.0), measured("db", "cpu", 2.0**1.79 - 1)) == ()
    assert len(related(measured("cart", "latency", 15.0), measured("db", "cpu", 2.0**1.81 - 1))) == 2


def test_the_deepest_is_told_with_its_distance_from_the_alarm() -> None:
    found = related(measured("cart", "latency", 3.0), measured("db", "cpu", 15.0))
    (deepest,) = (f for f in found if f.kind is FindingKind.UPSTREAM_ANOMALY)
    assert deepest.statement == (
        "db is the deepest anomalous service on its path, 2 calls from web: nothing it depends on explains it"
    )
    assert (deepest.subject, deepest.service) == ("db||upstream_anomaly", "db")
    assert deepest.score == pytest.approx(4.0)
    assert deepest.data == {"calls_away": 2}


@pytest.mark.parametrize(
    ("alarmed", "way"), [("cart", ", 1 call from cart"), ("db", ", 0 calls from db"), ("batch", ""), ("", "")]
)
def test_the_way_is_told_where_there_is_one(alarmed: str, way: str) -> None:
    found = related(measured("cart", "latency", 3.0), measured("db", "cpu", 15.0), alarmed=alarmed)
    assert any(f"on its path{way}: nothing" in f.statement for f in found)


def test_who_explains_nobody_is_not_the_deepest_of_anything() -> None:
    assert related(measured("db", "cpu", 15.0)) == ()


def test_a_chain_of_symptoms_has_one_deepest() -> None:
    found = related(*(measured(name, "latency", 15.0) for name in ("web", "cart", "db")))
    assert [(f.kind, f.service) for f in found] == [
        (FindingKind.SYMPTOM, "cart"),
        (FindingKind.SYMPTOM, "web"),
        (FindingKind.UPSTREAM_ANOMALY, "db"),
    ]


def test_symptoms_come_strongest_first() -> None:
    wide = Topology(calls={"a": frozenset({"x"}), "b": frozenset({"x"})}, nodes=frozenset("abx"))
    found = related(
        measured("a", "latency", 31.0),
        measured("b", "latency", 3.0),
        measured("x", "cpu", 7.0),
        topology=wide,
    )
    assert [f.service for f in found if f.kind is FindingKind.SYMPTOM] == ["b", "a"]


def test_only_candidates_may_be_the_deepest() -> None:
    findings = [measured("cart", "latency", 3.0), measured("db", "cpu", 15.0)]
    named = analyse_topology(findings, CHAIN, "web", frozenset({"cart"}))
    assert [f.kind for f in named] == [FindingKind.SYMPTOM]
    named = analyse_topology(findings, CHAIN, "web", frozenset({"db"}))
    assert {f.kind for f in named} == {FindingKind.SYMPTOM, FindingKind.UPSTREAM_ANOMALY}


def test_hosts_alone_are_a_topology() -> None:
    hosted = Topology(hosted_on={"cart": "n1", "batch": "n1"})
    found = related(measured("cart", "latency", 1.0), measured("batch", "cpu", 15.0), topology=hosted)
    assert found[0].statement == "cart shares n1 with batch, whose anomaly accounts for 80 % of its symptoms"


def test_nodes_alone_are_none() -> None:
    (nothing,) = related(measured("cart", "cpu", 3.0), topology=Topology(nodes=frozenset({"cart"})))
    assert (nothing.kind, nothing.subject, nothing.statement) == (
        FindingKind.NO_DATA,
        "||no_data",
        "No call topology is known",
    )


def test_what_callers_hardly_feel_does_not_explain_them() -> None:
    def rise(service: str, before: float, after: float) -> Finding:
        return measured(
            service,
            "latency",
            15.0,
            before=before,
            after=after,
            unit="ms",
            latency_level=before,
            latency_unit="ms",
        )

    felt = related(rise("cart", 1000.0, 1100.0), rise("db", 2.0, 52.0))
    assert {f.service for f in felt} == {"cart", "db"}
    # 5 of the 50 ms that a caller feels leave a tenth of the callee's strength.
    assert related(rise("cart", 1000.0, 1010.0), rise("db", 2.0, 7.0)) == ()


class TestDistances:
    DIAMOND = Topology(calls={"a": frozenset({"b", "c"}), "b": frozenset({"d"}), "c": frozenset({"d", "e"})})

    def test_the_shortest_way_counts(self) -> None:
        assert distances(self.DIAMOND, "a") == {"a": 0, "b": 1, "c": 1, "d": 2, "e": 2}

    def test_calls_are_not_followed_back(self) -> None:
        assert distances(self.DIAMOND, "c") == {"c": 0, "d": 1, "e": 1}

    def test_a_leaf_that_only_the_nodes_name_reaches_itself(self) -> None:
        graph = Topology(calls={"a": frozenset({"b"})}, nodes=frozenset({"b"}))
        assert distances(graph, "b") == {"b": 0}

    def test_one_that_is_not_in_the_graph_reaches_nobody(self) -> None:
        assert distances(self.DIAMOND, "zeta") == {}
        assert distances(self.DIAMOND, "") == {}

    def test_a_caller_of_itself_is_no_step_away(self) -> None:
        assert distances(Topology(calls={"a": frozenset({"a"})}), "a") == {"a": 0}
