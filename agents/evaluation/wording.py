"""An evaluation's figures as people read them."""

from __future__ import annotations

from collections.abc import Iterator

from agents.evaluation.judging import Criterion
from agents.evaluation.results import EvaluationReport, FeedbackScore, ScenarioResult
from schemas.pages import words

__all__ = [
    "FEEDBACK_COLUMNS",
    "criterion_words",
    "feedback_row",
    "money",
    "percent",
    "seconds",
    "share",
    "summary_line",
    "unmet",
]


FEEDBACK_COLUMNS = ("tenant", "model", "verdict", "kind", "answers", "fixed it", "led astray", "mean of 100")


def feedback_row(one: FeedbackScore) -> tuple[str, ...]:
    """Return what people said of one group of reports, under the columns above."""
    counts = (str(one.answers), str(one.fixed), str(one.wrong), f"{one.mean:.0f}")
    return (one.tenant, one.model, one.verdict, one.kind, *counts)


def criterion_words(criterion: Criterion) -> str:
    return criterion.value.replace("_", " ")


def percent(value: float | None) -> str:
    """Return a share as whole percents; a dash where it is not known."""
    return "-" if value is None else words.percent(value)


def share(part: int, whole: int) -> str:
    """Return `part of whole`, with its percents."""
    return f"{part} of {whole} ({percent(part / whole)})" if whole else "-"


def seconds(value: float | None) -> str:
    """Return a time with the digits that matter."""
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def money(nano_usd: int | None) -> str:
    """Return USD; what is unpriced is not free."""
    return "unpriced" if nano_usd is None else f"${nano_usd / 1e9:,.4f}"


def summary_line(report: EvaluationReport) -> str:
    """Return the evaluation in a sentence."""
    if not report.totals.incidents and report.said is not None:
        return _said(report)
    totals = report.totals
    judged = totals.passed + totals.failed + totals.errors
    right = f"{share(totals.passed, totals.incidents)} right"
    parts = [right if judged else f"{totals.incidents} investigated, not scored"]
    if totals.failed:
        parts.append(f"{totals.failed} not")
    if totals.errors:
        parts.append(f"{totals.errors} ended in an error")
    first = next(iter(report.reliability), None)
    if first is not None and first.calibration.error is not None:
        parts.append(f"calibration error {first.calibration.error:.3f}")
    parts.append(f"{seconds(totals.median_seconds)} each at the median")
    if totals.attempts:
        tokens = totals.input_tokens + totals.output_tokens
        parts.append(f"{tokens:,} tokens for {money(totals.cost_nano_usd)}")
    return ", ".join(parts)


def _said(report: EvaluationReport) -> str:
    answers = sum(one.answers for one in report.feedback)
    by = words.many(answers, "answer")
    return f"Acting on the reports would have fixed it: {report.said or 0:.0f} of 100, by {by} of people"


def unmet(result: ScenarioResult) -> Iterator[str]:
    """Yield what was expected and what was said, for each criterion that is not met."""
    for check in result.checks:
        if not check.met:
            yield f"{criterion_words(check.criterion)}: expected {check.expected}; said {check.said}"
