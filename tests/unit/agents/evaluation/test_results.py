"""Results summed up: errors apart from failures, unpriced apart from free."""

from __future__ import annotations

import pytest

from agents.evaluation.compiling import compiled
from agents.evaluation.judging import Criterion
from agents.evaluation.results import EvaluationReport
from schemas.events import Verdict
from tests.fakes.evaluated import ABOUT, BY_A_MODEL, case, check, scenario, spent


def test_errors_are_counted_apart_from_failures() -> None:
    report = compiled(
        ABOUT,
        [
            scenario("a", "g", check()),
            scenario("b", "g", check(met=False)),
            scenario("c", "g", error="broken", spent=None),
            scenario("d", "h", check(), check(Criterion.KIND, met=False)),
        ],
    )
    totals = report.totals
    assert (totals.incidents, totals.passed, totals.failed, totals.errors) == (4, 1, 2, 1)
    assert [(o.group, o.incidents, o.passed, o.failed, o.errors) for o in report.groups] == [
        ("g", 3, 1, 1, 1),
        ("h", 1, 0, 1, 0),
    ]
    assert [(o.criterion, o.met, o.asked) for o in report.criteria] == [
        (Criterion.CAUSE, 2, 3),
        (Criterion.KIND, 0, 1),
    ]


def test_what_is_unpriced_makes_the_sum_unpriced() -> None:
    assert compiled(ABOUT, [scenario(), scenario()]).totals.cost_nano_usd == 20
    assert compiled(ABOUT, [scenario(), scenario(spent=spent(cost=None))]).totals.cost_nano_usd is None


def test_what_a_model_took_is_summed() -> None:
    totals = compiled(ABOUT, [scenario(spent=BY_A_MODEL), scenario(spent=BY_A_MODEL)]).totals
    assert (totals.attempts, totals.failed_attempts) == (8, 2)
    assert (totals.input_tokens, totals.output_tokens) == (2_400, 68)
    assert (totals.claims, totals.published_claims, totals.capped_claims) == (8, 2, 6)
    assert (totals.queries, totals.refused_queries) == (10, 4)


def test_times_are_those_of_what_was_answered() -> None:
    report = compiled(ABOUT, [scenario(spent=spent(s)) for s in (0.1, 0.3, 0.2)] + [scenario(spent=None)])
    assert (report.totals.median_seconds, report.totals.slowest_seconds) == (0.2, 0.3)


def test_only_who_is_sure_of_something_counts_for_calibration() -> None:
    report = compiled(
        ABOUT,
        [
            scenario(confidence=0.9, correct=True),
            scenario(confidence=0.8, correct=False, verdict=Verdict.BENIGN),
            scenario(confidence=None, correct=None, verdict=Verdict.INCONCLUSIVE),
        ],
    )
    everything, causes = report.reliability
    assert (everything.calibration.count, causes.calibration.count) == (2, 1)
    assert causes.calibration.error == pytest.approx(0.1)


def test_cases_by_their_sets() -> None:
    cases = [
        case("a", 1, indicator_scored=True, indicator_rank=2),
        case("b", None, verdict=Verdict.BENIGN, confidence=0.5),
        case("c", 3, dataset="e"),
        case("d", None, error="broken", spent=None, verdict=None, confidence=None),
    ]
    report = compiled(ABOUT, cases=cases)
    first, second = report.datasets
    assert first.service is not None
    assert first.indicator is not None
    assert (first.cases, first.errors, first.verdicts) == (3, 1, {"benign": 1, "cause_found": 1})
    assert first.service.ac1 == pytest.approx(1 / 3)
    assert (first.indicator.cases, first.indicator.ac1, first.indicator.ac3) == (1, 0.0, 1.0)
    assert second.service is not None
    assert second.service.ac3 == 1.0
    assert second.indicator is None
    assert (report.totals.passed, report.totals.failed, report.totals.errors) == (1, 2, 1)
    (causes,) = report.reliability
    assert causes.calibration.count == 2


def test_cases_without_labels_have_no_accuracy() -> None:
    report = compiled(ABOUT, cases=[case("a", None, scored=False)])
    assert report.datasets[0].service is None
    assert report.reliability == ()
    assert report.totals.failed == 0


def test_nothing_asked_is_a_report_too() -> None:
    report = compiled(ABOUT)
    assert report.totals.incidents == 0
    assert report.totals.median_seconds is None


def test_it_is_the_same_after_json() -> None:
    report = compiled(ABOUT, [scenario("a", "g", check(), confidence=0.5, correct=True)], [case("x")])
    assert EvaluationReport.model_validate_json(report.model_dump_json()) == report
    assert report.version == 1
