"""What a ranked cause says: whether anything is abnormal, what leads, what is cited, who is ruled out."""

from __future__ import annotations

from typing import Any

import pytest

from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.fusion import Ranking, rank_causes
from agents.analysis.signals import Topology
from tests.fakes.clues import logged, measured

NOBODY: frozenset[str] = frozenset()
WEB_DB = Topology(calls={"web": frozenset({"db"})}, nodes=frozenset({"web", "db"}))


def rank(*findings: Finding, topology: Topology | None = None) -> Ranking:
    return rank_causes(findings, topology or Topology(), "", "", NOBODY)


def plain(source: Source, kind: FindingKind, service: str = "", **more: Any) -> Finding:
    return Finding(
        source=source, kind=kind, service=service, subject=f"{service}||{kind}", statement="s", **more
    )


ALARM = plain(
    Source.ALARMS, FindingKind.METRIC_ALARM, "a", score=3.0, direction=1, data={"metric_kind": "cpu"}
)

ALARM_OF_WEB = plain(Source.ALARMS, FindingKind.FIRST_ALARM, "web")


class TestAbnormal:
    @pytest.mark.parametrize(("score", "abnormal"), [(1.49, False), (1.5, True), (9.0, True)])
    def test_one_measurement_must_be_well_past_the_notable(self, score: float, abnormal: bool) -> None:
        assert rank(measured("a", "cpu", score)).abnormal is abnormal

    @pytest.mark.parametrize(("other", "abnormal"), [(0.99, False), (1.0, True)])
    def test_two_that_are_just_notable_are_no_chance(self, other: float, abnormal: bool) -> None:
        assert rank(measured("a", "cpu", 1.0), measured("b", "memory", other)).abnormal is abnormal

    @pytest.mark.parametrize(("score", "abnormal"), [(1.49, False), (1.5, True)])
    def test_log_lines_must_be_well_past_it_each(self, score: float, abnormal: bool) -> None:
        assert rank(logged("a", score), logged("b", score)).abnormal is abnormal

    @pytest.mark.parametrize(
        "finding",
        [
            measured("a", "cpu", 9.0, direction=-1),
            measured("a", "traffic", 9.0),
            measured("a", "unknown", 9.0),
            measured("a", "cpu", 9.0, kind=FindingKind.NORMAL),
            measured("a", "cpu", 9.0, load_explained=True),
            measured("", "cpu", 9.0),
            logged("a", 9.0, FindingKind.NEW_LOG_TEMPLATE),
            plain(Source.CHANGES, FindingKind.RECENT_CHANGE, "a", score=2.0, data={"change_kind": "deploy"}),
            plain(Source.TOPOLOGY, FindingKind.UPSTREAM_ANOMALY, "a", score=9.0),
            plain(Source.ALARMS, FindingKind.NO_DATA),
        ],
    )
    def test_what_hurts_nobody_is_not_abnormal(self, finding: Finding) -> None:
        ranking = rank(finding)
        assert not ranking.abnormal
        assert all(cause.confidence == 0.0 for cause in ranking.causes)

    def test_a_line_that_stopped_convicts(self) -> None:
        assert rank(logged("a", 2.0, FindingKind.LOG_RATE_CHANGE, direction=-1)).abnormal

    @pytest.mark.parametrize(
        ("beside", "abnormal"),
        [
            (plain(Source.KPIS, FindingKind.NO_DATA), True),
            (plain(Source.LOGS, FindingKind.NO_DATA), True),
            (plain(Source.CHANGES, FindingKind.RECENT_CHANGE, "a", score=2.0), True),
            (measured("b", "cpu", 0.1, kind=FindingKind.NORMAL), False),
            (logged("b", 1.2), False),
        ],
    )
    def test_alarms_decide_only_where_nothing_was_measured(self, beside: Finding, abnormal: bool) -> None:
        assert rank(ALARM, beside).abnormal is abnormal


