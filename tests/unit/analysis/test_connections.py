"""Who has anything to do with the alarmed service, by all that may tell."""

from __future__ import annotations

import pytest

from agents.analysis.connections import connected
from agents.analysis.findings import Finding
from agents.analysis.fusion import rank_causes
from agents.analysis.signals import Topology
from tests.fakes.clues import changed, learned_call, logged, measured

NO_GRAPH = Topology()
NOBODY: frozenset[str] = frozenset()


def known(*findings: Finding, topology: Topology = NO_GRAPH, alarmed: str = "web") -> frozenset[str]:
    return connected(findings, topology, {alarmed})


def calls(**of: str) -> Topology:
    return Topology(calls={caller: frozenset({callee}) for caller, callee in of.items()})


def test_where_nothing_is_known_only_the_alarmed_has_to_do_with_the_alarm() -> None:
    assert known(measured("db", "cpu", 9.0), changed("db", 0.9)) == {"web"}


@pytest.mark.parametrize(
    ("topology", "found"),
    [
        (calls(web="cart", cart="db", other="batch"), {"web", "cart", "db"}),
        (calls(shop="web", shopkeeper="till"), {"web", "shop"}),
        (calls(web="db", batch="db", nightly="batch"), {"web", "db", "batch", "nightly"}),
        (
            Topology(calls={"page": frozenset({"web", "search"}), "search": frozenset({"index"})}),
            {"web", "page"},
        ),
        (Topology(hosted_on={"web": "n1", "batch": "n1", "db": "n2"}), {"web", "n1", "batch"}),
        (Topology(instance_of={"web-1": "web", "db-1": "db"}), {"web", "web-1"}),
        (
            Topology(
                calls={"web": frozenset({"db"})},
                hosted_on={"db": "n2", "batch": "n2", "till": "n3"},
                instance_of={"batch-1": "batch"},
            ),
            {"web", "db", "n2", "batch", "batch-1"},
        ),
        (calls(pay="ledger"), {"web"}),
    ],
)
def test_a_tie_leads_down_to_whom_it_calls_and_up_from_there_to_who_calls_them(
    topology: Topology, found: set[str]
) -> None:
    assert known(topology=topology) == found


def test_what_was_learned_is_a_tie_too() -> None:
    assert known(learned_call("web", "cart"), learned_call("cart", "db"), learned_call("pay", "ledger")) == {
        "web",
        "cart",
        "db",
    }
    assert known(learned_call("web", "cart"), topology=calls(cart="db")) == {"web", "cart", "db"}


def test_a_host_that_measurements_name_is_one() -> None:
    neighbours = (measured("web", "cpu", 2.0, host="n1"), measured("batch", "cpu", 2.0, host="n1"))
    assert known(*neighbours, measured("db", "cpu", 2.0, host="n2")) == {"web", "batch", "n1"}


@pytest.mark.parametrize("topology", [NO_GRAPH, calls(web="cart")])
def test_an_error_line_that_names_the_other_is_one_where_a_topology_is_told_too(topology: Topology) -> None:
    words = {"template": "cannot connect to orders-db", "error": True}
    line = logged("web", 4.0).model_copy(update={"data": words})
    assert "orders-db" in known(line, measured("orders-db", "cpu", 2.0), topology=topology)
    assert "web" in known(line, measured("orders-db", "cpu", 2.0), alarmed="orders-db")


def ranked(*findings: Finding, alarmed: str, topology: Topology = NO_GRAPH) -> dict[str, float]:
    causes = rank_causes(findings, topology, alarmed, "", NOBODY).causes
    return {cause.service: cause.confidence for cause in causes}


def test_the_untied_is_half_as_sure_and_keeps_its_place() -> None:
    found = measured("db", "cpu", 15.0), measured("web", "latency", 1.2)
    alone, apart = ranked(*found, alarmed=""), ranked(*found, alarmed="web")
    near = ranked(*found, alarmed="web", topology=calls(db="web"))
    assert list(alone) == list(apart) == ["db", "web"]
    assert apart["db"] == pytest.approx(alone["db"] / 2)
    assert near["db"] > 0.9 * alone["db"]


def test_who_is_alarmed_in_the_same_incident_is_tied() -> None:
    found = measured("db", "cpu", 15.0), measured("web", "latency", 1.2)
    apart, both = (
        rank_causes(found, NO_GRAPH, "web", "", NOBODY, also_alarmed=frozenset(more)).causes
        for more in ((), ("db",))
    )
    assert [cause.tied for cause in apart] == [False, True]
    assert [cause.tied for cause in both] == [True, True]
    assert both[0].confidence == pytest.approx(2 * apart[0].confidence)
