"""An evaluation on the terminal, and its answers as lines for a scorer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from agents.evaluation.results import CaseResult, DatasetScore, EvaluationReport
from agents.evaluation.wording import (
    FEEDBACK_COLUMNS,
    criterion_words,
    feedback_row,
    percent,
    summary_line,
    unmet,
)
from infra.cli.console import emit, err, out, plain, table
from infra.cli.evaluation.declared import Scenario
from infra.cli.evaluation.tasks import Done

__all__ = ["tell", "tell_scenarios", "write_lines"]

_CASES = ("dataset", "cases", "median_s", "cause_found", "inconclusive", "benign", "data_unavailable")
_SCORES = ("what", "ac1", "ac3", "avg5", "mrr")


def write_lines(path: Path, done: Sequence[Done]) -> None:
    """Write each answer as a line of JSON: `case`, `services`, `indicators`, `seconds`, `verdict`, `confidence`."""
    lines = [orjson.dumps(_line(one)).decode() for one in done if not one.result.error]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _line(one: Done) -> dict[str, object]:
    result = one.result
    if isinstance(result, CaseResult):
        name, services, indicators = result.case, one.services, one.indicators
    else:
        name = f"{result.name}/{result.seed}"
        services = tuple(cause.service for cause in result.causes)
        indicators = tuple(f"{o.service}_{o.indicator}" for o in result.causes if o.indicator)
    return {
        "case": name,
        "services": services,
        "indicators": indicators,
        "seconds": round(result.spent.seconds, 4) if result.spent else None,
        "verdict": result.verdict.value if result.verdict else None,
        "confidence": result.confidence,
    }


def tell(report: EvaluationReport, as_json: bool) -> None:
    """Print what came of it; what could not be answered goes to standard error."""
    for name, error in _errors(report):
        err.print(f"[red]failed:[/] {plain(name)}: {plain(error)}", highlight=False)
    if as_json:
        emit(_told(report))
        return
    if report.scenarios:
        _tell_groups(report)
    if report.datasets:
        out.print(table("Investigated", _CASES, (_row(one) for one in report.datasets)))
        scores = list(_scores(report.datasets))
        if scores:
            out.print(table("Right", ("dataset", *_SCORES), scores))
    if report.feedback:
        out.print(table("What people said", FEEDBACK_COLUMNS, map(feedback_row, report.feedback)))
    out.print(summary_line(report), highlight=False, markup=False)


def tell_scenarios(scenarios: Sequence[Scenario], as_json: bool) -> None:
    """Print the scenarios themselves."""
    if as_json:
        emit([{"name": one.name, "group": one.group, "title": one.title} for one in scenarios])
    else:
        rows = ((one.group, one.name, one.title) for one in scenarios)
        out.print(table(f"{len(scenarios)} scenarios", ("group", "name", "what happens"), rows))


def _tell_groups(report: EvaluationReport) -> None:
    rows = (
        (o.group, o.incidents, percent(o.passed / o.incidents), o.failed, o.errors) for o in report.groups
    )
    out.print(table("By kind of incident", ("group", "incidents", "right", "not", "errors"), rows))
    told = ((criterion_words(o.criterion), o.asked, percent(o.met / o.asked)) for o in report.criteria)
    out.print(table("By criterion", ("criterion", "asked", "met"), told))
    bad = [one for one in report.scenarios if not one.passed and not one.error]
    if bad:
        out.print(
            table(
                "Not as expected",
                ("scenario", "seed", "what"),
                ((o.name, o.seed, "\n".join(unmet(o))) for o in bad),
            )
        )


def _errors(report: EvaluationReport) -> Iterator[tuple[str, str]]:
    for scenario in report.scenarios:
        if scenario.error:
            yield f"{scenario.name}/{scenario.seed}", scenario.error
    for case in report.cases:
        if case.error:
            yield case.case, case.error


def _told(report: EvaluationReport) -> dict[str, object]:
    cases = {
        "cases": sum(not one.error for one in report.cases),
        "failed": report.totals.errors,
        "datasets": [dict(zip(_CASES, _row(one), strict=True)) | _accuracy(one) for one in report.datasets],
    }
    scenarios = {
        "scenarios": len(report.scenarios),
        "right": report.totals.passed,
        "errors": report.totals.errors,
        "groups": [one.model_dump(mode="json") for one in report.groups],
        "criteria": [one.model_dump(mode="json") for one in report.criteria],
        "not_as_expected": [
            {"name": one.name, "seed": one.seed, "unmet": list(unmet(one))}
            for one in report.scenarios
            if not one.passed and not one.error
        ],
    }
    if report.feedback:
        return {"said": report.said, "feedback": [one.model_dump(mode="json") for one in report.feedback]}
    told: dict[str, object] = dict(scenarios if report.scenarios else cases)
    reliability = [
        {"of": o.of, "answers": o.calibration.count, "error": o.calibration.error} for o in report.reliability
    ]
    return told | {"calibration": reliability, "spent": report.totals.model_dump(mode="json")}


def _row(one: DatasetScore) -> tuple[object, ...]:
    median = None if one.median_seconds is None else round(one.median_seconds, 3)
    return (one.dataset, one.cases - one.errors, median, *(one.verdicts.get(name, 0) for name in _CASES[3:]))


def _accuracy(one: DatasetScore) -> dict[str, object]:
    return {
        what: scores.model_dump(mode="json")
        for what, scores in (("service", one.service), ("indicator", one.indicator))
        if scores is not None
    }


def _scores(datasets: Sequence[DatasetScore]) -> Iterator[tuple[object, ...]]:
    for one in datasets:
        for what, scores in (("service", one.service), ("indicator", one.indicator)):
            if scores is not None:
                figures = (round(v, 3) for v in (scores.ac1, scores.ac3, scores.avg5, scores.mrr))
                yield (one.dataset, what, *figures)
