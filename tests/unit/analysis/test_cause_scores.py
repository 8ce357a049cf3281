"""The ranking's arithmetic: scores and confidences worked out by hand from strengths that are whole numbers."""

from __future__ import annotations

from typing import Any

import pytest

from agents.analysis.calibration import confidences
from agents.analysis.findings import Cause, CauseKind, Finding, FindingKind, Source
from agents.analysis.fusion import Ranking, rank_causes
from agents.analysis.signals import Topology
from tests.fakes.about import about
from tests.fakes.clues import changed, logged, measured

NOBODY: frozenset[str] = frozenset()
NO_GRAPH = Topology()
WEB_DB = Topology(calls={"web": frozenset({"db"})}, nodes=frozenset({"web", "db"}))


def cpu(service: str, strength: float, **data: Any) -> Finding:
    return measured(service, "cpu", 2.0**strength - 1.0, **data)


def slow(service: str, strength: float, **data: Any) -> Finding:
    """Latency weighs nine tenths of a resource."""
    return measured(service, "latency", 2.0**strength - 1.0, **data)


def rank(
    *findings: Finding,
    topology: Topology = NO_GRAPH,
    alarmed: str = "",
    indicator: str = "",
) -> Ranking:
    return rank_causes(findings, topology, alarmed, indicator, NOBODY)


def scores(ranking: Ranking) -> dict[str, float]:
    return {cause.service: cause.score for cause in ranking.causes}


def test_a_service_scores_what_it_shows() -> None:
    assert scores(rank(cpu("a", 4.0))) == {"a": about(4.0)}
    assert scores(rank(cpu("a", 4.0), slow("a", 2.0))) == {"a": about(4.0 + 1.8 / 2)}


def test_one_suspect_is_as_sure_as_it_is_strong() -> None:
    weak, strong = rank(cpu("a", 2.0)).causes[0], rank(cpu("a", 4.0)).causes[0]
    assert [weak.confidence] == [about(one) for one in confidences([2.0])]
    assert 0.5 < weak.confidence < strong.confidence < 1.0


def test_suspects_share_the_confidence_as_it_was_calibrated() -> None:
    ranking = rank(cpu("a", 4.0), cpu("b", 2.0), cpu("c", 1.0))
    assert [c.confidence for c in ranking.causes] == [about(one) for one in confidences([4.0, 2.0, 1.0])]


def test_nothing_abnormal_leaves_no_confidence() -> None:
    (cause,) = rank(measured("a", "cpu", 0.9, kind=FindingKind.NORMAL)).causes
    assert (cause.confidence, cause.score > 0) == (0.0, True)


def test_what_another_explains_is_taken_off_and_given_in_part() -> None:
    got = scores(rank(slow("web", 2.0), cpu("db", 4.0), topology=WEB_DB, alarmed="web"))
    assert got == {"web": 0.0, "db": about(4.0 + 0.35 * 1.8)}


def test_what_is_explained_in_half_stays_in_half() -> None:
    got = scores(rank(slow("web", 4.0), cpu("db", 1.8), topology=WEB_DB, alarmed="web"))
    assert got["web"] == pytest.approx(3.6 * 0.5)
    assert got["db"] == pytest.approx(1.8 + 0.35 * min(3.6 * 0.5, 1.8))


def test_nobody_gains_more_than_it_shows_itself() -> None:
    got = scores(rank(slow("web", 5.0), cpu("db", 1.0), topology=WEB_DB, alarmed="web"))
    assert got["db"] == pytest.approx(1.0 + 0.35 * min(4.5 * (1 / 4.5), 1.0))


def test_what_only_it_can_answer_for_is_never_explained_away() -> None:
    got = scores(rank(slow("web", 2.0), cpu("web", 3.0), cpu("db", 5.0), topology=WEB_DB, alarmed="web"))
    assert got["web"] == pytest.approx(3.0)


def test_only_the_most_of_those_it_explains_counts() -> None:
    wide = Topology(calls={"a": frozenset({"db"}), "b": frozenset({"db"})}, nodes=frozenset({"a", "b", "db"}))
    got = scores(rank(slow("a", 2.0), slow("b", 3.0), cpu("db", 5.0), topology=wide))
    assert got["db"] == pytest.approx(5.0 + 0.35 * 2.7)


def test_one_in_the_middle_passes_on_what_it_is_explained_by() -> None:
    chain = Topology(
        calls={"web": frozenset({"mid"}), "mid": frozenset({"db"})}, nodes=frozenset({"web", "mid", "db"})
    )
    got = scores(rank(slow("web", 3.0), slow("mid", 3.0), cpu("db", 5.0), topology=chain, alarmed="web"))
    assert (got["web"], got["mid"]) == (0.0, 0.0)
    assert got["db"] == pytest.approx(5.0 + 0.35 * 2.7)


