"""Results summed up into a report: errors apart from failures, unpriced apart from free."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from agents.evaluation.calibration import calibration
from agents.evaluation.judging import Criterion
from agents.evaluation.results import (
    About,
    CaseResult,
    CriterionScore,
    DatasetScore,
    EvaluationReport,
    FeedbackScore,
    GroupScore,
    Reliability,
    ScenarioResult,
    Spent,
    Totals,
)
from agents.evaluation.truth import accuracy
from schemas.events import Verdict

__all__ = ["compiled"]


def compiled(
    about: About,
    scenarios: Sequence[ScenarioResult] = (),
    cases: Sequence[CaseResult] = (),
    feedback: Sequence[FeedbackScore] = (),
) -> EvaluationReport:
    """Return the report of what was answered; nothing in it is older than the results."""
    return EvaluationReport(
        about=about,
        totals=_totals(scenarios, cases),
        groups=tuple(_groups(scenarios)),
        criteria=tuple(_criteria(scenarios)),
        datasets=tuple(_datasets(cases)),
        reliability=tuple(_reliability(scenarios, cases)),
        feedback=tuple(feedback),
        scenarios=tuple(scenarios),
        cases=tuple(cases),
    )


def _totals(scenarios: Sequence[ScenarioResult], cases: Sequence[CaseResult]) -> Totals:
    spent = _spent(scenarios, cases)
    seconds = [one.seconds for one in spent]
    costs = [one.cost_nano_usd for one in spent]
    errors = sum(bool(one.error) for one in scenarios) + sum(bool(one.error) for one in cases)
    passed = sum(one.passed for one in scenarios) + sum(one.rank == 1 for one in cases)
    failed = sum(not one.passed and not one.error for one in scenarios)
    failed += sum(one.scored and one.rank != 1 and not one.error for one in cases)
    return Totals(
        incidents=len(scenarios) + len(cases),
        passed=passed,
        failed=failed,
        errors=errors,
        median_seconds=statistics.median(seconds) if seconds else None,
        slowest_seconds=max(seconds, default=None),
        attempts=sum(one.attempts for one in spent),
        failed_attempts=sum(one.failed_attempts for one in spent),
        input_tokens=sum(one.input_tokens for one in spent),
        output_tokens=sum(one.output_tokens for one in spent),
        cost_nano_usd=None if None in costs else sum(cost or 0 for cost in costs),
        claims=sum(one.claims for one in spent),
        published_claims=sum(one.published_claims for one in spent),
        capped_claims=sum(one.capped_claims for one in spent),
        queries=sum(one.queries for one in spent),
        refused_queries=sum(one.refused_queries for one in spent),
    )


def _spent(scenarios: Sequence[ScenarioResult], cases: Sequence[CaseResult]) -> list[Spent]:
    told = [*(one.spent for one in scenarios), *(one.spent for one in cases)]
    return [one for one in told if one is not None]


def _groups(scenarios: Sequence[ScenarioResult]) -> Iterable[GroupScore]:
    for group in dict.fromkeys(one.group for one in scenarios):
        mine = [one for one in scenarios if one.group == group]
        passed, errors = sum(one.passed for one in mine), sum(bool(one.error) for one in mine)
        yield GroupScore(
            group=group,
            incidents=len(mine),
            passed=passed,
            failed=len(mine) - passed - errors,
            errors=errors,
        )


def _criteria(scenarios: Sequence[ScenarioResult]) -> Iterable[CriterionScore]:
    asked = Counter(check.criterion for one in scenarios for check in one.checks)
    met = Counter(check.criterion for one in scenarios for check in one.checks if check.met)
    for criterion in Criterion:
        if asked[criterion]:
            yield CriterionScore(criterion=criterion, met=met[criterion], asked=asked[criterion])


def _datasets(cases: Sequence[CaseResult]) -> Iterable[DatasetScore]:
    for name in sorted({one.dataset for one in cases}):
        mine = [one for one in cases if one.dataset == name]
        verdicts = Counter(one.verdict.value for one in mine if one.verdict is not None)
        seconds = [one.spent.seconds for one in mine if one.spent is not None]
        yield DatasetScore(
            dataset=name,
            cases=len(mine),
            errors=sum(bool(one.error) for one in mine),
            verdicts=dict(sorted(verdicts.items())),
            median_seconds=statistics.median(seconds) if seconds else None,
            service=accuracy([one.rank for one in mine if one.scored]),
            indicator=accuracy([one.indicator_rank for one in mine if one.indicator_scored]),
        )


def _reliability(scenarios: Sequence[ScenarioResult], cases: Sequence[CaseResult]) -> Iterable[Reliability]:
    sure = [one for one in scenarios if one.confidence is not None and one.correct is not None]
    told = [(one.confidence or 0.0, bool(one.correct)) for one in sure]
    if told:
        yield Reliability(of="all verdicts with a confidence", calibration=calibration(told))
    named = [(one.confidence or 0.0, bool(one.correct)) for one in sure if one.verdict is Verdict.CAUSE_FOUND]
    if named:
        yield Reliability(of="causes named", calibration=calibration(named))
    recorded = [
        (one.confidence, one.rank == 1)
        for one in cases
        if one.scored and one.confidence is not None and one.verdict is Verdict.CAUSE_FOUND
    ]
    if recorded:
        yield Reliability(of="causes named in recorded cases", calibration=calibration(recorded))
