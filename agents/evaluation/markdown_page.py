"""An evaluation as a page of the documentation: the same tables, without the single incidents that went well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from agents.evaluation.results import About, EvaluationReport, ScenarioResult
from agents.evaluation.wording import (
    FEEDBACK_COLUMNS,
    criterion_words,
    feedback_row,
    money,
    percent,
    seconds,
    share,
    summary_line,
    unmet,
)

__all__ = ["DIAGRAM", "markdown_page"]

DIAGRAM = "reliability.svg"
"""The picture that a page with answers that are sure of something refers to, beside it."""


def markdown_page(report: EvaluationReport) -> str:
    """Return the page as Markdown."""
    blocks = [
        f"# {_title(report)}",
        f"{summary_line(report)}.",
        _about(report.about),
        *_groups(report),
        *_criteria(report),
        *_datasets(report),
        *_reliability(report),
        *_spending(report),
        *_feedback(report),
        *_failures(report.scenarios),
    ]
    return "\n\n".join(blocks) + "\n"


def _title(report: EvaluationReport) -> str:
    if report.feedback and not report.totals.incidents:
        return "What people said of reports"
    return f"{'Recorded' if report.cases and not report.scenarios else 'Simulated'} incidents: results"


def _about(about: About) -> str:
    told = [
        f"`{about.command}`",
        f"{about.made_at:%Y-%m-%d %H:%M} UTC",
        about.machine,
        f"model: {about.model}",
    ]
    told.append(f"seeds {', '.join(map(str, about.seeds))}" if about.seeds else "")
    return "; ".join(one for one in told if one) + "."


def _groups(report: EvaluationReport) -> Iterator[str]:
    if report.groups:
        yield "## By kind of incident"
        rows = (
            (o.group, o.incidents, o.passed, percent(o.passed / o.incidents), o.errors) for o in report.groups
        )
        yield _table(("group", "incidents", "right", "share", "errors"), rows)


def _criteria(report: EvaluationReport) -> Iterator[str]:
    if report.criteria:
        yield "## By criterion"
        rows = ((criterion_words(o.criterion), share(o.met, o.asked)) for o in report.criteria)
        yield _table(("criterion", "met"), rows)


def _datasets(report: EvaluationReport) -> Iterator[str]:
    if not report.datasets:
        return
    yield "## Recorded incidents"
    rows = []
    for one in report.datasets:
        for what, scores in (("service", one.service), ("indicator", one.indicator)):
            if scores is not None:
                figures = (f"{value:.3f}" for value in (scores.ac1, scores.ac3, scores.avg5, scores.mrr))
                rows.append(
                    (one.dataset, scores.cases, what, *figures, seconds(one.median_seconds), one.errors)
                )
    yield _table(("data", "cases", "what", "AC@1", "AC@3", "Avg@5", "MRR", "median", "errors"), rows)


def _reliability(report: EvaluationReport) -> Iterator[str]:
    if not report.reliability:
        return
    yield "## Calibration"
    rows = (
        (o.of, o.calibration.count, _figure(o.calibration.error), _figure(o.calibration.brier))
        for o in report.reliability
    )
    yield _table(("answers", "n", "expected calibration error", "Brier score"), rows)
    first = report.reliability[0]
    shown = [one for one in first.calibration.bins if one.count]
    yield f"![How often {first.of} were right, by confidence]({DIAGRAM})"
    yield f"Of {first.of}; a bar is how often they were right, its shade how far that is from what they said:"
    yield _table(
        ("confidence", "answers", "said", "right"),
        ((f"{o.low:.1f}-{o.high:.1f}", o.count, percent(o.confidence), percent(o.accuracy)) for o in shown),
    )


def _spending(report: EvaluationReport) -> Iterator[str]:
    totals = report.totals
    if not totals.incidents:
        return
    yield "## What it took"
    rows: list[tuple[str, object]] = [
        ("median, slowest incident", f"{seconds(totals.median_seconds)}, {seconds(totals.slowest_seconds)}"),
        ("queries and model, all incidents", money(totals.cost_nano_usd)),
    ]
    if totals.attempts:
        rows += [
            ("attempts at the model", f"{totals.attempts}, {totals.failed_attempts} of them failed"),
            ("tokens", f"{totals.input_tokens:,} in, {totals.output_tokens:,} out"),
            ("claims of the model that passed verification", share(totals.published_claims, totals.claims)),
            ("claims whose confidence was lowered", share(totals.capped_claims, totals.claims)),
            ("queries of the model that were refused", share(totals.refused_queries, totals.queries)),
        ]
    yield _table(("what", "figure"), rows)


def _feedback(report: EvaluationReport) -> Iterator[str]:
    if report.feedback:
        yield "## What people said"
        yield "Would acting on the report have fixed it?"
        yield _table(FEEDBACK_COLUMNS, map(feedback_row, report.feedback))


def _failures(scenarios: Sequence[ScenarioResult]) -> Iterator[str]:
    """One line a scenario: for how many of its seeds, and what it was the first time."""
    bad = [one for one in scenarios if not one.passed]
    if not bad:
        return
    yield "## Not as expected"
    rows = []
    for name in dict.fromkeys(one.name for one in bad):
        mine = [one for one in bad if one.name == name]
        asked = sum(one.name == name for one in scenarios)
        rows.append(
            (name, f"{len(mine)} of {asked}", mine[0].seed, mine[0].error or "; ".join(unmet(mine[0])))
        )
    yield _table(("scenario", "seeds", "for example", "what"), rows)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").replace("<", "&lt;").split())