class TestLead:
    def test_a_resource_that_hurts_is_named_before_a_louder_symptom(self) -> None:
        (cause,) = rank(measured("a", "latency", 31.0), measured("a", "cpu", 7.0)).causes
        assert (cause.kind, cause.indicator, cause.statement) == (
            CauseKind.CPU,
            "cpu_metric",
            "a cpu_metric moved",
        )

    @pytest.mark.parametrize(("score", "kind"), [(3.7, CauseKind.LATENCY), (3.9, CauseKind.CPU)])
    def test_a_resource_less_than_half_as_notable_is_a_symptom_too(
        self, score: float, kind: CauseKind
    ) -> None:
        (cause,) = rank(measured("a", "latency", 31.0), measured("a", "cpu", score)).causes
        assert cause.kind is kind

    def test_a_resource_below_the_notable_is_not(self) -> None:
        (cause,) = rank(measured("a", "latency", 31.0), measured("a", "cpu", 0.9)).causes
        assert cause.kind is CauseKind.LATENCY

    def test_a_resource_that_got_better_is_not(self) -> None:
        (cause,) = rank(measured("a", "latency", 3.0), measured("a", "cpu", 31.0, direction=-1)).causes
        assert cause.kind is CauseKind.LATENCY

    def test_a_resource_that_waits_for_others_is_not(self) -> None:
        (cause,) = rank(measured("a", "errors", 31.0), measured("a", "saturation", 7.0)).causes
        assert cause.kind is CauseKind.ERRORS

    def test_where_nothing_hurts_the_strongest_measurement_is_named(self) -> None:
        (cause,) = rank(logged("a", 0.4), measured("a", "cpu", 0.2, kind=FindingKind.NORMAL)).causes
        assert cause.indicator == "cpu_metric"

    def test_without_measurements_the_strongest_clue_is(self) -> None:
        (cause,) = rank(logged("a", 0.4)).causes
        assert (cause.indicator, cause.statement) == ("", "a failed")

    @pytest.mark.parametrize(
        ("change_kind", "kind"),
        [("deploy", CauseKind.DEPLOY), ("flag", CauseKind.CONFIG), ("scale", CauseKind.CPU)],
    )
    def test_a_change_names_the_kind_and_the_measurement_stays(
        self, change_kind: str, kind: CauseKind
    ) -> None:
        change = plain(
            Source.CHANGES, FindingKind.RECENT_CHANGE, "a", score=2.0, data={"change_kind": change_kind}
        )
        (cause,) = rank(measured("a", "cpu", 7.0), change).causes
        assert (cause.kind, cause.indicator) == (kind, "cpu_metric")


class TestCited:
    def test_the_lead_is_cited_first_and_six_in_all(self) -> None:
        kinds = ("latency", "errors", "traffic", "unknown", "memory", "disk", "network")
        findings = [measured("a", kind, 31.0) for kind in kinds]
        (cause,) = rank(*findings, measured("a", "cpu", 1.0)).causes
        assert len(cause.findings) == 6
        assert len(set(cause.findings)) == 6
        assert cause.findings[0].startswith(f"a|{cause.indicator}|")

    def test_the_rest_follows_by_strength(self) -> None:
        (cause,) = rank(
            measured("a", "latency", 3.0), measured("a", "cpu", 7.0), measured("a", "errors", 31.0)
        ).causes
        assert cause.findings == (
            "a|cpu_metric|level_shift",
            "a|errors_metric|level_shift",
            "a|latency_metric|level_shift",
        )

    def test_a_change_that_names_the_kind_is_cited_however_weak(self) -> None:
        loud = [
            measured("a", kind, 31.0) for kind in ("latency", "errors", "cpu", "memory", "disk", "network")
        ]
        change = plain(
            Source.CHANGES, FindingKind.RECENT_CHANGE, "a", score=0.5, data={"change_kind": "flag"}
        )
        (cause,) = rank(*loud, change).causes
        assert cause.kind is CauseKind.CONFIG
        assert cause.findings[1] == change.subject
        assert len(cause.findings) == 6

    def test_one_subject_is_cited_once(self) -> None:
        (cause,) = rank(measured("a", "cpu", 3.0), measured("a", "cpu", 7.0)).causes
        assert cause.findings == ("a|cpu_metric|level_shift",)


