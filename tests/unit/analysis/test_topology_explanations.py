"""How much of a service's symptoms another explains; strengths are given, so each share can be worked out."""

from __future__ import annotations

import pytest

from agents.analysis.clues import Clue
from agents.analysis.findings import CauseKind, FindingKind
from agents.analysis.signals import Topology
from agents.analysis.topology import Explanation, explanations
from tests.fakes.clues import clue
from tests.fakes.explained import CPU, LATENCY, TRAFFIC, WEB_DB, busy, explained, failing, share, slow


class TestCalls:
    def test_a_callee_explains_as_much_as_it_is_strong(self) -> None:
        assert explained(slow("web", 4.0), busy("db", 1.0)) == {
            "web": Explanation("web", "db", 0.25, "calls")
        }

    def test_it_explains_all_at_most(self) -> None:
        assert share(slow("web", 2.0), busy("db", 5.0)) == 1.0

    def test_kinds_of_a_callee_add_up_damped(self) -> None:
        assert share(slow("web", 4.0), busy("db", 1.0), slow("db", 2.0)) == pytest.approx(2.5 / 4)

    def test_what_a_callee_does_better_explains_nothing(self) -> None:
        assert share(slow("web"), clue("db", CPU, 4.0, own=True, bad=False)) == 0.0

    def test_the_load_of_a_callee_explains_nothing(self) -> None:
        assert share(slow("web"), clue("db", TRAFFIC, 4.0, own=True)) == 0.0
        assert share(slow("web"), clue("db", TRAFFIC, 4.0, own=True), busy("db", 2.0)) == 0.5

    def test_without_symptoms_there_is_nothing_to_explain(self) -> None:
        assert explained(busy("web"), busy("db")) == {}
        assert explained(clue("web", LATENCY, 4.0, own=False, bad=False), busy("db")) == {}

    def test_of_two_that_explain_all_the_one_with_more_against_it_is_named(self) -> None:
        wide = Topology(calls={"web": frozenset({"a", "db", "z"})})
        told = explained(slow("web", 1.0), busy("a", 2.0), busy("db", 4.0), busy("z", 3.0), topology=wide)
        assert (told["web"].by, told["web"].share) == ("db", 1.0)

    def test_a_caller_explains_nothing_of_what_it_calls(self) -> None:
        assert "db" not in explained(busy("web"), slow("db"))

    def test_through_a_service_nothing_is_known_of(self) -> None:
        chain = Topology(calls={"web": frozenset({"mid"}), "mid": frozenset({"db"})})
        assert explained(slow("web"), busy("db"), topology=chain)["web"].by == "db"

    def test_not_through_one_that_is_known_to_be_well(self) -> None:
        chain = Topology(calls={"web": frozenset({"mid"}), "mid": frozenset({"db"})})
        calm = clue("mid", CPU, 0.1, own=True, finding_kind=FindingKind.NORMAL)
        assert explained(slow("web"), calm, busy("db"), topology=chain)["web"].by == "mid"

    def test_a_loop_explains_nobody_by_itself(self) -> None:
        loop = Topology(calls={"web": frozenset({"mid", "web"}), "mid": frozenset({"web"})})
        assert explained(slow("web"), topology=loop) == {}

    def test_the_best_explanation_counts_and_of_equals_the_first_by_name(self) -> None:
        wide = Topology(calls={"web": frozenset({"a", "b", "c"})})
        assert (
            explained(slow("web"), busy("a", 1.0), busy("c", 3.0), busy("b", 2.0), topology=wide)["web"].by
            == "c"
        )
        assert explained(slow("web"), busy("c", 1.0), busy("b", 1.0), topology=wide)["web"].by == "b"

    @pytest.mark.parametrize("strengths", [(1.0, 2.0), (2.0, 2.0), (3.0, 1.0)])
    def test_a_stronger_callee_never_explains_less(self, strengths: tuple[float, float]) -> None:
        weak, strong = sorted(strengths)
        assert share(slow("web"), busy("db", weak)) <= share(slow("web"), busy("db", strong))


class TestKinds:
    def test_errors_are_explained_by_errors_and_resources(self) -> None:
        assert share(failing("web"), failing("db")) == 1.0
        assert share(failing("web"), busy("db")) == 1.0

    @pytest.mark.parametrize("kind", [LATENCY, CauseKind.UNKNOWN])
    def test_errors_are_explained_by_slowness_in_part_only(self, kind: CauseKind) -> None:
        assert share(failing("web"), clue("db", kind, 4.0, own=False)) == pytest.approx(0.6)

    def test_waiting_is_explained_by_anything(self) -> None:
        assert share(slow("web"), clue("db", CauseKind.UNKNOWN, 4.0, own=True)) == 1.0

    def test_the_leading_symptom_tells_what_is_to_be_explained(self) -> None:
        assert share(slow("web", 4.0), failing("web", 2.0), slow("db", 5.0)) == 1.0
        assert share(slow("web", 2.0), failing("web", 4.0), slow("db", 5.0)) == pytest.approx(0.6)


