"""How clues are weighed again: by who feels them, by what the alarm was about, by how many instances share them."""

from __future__ import annotations

from typing import Any

import pytest

from agents.analysis.clues import Clue
from agents.analysis.findings import CauseKind
from agents.analysis.instances import lifted, rolled_up
from agents.analysis.relevance import felt, relevant
from agents.analysis.signals import Topology
from tests.fakes.clues import by_service, clue

CPU, LATENCY, ERRORS = CauseKind.CPU, CauseKind.LATENCY, CauseKind.ERRORS
GRAPH = Topology(calls={"web": frozenset({"db"}), "api": frozenset({"db"})})


def slow(service: str, before: Any, after: Any, unit: str | None = "ms", **data: Any) -> Clue:
    return clue(service, LATENCY, 4.0, own=False, before=before, after=after, unit=unit, **data)


def caller(service: str, level: Any, unit: str | None = "ms") -> Clue:
    return clue(service, CPU, 1.0, own=True, latency_level=level, latency_unit=unit)


class TestFelt:
    def strength(self, db: Clue, *callers: Clue) -> float:
        return felt(by_service(db, *callers), GRAPH)["db"][0].strength

    @pytest.mark.parametrize(("rise", "strength"), [(50.0, 4.0), (99.0, 4.0), (25.0, 2.0), (5.0, 0.4)])
    def test_a_twentieth_of_what_a_caller_takes_is_felt_in_full(self, rise: float, strength: float) -> None:
        assert self.strength(slow("db", 10.0, 10.0 + rise), caller("web", 1000.0)) == pytest.approx(strength)

    def test_the_most_sensitive_caller_decides(self) -> None:
        got = self.strength(slow("db", 10.0, 15.0), caller("web", 1000.0), caller("api", 200.0))
        assert got == pytest.approx(2.0)

    def test_a_level_in_another_unit_is_not_compared(self) -> None:
        assert self.strength(slow("db", 10.0, 15.0), caller("web", 1000.0, "s")) == 4.0
        got = self.strength(slow("db", 10.0, 15.0), caller("web", 1.0, "s"), caller("api", 1000.0))
        assert got == pytest.approx(0.4)

    @pytest.mark.parametrize("level", [None, "1000", 0.0, -5.0])
    def test_an_unknown_level_leaves_everything_felt(self, level: Any) -> None:
        assert self.strength(slow("db", 10.0, 15.0), caller("web", level)) == 4.0

    @pytest.mark.parametrize(
        ("before", "after"), [(15.0, 10.0), (10.0, 10.0), (None, 15.0), (10.0, None), ("1", "2")]
    )
    def test_what_did_not_measurably_rise_keeps_its_weight(self, before: Any, after: Any) -> None:
        assert self.strength(slow("db", before, after), caller("web", 1000.0)) == 4.0

    def test_other_kinds_keep_their_weight(self) -> None:
        db = clue("db", CPU, 4.0, own=True, before=10.0, after=11.0, unit="ms")
        assert self.strength(db, caller("web", 1000.0)) == 4.0

    def test_who_is_not_called_is_felt_by_nobody_in_particular(self) -> None:
        found = felt(by_service(slow("web", 10.0, 15.0), caller("db", 1000.0)), GRAPH)
        assert found["web"][0].strength == 4.0

    def test_whole_numbers_are_numbers(self) -> None:
        assert self.strength(slow("db", 10, 15), caller("web", 1000)) == pytest.approx(0.4)


class TestRelevant:
    CLUES = by_service(
        clue("a", LATENCY, 2.0, own=False), clue("a", ERRORS, 1.0, own=False), clue("a", CPU, 4.0, own=True)
    )

    @pytest.mark.parametrize(
        ("alarmed", "strengths"),
        [
            (LATENCY, [2.0, 0.7, 4.0]),
            (ERRORS, [1.4, 1.0, 4.0]),
            (CPU, [2.0, 1.0, 4.0]),
            (CauseKind.UNKNOWN, [2.0, 1.0, 4.0]),
        ],
    )
    def test_only_the_other_symptom_weighs_less(self, alarmed: CauseKind, strengths: list[float]) -> None:
        assert [c.strength for c in relevant(self.CLUES, alarmed)["a"]] == pytest.approx(strengths)


