"""Services that nothing is measured of, and those that suffer because of them."""

from __future__ import annotations

import pytest

from agents.analysis.blind_spots import blind_spots
from agents.analysis.clues import clues_of
from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.fusion import rank_causes
from agents.analysis.signals import Topology
from agents.analysis.topology import analyse_topology
from tests.fakes.about import about
from tests.fakes.clues import measured

NOBODY: frozenset[str] = frozenset()
GRAPH = Topology(
    calls={
        "web": frozenset({"cart", "user"}),
        "cart": frozenset({"cache", "db"}),
        "user": frozenset({"cache"}),
    }
)


def calm(service: str, *, within: bool = True) -> Finding:
    return measured(service, "cpu", 0.1, kind=FindingKind.NORMAL, instrumented=within)


def slow(service: str, strength: float = 2.0, *, within: bool = True) -> Finding:
    return measured(service, "latency", 2.0**strength - 1.0, instrumented=within)


def calm_lines(service: str) -> Finding:
    return Finding(
        source=Source.LOGS,
        kind=FindingKind.NORMAL,
        service=service,
        subject=f"{service}|logs|normal",
        statement="calm",
    )


def blind(
    *findings: Finding, explained: dict[str, float] | None = None, candidates: frozenset[str] = NOBODY
) -> dict[str, float | None]:
    found = blind_spots(findings, clues_of(findings), explained or {}, GRAPH, candidates)
    assert all(one.kind is FindingKind.UPSTREAM_ANOMALY and one.source is Source.TOPOLOGY for one in found)
    return {one.service: one.score for one in found}


HURT = (slow("cart"), slow("user"), calm("web"), calm("db"))


def test_who_is_called_by_all_that_suffer_and_is_not_measured_is_suspected() -> None:
    assert blind(*HURT) == {"cache": about(1.8 * (1 - 1 / 9))}


def test_one_alone_may_be_slow_by_itself() -> None:
    assert blind(slow("cart"), calm("web"), calm("db")) == {"cache": about(1.8 * 2 / 3)}


def test_a_caller_that_is_well_speaks_against_it() -> None:
    assert blind(slow("cart"), calm("user"), calm("web"), calm("db")) == {"cache": about(1.8 * 2 / 3 / 2)}


@pytest.mark.parametrize(
    "more",
    [
        calm("cache"),
        slow("cache"),
        calm_lines("cache"),
    ],
)
def test_of_whom_something_is_measured_or_written_as_usual_is_no_blind_spot(more: Finding) -> None:
    assert blind(*HURT, more) == {}


def test_what_is_explained_already_needs_no_other_reason() -> None:
    assert blind(*HURT, explained={"cart": 0.9, "user": 0.9}) == {}
    assert blind(*HURT, explained={"cart": 0.9}) == {"cache": about(1.8 * 2 / 3 / 2)}


def test_who_shows_why_is_slow_by_itself() -> None:
    busy = [measured(one, "cpu", 7.0, instrumented=True) for one in ("cart", "user")]
    assert blind(*HURT, *busy) == {}


def test_who_is_measured_from_outside_alone_may_have_reasons_that_nobody_sees() -> None:
    outside = [slow("cart", within=False), slow("user", within=False), calm("web"), calm("db")]
    assert blind(*outside) == {}


def test_where_hardly_anybody_is_measured_it_says_nothing_that_one_is_not() -> None:
    assert blind(slow("cart"), slow("user")) == {}


def test_only_candidates_are_suspected() -> None:
    assert blind(*HURT, candidates=frozenset({"cart", "user"})) == {}
    assert list(blind(*HURT, candidates=frozenset({"cache"}))) == ["cache"]


def test_it_is_told_with_who_suffers() -> None:
    (both,) = blind_spots(HURT, clues_of(HURT), {}, GRAPH, NOBODY)
    assert both.statement == (
        "cart, user suffer with nothing of their own to show for it, and all call cache, of which nothing is measured"
    )
    one = (slow("cart"), calm("web"), calm("db"))
    (single,) = blind_spots(one, clues_of(one), {}, GRAPH, NOBODY)
    assert single.statement == (
        "cart suffers with nothing of its own to show for it, and calls cache, of which nothing is measured"
    )


def test_it_is_named_as_the_cause_and_accounts_for_those_that_suffer() -> None:
    related = analyse_topology(HURT, GRAPH, "cart", NOBODY)
    ranking = rank_causes([*HURT, *related], GRAPH, "cart", "latency", NOBODY)
    first = ranking.causes[0]

    assert (first.service, first.kind) == ("cache", CauseKind.UNKNOWN)
    assert {ruling.service for ruling in ranking.rulings} >= {"cart", "user"}
    assert [one.service for one in related if one.data.get("unmeasured")] == ["cache"]


def test_nobody_is_suspected_where_nobody_suffers() -> None:
    well = (calm("cart"), calm("user"), calm("web"), calm("db"))
    assert [one for one in analyse_topology(well, GRAPH, "cart", NOBODY) if one.data.get("unmeasured")] == []