def test_a_change_beside_a_symptom_adds_a_quarter() -> None:
    assert scores(rank(cpu("a", 4.0), changed("a"))) == {"a": about((4.0 + 0.8 / 2) * 1.25)}


def test_a_change_long_after_all_began_adds_nothing_to_what_it_did_not_do() -> None:
    late = changed("a").model_copy(update={"onset": 1_000.0})
    began = cpu("a", 4.0)
    assert scores(rank(began.model_copy(update={"onset": 699.0}), late)) == {"a": about(4.0 + 0.8 / 2)}
    assert scores(rank(began.model_copy(update={"onset": 700.0}), late)) == {"a": about((4.0 + 0.4) * 1.25)}


def test_a_change_far_from_the_alarm_weighs_less() -> None:
    graph = Topology(calls={"web": frozenset({"a"}), "a": frozenset({"b"})}, nodes=frozenset({"web", "far"}))
    got = scores(
        rank(changed("web"), changed("a"), changed("b"), changed("far"), topology=graph, alarmed="web")
    )
    assert got["web"] == pytest.approx(0.8)
    assert got["a"] == pytest.approx(0.8 * 2**-0.25)
    assert got["b"] == pytest.approx(0.8 * 2**-0.5)
    assert got["far"] == pytest.approx(0.8 * 0.5 * 0.8)


def test_a_change_by_itself_adds_nothing() -> None:
    assert scores(rank(changed("a"))) == {"a": about(0.8)}


def test_symptoms_of_another_kind_than_the_alarms_weigh_seven_tenths() -> None:
    assert scores(rank(slow("a", 2.0), indicator="error_rate")) == {"a": about(1.8 * 0.7)}
    assert scores(rank(slow("a", 2.0), indicator="latency_p95")) == {"a": about(1.8)}
    assert scores(rank(slow("a", 2.0), indicator="cpu_usage")) == {"a": about(1.8)}


class TestWhoCanBeMeant:
    GRAPH = Topology(
        calls={"web": frozenset({"db"}), "other": frozenset({"db"})}, nodes=frozenset({"web", "db", "other"})
    )

    @pytest.mark.parametrize(
        ("alarmed", "factor"), [("web", 0.8), ("other", 1.0), ("", 1.0), ("nobody", 1.0)]
    )
    def test_one_that_the_alarmed_never_calls_weighs_less(self, alarmed: str, factor: float) -> None:
        got = scores(rank(cpu("other", 4.0), topology=self.GRAPH, alarmed=alarmed))
        assert got["other"] == pytest.approx(4.0 * factor)

    def test_one_that_no_call_was_seen_of_weighs_least(self) -> None:
        got = scores(rank(cpu("idle", 4.0), topology=self.GRAPH, alarmed="web"))
        assert got["idle"] == pytest.approx(4.0 * 0.8 * 0.4)

    @pytest.mark.parametrize(
        "graph",
        [
            Topology(calls={"web": frozenset({"idle"})}),
            Topology(calls={"idle": frozenset({"db"})}),
            Topology(calls={"web": frozenset({"db"})}, nodes=frozenset({"idle"})),
            Topology(calls={"web": frozenset({"db"})}, hosted_on={"idle": "n"}),
            Topology(calls={"web": frozenset({"db"})}, hosted_on={"web": "idle"}),
            Topology(calls={"web": frozenset({"db"})}, instance_of={"idle": "web"}),
            Topology(nodes=frozenset({"web"})),
        ],
    )
    def test_a_place_in_the_graph_is_enough_to_be_meant(self, graph: Topology) -> None:
        assert scores(rank(cpu("idle", 4.0), topology=graph))["idle"] == pytest.approx(4.0)

    @pytest.mark.parametrize(
        ("calls", "factor"),
        [
            ({"web": {"edge"}}, 0.6),
            ({"web": {"edge"}, "api": {"edge"}}, 1.0),
            ({"web": {"edge"}, "edge": {"db"}}, 1.0),
            ({"web": {"db"}}, 1.0),
        ],
    )
    def test_a_leaf_of_one_caller_that_nothing_is_measured_inside_of_weighs_less(
        self, calls: dict[str, set[str]], factor: float
    ) -> None:
        graph = Topology(
            calls={caller: frozenset(callees) for caller, callees in calls.items()},
            nodes=frozenset({"web", "api", "edge", "db"}),
        )
        got = scores(rank(slow("edge", 2.0, instrumented=False), topology=graph))
        assert got["edge"] == pytest.approx(1.8 * factor)

    def test_one_measurement_from_inside_is_enough(self) -> None:
        graph = Topology(calls={"web": frozenset({"edge"})})
        outside, within = slow("edge", 2.0, instrumented=False), cpu("edge", 2.0, instrumented=True)
        assert scores(rank(outside, within, topology=graph))["edge"] == pytest.approx(2.0 + 0.9)