class TestRulings:
    def test_who_is_explained_by_half_or_more_is_ruled_out_with_the_reason(self) -> None:
        ranking = rank(measured("web", "latency", 3.0), measured("db", "cpu", 15.0), topology=WEB_DB)
        (ruling,) = ranking.rulings
        assert ruling.service == "web"
        assert ruling.reason == "web shows symptoms, but it calls db, which accounts for 100 % of them"
        assert ruling.findings == ("web|latency_metric|level_shift",)

    def test_who_stayed_within_its_normal_range_is_not_said_to_show_symptoms(self) -> None:
        little = measured("web", "latency", 0.9, kind=FindingKind.NORMAL)
        change = plain(Source.CHANGES, FindingKind.RECENT_CHANGE, "web", score=0.1)
        (ruling,) = rank(little, change, measured("db", "cpu", 15.0), topology=WEB_DB).rulings
        assert ruling.reason == (
            "web is hardly off its normal range, and it calls db, which accounts for that"
        )

    @pytest.mark.parametrize("louder", [measured("web", "errors", 1.0), logged("web", 0.5), ALARM_OF_WEB])
    def test_one_thing_out_of_range_logged_or_alarmed_is_a_symptom(self, louder: Finding) -> None:
        little = measured("web", "latency", 0.9, kind=FindingKind.NORMAL)
        (ruling,) = rank(little, louder, measured("db", "cpu", 15.0), topology=WEB_DB).rulings
        assert ruling.reason.startswith("web shows symptoms, but it calls db, which accounts for ")

    @pytest.mark.parametrize(("strength", "ruled_out"), [(1.79, False), (1.81, True)])
    def test_less_than_half_rules_nobody_out(self, strength: float, ruled_out: bool) -> None:
        # The suspect `big` comes first; 3.6 is the strength of what is to be explained.
        ranking = rank(
            measured("big", "memory", 31.0),
            measured("web", "latency", 15.0),
            measured("db", "cpu", 2.0**strength - 1),
            topology=WEB_DB,
        )
        assert bool(ranking.rulings) is ruled_out

    def test_the_first_ranked_is_never_ruled_out(self) -> None:
        ranking = rank(
            measured("web", "memory", 31.0),
            measured("web", "latency", 15.0),
            measured("db", "cpu", 7.0),
            topology=WEB_DB,
        )
        assert ranking.causes[0].service == "web"
        assert ranking.rulings == ()

    def test_at_most_six_findings_are_cited(self) -> None:
        many = [measured("web", "latency", 1.0 + i, indicator=f"latency_{i}") for i in range(9)]
        (ruling,) = rank(*many, measured("db", "cpu", 31.0), topology=WEB_DB).rulings
        assert len(ruling.findings) == 6


class TestIndicators:
    def test_two_first_then_three_others_then_the_rest(self) -> None:
        def three(service: str, score: float) -> list[Finding]:
            return [
                measured(service, kind, score / (1 + i), indicator=f"m{i}")
                for i, kind in enumerate(("cpu", "memory", "disk"))
            ]

        ranking = rank(*three("a", 30.0), *three("b", 20.0), *three("c", 10.0))
        assert ranking.indicators == (
            *("a_m0", "b_m0"),
            *("a_m1", "a_m2"),
            *("c_m0",),
            *("b_m1", "b_m2", "c_m1", "c_m2"),
        )

    def test_alarms_and_changes_name_no_further_indicator(self) -> None:
        change = plain(Source.CHANGES, FindingKind.RECENT_CHANGE, "a", score=2.0)
        assert rank(measured("a", "cpu", 7.0), change, ALARM).indicators == ("a_cpu_metric",)

    def test_what_is_normal_is_named_where_nothing_else_is(self) -> None:
        calm = measured("a", "cpu", 0.5, kind=FindingKind.NORMAL)
        assert rank(calm).indicators == ("a_cpu_metric",)

    def test_a_log_line_has_none(self) -> None:
        assert rank(logged("a", 3.0)).indicators == ()


@pytest.mark.parametrize(
    ("findings", "coverage"),
    [
        ([], {}),
        ([plain(Source.KPIS, FindingKind.NO_DATA)], {Source.KPIS: False}),
        ([plain(Source.LOGS, FindingKind.UNREACHABLE)], {Source.LOGS: False}),
        ([plain(Source.KPIS, FindingKind.NO_DATA), measured("a", "cpu", 0.1)], {Source.KPIS: True}),
        ([measured("a", "cpu", 0.1), plain(Source.KPIS, FindingKind.NO_DATA)], {Source.KPIS: True}),
        ([ALARM, logged("a", 1.0)], {Source.ALARMS: True, Source.LOGS: True}),
    ],
)
def test_a_source_is_covered_where_it_said_anything(
    findings: list[Finding], coverage: dict[Source, bool]
) -> None:
    assert rank(*findings).coverage == coverage