class TestLatency:
    @pytest.mark.parametrize(
        ("rise", "fit"), [(1000.0, 1.0), (30.0, 1.0), (15.0, 0.5), (3.0, 0.1), (0.3, 0.01)]
    )
    def test_a_third_of_the_callers_slow_down_explains_it_in_full(self, rise: float, fit: float) -> None:
        got = share(slow("web", before=100.0, after=200.0), slow("db", before=5.0, after=5.0 + rise))
        assert got == pytest.approx(fit)

    def test_the_same_metric_is_compared_with_the_same(self) -> None:
        web = [
            clue("web", LATENCY, 4.0, own=False, indicator="p50", before=0.0, after=100.0),
            clue("web", LATENCY, 4.0, own=False, indicator="p95", before=0.0, after=1000.0),
        ]
        db = clue("db", LATENCY, 4.0, own=False, indicator="p95", before=0.0, after=30.0)
        assert share(*web, db) == pytest.approx(0.1)

    def test_of_several_the_best_fit_counts(self) -> None:
        web = [
            clue("web", LATENCY, 4.0, own=False, indicator=name, before=0.0, after=100.0)
            for name in ("p50", "p95")
        ]
        db = [
            clue("db", LATENCY, 4.0, own=False, indicator="p50", before=0.0, after=3.0),
            clue("db", LATENCY, 4.0, own=False, indicator="p95", before=0.0, after=6.0),
        ]
        assert share(*web, *db) == pytest.approx(0.2)

    def test_without_a_common_metric_the_largest_rises_are_compared(self) -> None:
        web = [
            clue("web", LATENCY, 4.0, own=False, indicator=name, before=0.0, after=after)
            for name, after in (("mean", 50.0), ("max", 200.0))
        ]
        db = [
            clue("db", LATENCY, 4.0, own=False, indicator=name, before=0.0, after=after)
            for name, after in (("p50", 1.0), ("p95", 6.0))
        ]
        assert share(*web, *db) == pytest.approx(0.1)

    @pytest.mark.parametrize(
        "db",
        [
            slow("db", before=9.0, after=5.0),
            slow("db", before=9.0, after=9.0),
            slow("db"),
            busy("db", before=1.0, after=2.0),
        ],
    )
    def test_where_the_callee_did_not_slow_measurably_times_are_not_compared(self, db: Clue) -> None:
        assert share(slow("web", before=100.0, after=200.0), db) == 1.0

    def test_where_the_caller_did_not_slow_measurably_neither(self) -> None:
        assert share(failing("web"), failing("db"), slow("db", 1.0, before=1.0, after=1.1)) == 1.0

    def queued(self, strength: float, ratio: float | None) -> float:
        waiting = clue("web", CauseKind.SATURATION, strength, own=False)
        db = slow("db", 5.0, before=5.0, after=8.0, **({} if ratio is None else {"ratio": ratio}))
        return share(slow("web", before=0.0, after=1000.0), waiting, db)

    def test_a_queue_makes_much_of_little(self) -> None:
        assert self.queued(1.0, 2.0) == 1.0

    def test_one_latency_that_doubled_is_enough(self) -> None:
        waiting = clue("web", CauseKind.SATURATION, 2.0, own=False)
        db = [
            slow("db", 5.0, before=5.0, after=8.0, ratio=3.0),
            slow("db", 4.0, before=1.0, after=1.1, ratio=1.1),
        ]
        assert share(slow("web", before=0.0, after=1000.0), waiting, *db) == 1.0

    def test_a_queue_that_shrank_is_none(self) -> None:
        waiting = clue("web", CauseKind.SATURATION, 2.0, own=False, bad=False)
        db = slow("db", 5.0, before=5.0, after=8.0, ratio=3.0)
        assert share(slow("web", before=0.0, after=1000.0), waiting, db) == pytest.approx(0.01)

    @pytest.mark.parametrize(("strength", "ratio"), [(0.99, 2.0), (1.0, 1.99), (1.0, None)])
    def test_but_only_a_notable_queue_over_a_callee_that_takes_twice_as_long(
        self, strength: float, ratio: float | None
    ) -> None:
        assert self.queued(strength, ratio) == pytest.approx(0.01)


def test_nobody_known_is_nothing_explained() -> None:
    assert explanations({}, WEB_DB) == {}