def test_the_best_comes_first_and_equals_by_name() -> None:
    assert [c.service for c in rank(cpu("z", 3.0), cpu("b", 2.0), cpu("a", 2.0)).causes] == ["z", "a", "b"]


def test_a_candidate_nothing_is_known_of_comes_last() -> None:
    ranking = rank_causes([cpu("a", 3.0)], Topology(), "", "", frozenset({"a", "0"}))
    assert [(c.service, c.score) for c in ranking.causes] == [("a", about(3.0)), ("0", 0.0)]
    assert ranking.causes[1] == Cause(
        service="0",
        kind=CauseKind.UNKNOWN,
        confidence=0.0,
        score=0.0,
        statement="Nothing was found against 0",
        contributions=(),
    )


def test_everybody_seen_is_ranked_where_nobody_is_a_candidate() -> None:
    graph = Topology(calls={"web": frozenset({"db"})}, nodes=frozenset({"idle"}))
    assert {c.service for c in rank(cpu("a", 1.0), topology=graph).causes} == {"a", "web", "idle"}


def test_only_the_symptoms_of_others_are_credited_to_who_explains_them() -> None:
    got = scores(rank(slow("web", 2.0), cpu("web", 5.0), cpu("db", 4.0), topology=WEB_DB, alarmed="web"))
    assert got["db"] == pytest.approx(4.0 + 0.35 * 1.8)


def test_who_is_explained_in_half_is_credited_in_half() -> None:
    chain = Topology(
        calls={"web": frozenset({"mid"}), "mid": frozenset({"db"})}, nodes=frozenset({"web", "mid", "db"})
    )
    got = scores(rank(slow("web", 1.0), slow("mid", 4.0), cpu("db", 1.8), topology=chain, alarmed="web"))
    assert got["mid"] == pytest.approx(1.8 + 0.35 * min(0.9, 1.8) * 0.5)


def rush(service: str, ratio: float, strength: float = 3.0, **data: Any) -> Finding:
    return measured(service, "traffic", 2.0**strength - 1.0, ratio=ratio, **data)


def test_load_from_outside_counts_in_full_and_leads() -> None:
    ranking = rank(rush("web", 3.0), cpu("web", 2.0, load_explained=True), topology=WEB_DB)
    first = ranking.causes[0]
    assert (first.service, first.kind) == ("web", CauseKind.TRAFFIC)
    assert first.score == about(3.0 + 2.0 / 2)


def test_load_that_somebody_inside_makes_counts_little() -> None:
    assert scores(rank(rush("db", 3.0), topology=WEB_DB))["db"] == about(3.0 * 0.3)
    assert scores(rank(rush("web", 3.0)))["web"] == about(3.0 * 0.3)


def test_an_ordinary_peak_counts_little_too() -> None:
    assert scores(rank(rush("web", 1.49), topology=WEB_DB))["web"] == about(3.0 * 0.3)


def test_all_that_a_rush_makes_slow_is_ruled_out() -> None:
    ranking = rank(rush("web", 3.0), rush("db", 2.0), slow("db", 4.0), topology=WEB_DB, alarmed="web")
    assert ranking.causes[0].service == "web"
    assert [ruling.service for ruling in ranking.rulings] == ["db"]
    assert "takes the load of web" in ranking.rulings[0].reason


def failing_line(service: str, strength: float) -> Finding:
    return logged(service, 2.0**strength - 1.0)


def test_what_is_measured_to_be_exhausted_names_the_cause_not_the_line_that_complains() -> None:
    pool = measured("web", "saturation", 3.0, indicator="pool_in_use")
    first = rank(failing_line("web", 4.0), pool).causes[0]
    assert (first.kind, first.indicator) == (CauseKind.SATURATION, "pool_in_use")


def test_a_line_names_the_cause_where_nothing_is_exhausted() -> None:
    first = rank(failing_line("web", 4.0), slow("web", 2.0)).causes[0]
    assert (first.kind, first.indicator) == (CauseKind.ERRORS, "")


def test_an_alarm_of_a_resource_names_the_cause_before_the_line_that_complains() -> None:
    alarm = measured("web", "network", 0.6, kind=FindingKind.METRIC_ALARM).model_copy(
        update={"source": Source.ALARMS}
    )
    assert rank(failing_line("web", 4.0), alarm).causes[0].kind is CauseKind.NETWORK
    assert rank(failing_line("web", 4.0), slow("web", 2.0), alarm).causes[0].kind is CauseKind.NETWORK


def test_an_alarm_of_a_symptom_tells_no_more_than_the_line() -> None:
    alarm = measured("web", "latency", 0.6, kind=FindingKind.METRIC_ALARM).model_copy(
        update={"source": Source.ALARMS}
    )
    assert rank(failing_line("web", 4.0), alarm).causes[0].kind is CauseKind.ERRORS
