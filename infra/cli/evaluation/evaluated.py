"""An evaluation from what is asked to its report: perform the tasks, read labels where told to, write what was asked for."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.evaluation.compiling import compiled
from agents.evaluation.results import About, EvaluationReport, FeedbackScore
from infra.cli.evaluation.folder import write_pages, write_report
from infra.cli.evaluation.models import ChosenModel
from infra.cli.evaluation.ran import Ran, run, with_truth
from infra.cli.evaluation.tasks import Task
from infra.cli.evaluation.told import write_lines
from infra.runtime.clock import SystemClock

__all__ = ["How", "Where", "evaluated", "told_by_people"]


@dataclass(frozen=True, slots=True)
class How:
    """What the tasks were made of, as the report tells it."""

    model: ChosenModel | None = None
    seeds: tuple[int, ...] = ()
    late_s: float = 0.0
    score: bool = False
    """Read the labels of the cases, once all are answered."""


@dataclass(frozen=True, slots=True)
class Where:
    """What is left on disk: a folder with report and pages, the answers as JSON lines. `quiet` shows no progress."""

    folder: Path | None = None
    lines: Path | None = None
    quiet: bool = False


def evaluated(tasks: Sequence[Task], how: How, where: Where, workers: int) -> EvaluationReport:
    """Return the report, and leave what was asked for on disk. Blocks; Ctrl-C ends it early and keeps what was answered.

    Raises:
        UnavailableError: somebody killed a process of it.
        InvalidRequestError: a case that is to be scored has no label.
    """
    ran = run(tasks, workers, quiet=where.quiet)
    if how.score:
        ran = with_truth(ran)
    if where.folder is not None:
        ran = Ran(write_pages(where.folder, ran.done), ran.interrupted)
    report = compiled(_about(how, interrupted=ran.interrupted), ran.scenarios, ran.cases)
    if where.folder is not None:
        write_report(where.folder, report)
    if where.lines is not None:
        write_lines(where.lines, ran.done)
    return report


def told_by_people(said: Sequence[FeedbackScore], where: Where) -> EvaluationReport:
    """Return what people said as a report of its own, and leave its pages where they were asked for. Blocks."""
    about = _about(How(), interrupted=False).model_copy(update={"model": "as the reports have it"})
    report = compiled(about, feedback=said)
    if where.folder is not None:
        write_report(where.folder, report)
    return report


def _about(how: How, *, interrupted: bool) -> About:
    return About(
        made_at=SystemClock().now(),
        command=_command(),
        machine=_machine(),
        model=how.model.name if how.model else "deterministic",
        seeds=how.seeds,
        late_s=how.late_s,
        interrupted=interrupted,
    )


def _command() -> str:
    """The command as it was typed; of folders of this machine only their names."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv]
    return shlex.join(["tocsin", *words[1:]])


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
