"""`tocsin eval`: recorded cases, or simulated incidents, through the investigation graph, and what people said; how right it was."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import typer

from agents.evaluation.cases import find_cases
from agents.evaluation.results import EvaluationReport
from infra.cli.console import err, out
from infra.cli.context import load_settings
from infra.cli.evaluation import options
from infra.cli.evaluation.declared import Scenario
from infra.cli.evaluation.evaluated import How, Where, evaluated, told_by_people
from infra.cli.evaluation.models import ChosenModel, chosen_model
from infra.cli.evaluation.nab_command import evaluate_nab
from infra.cli.evaluation.said import said_of_reports
from infra.cli.evaluation.suite import SCENARIOS
from infra.cli.evaluation.tasks import CaseTask, ScenarioTask, Task
from infra.cli.evaluation.told import tell, tell_scenarios
from infra.cli.exit_codes import ExitCode
from infra.cli.options import AsJson, DataDir
from infra.cli.tables import since as time_since
from infra.runtime.settings import LlmSection
from schemas.errors import InvalidRequestError

__all__ = ["evaluate"]

_SUITE, _FEEDBACK, _NAB = "scenarios", "feedback", "nab"


def evaluate(
    what: options.What,
    folder: options.NabFolder = None,
    seed: options.Seed = 1,
    repeat: options.Repeat = 1,
    only: options.Only = None,
    listed: options.Listed = False,
    late: options.Late = 0.0,
    limit: options.Limited = None,
    score: options.Scored = False,
    hold_out: options.HoldOut = False,
    model: options.ModelName = "",
    model_url: options.ModelUrl = "",
    model_key_file: options.ModelKeyFile = None,
    since: options.SaidSince = "90d",
    tenant: options.SaidTo = None,
    workers: options.Workers = None,
    out_file: options.LinesFile = None,
    report_folder: options.ReportFolder = None,
    at_least: options.AtLeast = 0.0,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell how right the answers are: to simulated incidents, to recorded cases, or, as people said, in this installation.

    `nab` runs the streaming detector over the Numenta Anomaly Benchmark instead, and tells its scores.

    Incidents and cases need no stack: the same graph as in production, over ports in memory; a model only where one is named. The labels of a case are
    never read before all are answered, and only with `--score`: or score the answers with a scorer of your own.
    """
    if what == _NAB:
        evaluate_nab(folder, only or (), workers or 2, at_least, hold_out=hold_out, as_json=as_json)
        return
    if folder is not None:
        raise InvalidRequestError(f"only `nab` is followed by a folder: {folder}")
    suite = what == _SUITE
    if suite and listed:
        tell_scenarios(_chosen(only), as_json)
        return
    where = Where(report_folder, out_file, quiet=as_json)
    if what == _FEEDBACK:
        said = said_of_reports(load_settings(data, tenant), tenant, *time_since(since))
        _end(told_by_people(said, where), where, at_least)
        return
    chosen = chosen_model(_llm(data, model), model, model_url, model_key_file)
    seeds = tuple(range(seed, seed + repeat)) if suite else ()
    tasks = _scenarios(only, seeds, chosen) if suite else _cases(Path(what), only, late, chosen)[:limit]
    how = How(chosen, seeds, late, score=score and not suite)
    _end(evaluated(tasks, how, where, workers or (2 if suite else 1)), where, at_least)


def _llm(data: Path | None, model: str) -> LlmSection:
    """The installation's models and prices; nothing is read where no model is asked for."""
    return load_settings(data, None).llm if model else LlmSection()


def _chosen(only: list[str] | None) -> tuple[Scenario, ...]:
    wanted = only or ["*"]
    found = tuple(
        one
        for one in SCENARIOS
        if any(fnmatch.fnmatchcase(name, pattern) for name in (one.name, one.group) for pattern in wanted)
    )
    if not found:
        raise InvalidRequestError(
            f"no scenario is called {' or '.join(wanted)}", cure="`tocsin eval scenarios --list` shows them."
        )
    return found


def _scenarios(only: list[str] | None, seeds: tuple[int, ...], model: ChosenModel | None) -> list[Task]:
    return [ScenarioTask(one.name, seed, model) for seed in seeds for one in _chosen(only)]


def _cases(root: Path, only: list[str] | None, late_s: float, model: ChosenModel | None) -> list[Task]:
    found = find_cases(root)
    folders = [one for one in found if only is None or _is_named(one.relative_to(root), only)]
    if found and not folders:
        raise InvalidRequestError(
            f"none of the {len(found)} cases below {root} is {' or '.join(only or ())}",
            cure="A case is named by its folder, or by one that holds it; * and ? match.",
        )
    if not folders:
        raise InvalidRequestError(
            f"no case.json below {root}", cure="Name a folder with case folders, or `scenarios`."
        )
    return [CaseTask(folder, late_s, model) for folder in folders]


def _is_named(case: Path, only: list[str]) -> bool:
    """Whether one of the patterns is of the case's own folder or of one that holds it."""
    return any(fnmatch.fnmatchcase(str(one), pattern) for one in (case, *case.parents) for pattern in only)


def _end(report: EvaluationReport, where: Where, at_least: float) -> None:
    """Print it, and leave with what it means for a script."""
    tell(report, where.quiet)
    if where.folder is not None and not where.quiet:
        out.print(f"report: {where.folder / 'report.html'}", highlight=False, markup=False)
    if report.about.interrupted:
        err.print("interrupted", highlight=False)
        raise typer.Exit(ExitCode.INTERRUPTED)
    if report.totals.errors or (report.share or 0.0) < at_least:
        raise typer.Exit(ExitCode.NEGATIVE)
