"""`tocsin eval`: recorded cases, or simulated incidents, through the investigation graph; what came of it, and how right it was."""

from __future__ import annotations

import fnmatch
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from agents.evaluation.cases import find_cases
from agents.evaluation.results import About, EvaluationReport, compiled
from infra.cli.console import err, out
from infra.cli.context import load_settings
from infra.cli.evaluation.declared import Scenario
from infra.cli.evaluation.folder import write_pages, write_report
from infra.cli.evaluation.models import ChosenModel, chosen_model
from infra.cli.evaluation.ran import Ran, run, with_truth
from infra.cli.evaluation.suite import SCENARIOS
from infra.cli.evaluation.tasks import CaseTask, ScenarioTask, Task
from infra.cli.evaluation.told import tell, tell_scenarios, write_lines
from infra.cli.exit_codes import ExitCode
from infra.cli.options import AsJson, DataDir
from infra.runtime.clock import SystemClock
from infra.runtime.settings import LlmSection
from schemas.errors import InvalidRequestError

__all__ = ["evaluate"]

_SUITE = "scenarios"


def evaluate(
    what: Annotated[
        str,
        typer.Argument(
            metavar="scenarios|FOLDER", help="The simulated incidents, or a folder with case folders."
        ),
    ],
    seed: Annotated[int, typer.Option(help="Scenarios: another seed is another set.", min=0)] = 1,
    repeat: Annotated[int, typer.Option(help="Scenarios: so many seeds, one after the other.", min=1)] = 1,
    only: Annotated[
        list[str] | None, typer.Option(help="Scenarios: only those of this name or group; * and ? match.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Scenarios: list them, and run none.")] = False,
    late: Annotated[
        float, typer.Option(help="Cases: pretend that each alarm came so many seconds later.", min=0)
    ] = 0.0,
    limit: Annotated[int | None, typer.Option(help="Cases: only the first so many.", min=1)] = None,
    score: Annotated[
        bool, typer.Option("--score", help="Cases: read their labels too, when all are answered.")
    ] = False,
    model: Annotated[
        str, typer.Option(help="Ask this model too: a configured provider, or any name with --model-url.")
    ] = "",
    model_url: Annotated[
        str, typer.Option(help="An OpenAI-compatible endpoint, up to and including /v1.")
    ] = "",
    model_key_file: Annotated[
        Path | None, typer.Option(help="File with the endpoint's key, where it wants one.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes.", min=1, show_default="2 for scenarios, 1 for cases")
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the answers as JSON lines.")
    ] = None,
    report_folder: Annotated[
        Path | None, typer.Option("--report", "-r", help="Write report.html, .md and .json into this folder.")
    ] = None,
    at_least: Annotated[
        float, typer.Option(help="Exit with 6 where a smaller share is right.", min=0, max=1)
    ] = 0.0,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Investigate recorded cases, or the suite of simulated incidents, without a stack, and tell what was answered.

    The same graph as in production, over ports in memory; a model only where one is named. The labels of a case are
    never read before all are answered, and only with `--score`: or score the answers with a scorer of your own.
    """
    suite = what == _SUITE
    if suite and listed:
        tell_scenarios(_chosen(only), as_json)
        return
    chosen = chosen_model(_llm(data, model, model_url), model, model_url, model_key_file)
    seeds = tuple(range(seed, seed + repeat)) if suite else ()
    tasks = _scenarios(only, seeds, chosen) if suite else _cases(Path(what), limit, late, chosen)
    ran = run(tasks, workers or (2 if suite else 1), quiet=as_json)
    if score and not suite:
        ran = with_truth(ran)
    if report_folder is not None:
        ran = Ran(write_pages(report_folder, ran.done), ran.interrupted)
    about = About(
        made_at=SystemClock().now(),
        command=_command(),
        model=chosen.name if chosen else "deterministic",
        seeds=seeds,
        late_s=late,
        interrupted=ran.interrupted,
    )
    report = compiled(about, ran.scenarios, ran.cases)
    if report_folder is not None:
        write_report(report_folder, report)
    if out_file is not None:
        write_lines(out_file, ran.done)
    tell(report, as_json)
    if report_folder is not None and not as_json:
        out.print(f"report: {report_folder / 'report.html'}", highlight=False, markup=False)
    _leave(report, at_least)


def _llm(data: Path | None, model: str, url: str) -> LlmSection:
    """The installation's models; nothing is read where none is asked for by name."""
    return load_settings(data, None).llm if model and not url else LlmSection()


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


def _cases(root: Path, limit: int | None, late_s: float, model: ChosenModel | None) -> list[Task]:
    folders = find_cases(root)[:limit]
    if not folders:
        raise InvalidRequestError(
            f"no case.json below {root}", cure="Name a folder with case folders, or `scenarios`."
        )
    return [CaseTask(folder, late_s, model) for folder in folders]


def _command() -> str:
    """The command as it was typed, without the folders of this machine before its name."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def _leave(report: EvaluationReport, at_least: float) -> None:
    totals = report.totals
    if report.about.interrupted:
        err.print("interrupted", highlight=False)
        raise typer.Exit(ExitCode.INTERRUPTED)
    if totals.errors or totals.passed < at_least * totals.incidents:
        raise typer.Exit(ExitCode.NEGATIVE)