def parts(count: int) -> dict[str, str]:
    return {f"db-{i}": "db" for i in range(count)}


class TestRolledUp:
    def shared(self, count: int, *clues: Clue) -> tuple[Clue, ...]:
        return rolled_up(by_service(*clues), Topology(instance_of=parts(count))).get("db", ())

    def busy(self, many: int, strength: float = 2.0) -> list[Clue]:
        return [clue(f"db-{i}", CPU, strength, own=True) for i in range(many)]

    @pytest.mark.parametrize(
        ("count", "many", "found"),
        [(2, 1, 0), (2, 2, 1), (3, 1, 0), (3, 2, 1), (6, 3, 0), (6, 4, 1), (1, 1, 0), (9, 6, 1), (9, 5, 0)],
    )
    def test_two_thirds_and_at_least_two_instances_make_it_the_services(
        self, count: int, many: int, found: int
    ) -> None:
        assert len(self.shared(count, *self.busy(many))) == found

    def test_it_is_as_strong_as_they_are_on_average_and_a_little_more(self) -> None:
        (one,) = self.shared(3, *self.busy(2, 3.0))
        assert (one.service, one.kind, one.own, one.bad) == ("db", CPU, True, True)
        assert one.strength == pytest.approx(1.3 * (3.0 + 3.0) / 3)

    def test_of_each_instance_the_strongest_of_a_kind_counts(self) -> None:
        extra = clue("db-0", CPU, 5.0, own=True, indicator="other")
        (one,) = self.shared(2, *self.busy(2, 1.0), extra)
        assert one.strength == pytest.approx(1.3 * (5.0 + 1.0) / 2)
        assert one.finding == extra.finding

    def test_what_got_better_is_not_shared(self) -> None:
        better = [clue(f"db-{i}", CPU, 2.0, own=True, bad=False) for i in range(2)]
        assert self.shared(2, *better) == ()

    def test_its_own_and_what_it_waits_for_are_told_apart(self) -> None:
        mixed = [clue("db-0", CPU, 2.0, own=True), clue("db-1", CPU, 2.0, own=False)]
        assert self.shared(2, *mixed) == ()

    def test_kinds_are_told_apart(self) -> None:
        mixed = [clue("db-0", CPU, 2.0, own=True), clue("db-1", CauseKind.MEMORY, 2.0, own=True)]
        assert self.shared(2, *mixed) == ()

    def test_what_the_service_shows_itself_stays_in_order_of_strength(self) -> None:
        own = clue("db", ERRORS, 9.0, own=False)
        weak = clue("db", CauseKind.DISK, 0.1, own=True)
        found = self.shared(2, weak, own, *self.busy(2))
        assert [c.kind for c in found] == [ERRORS, CPU, CauseKind.DISK]

    def test_the_instances_keep_theirs(self) -> None:
        clues = by_service(*self.busy(2))
        found = rolled_up(clues, Topology(instance_of=parts(2)))
        assert {name: found[name] for name in clues} == clues


class TestLifted:
    def test_instances_call_what_their_service_calls_and_its_instances(self) -> None:
        graph = lifted(Topology(calls={"web": frozenset({"db"})}, instance_of={**parts(2), "web-0": "web"}))
        reached = frozenset({"db", "db-0", "db-1"})
        assert graph.calls == {"web": reached, "web-0": reached}

    def test_what_an_instance_calls_itself_is_kept(self) -> None:
        graph = lifted(
            Topology(
                calls={"web": frozenset({"db"}), "web-0": frozenset({"cache"})}, instance_of={"web-0": "web"}
            )
        )
        assert graph.calls["web-0"] == {"db", "cache"}

    def test_nobody_calls_itself(self) -> None:
        graph = lifted(Topology(calls={"db": frozenset({"db"})}, instance_of=parts(2)))
        assert graph.calls["db-0"] == {"db", "db-1"}
        assert graph.calls["db"] == {"db-0", "db-1"}

    def test_the_rest_of_the_topology_stays(self) -> None:
        placed = Topology(nodes=frozenset({"x"}), hosted_on={"x": "n"}, instance_of=parts(1))
        graph = lifted(placed)
        assert (graph.nodes, graph.hosted_on, graph.instance_of) == (placed.nodes, placed.hosted_on, parts(1))
