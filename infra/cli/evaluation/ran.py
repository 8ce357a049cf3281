"""A run of an evaluation: its tasks done one after the other or side by side, in the order they were given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace

from rich.progress import Progress

from agents.evaluation.results import CaseResult, ScenarioResult
from agents.evaluation.scoring import scored
from agents.evaluation.truth import read_truth
from infra.cli.console import err
from infra.cli.evaluation.interrupting import interruptions
from infra.cli.evaluation.tasks import CaseTask, Done, Task
from infra.cli.evaluation.workers import performed
from schemas.errors import UnavailableError

__all__ = ["Ran", "run", "with_truth"]


@dataclass(frozen=True, slots=True)
class Ran:
    """What was answered; not everything where it was interrupted."""

    done: tuple[Done, ...]
    interrupted: bool = False

    @property
    def scenarios(self) -> tuple[ScenarioResult, ...]:
        return tuple(one.result for one in self.done if isinstance(one.result, ScenarioResult))

    @property
    def cases(self) -> tuple[CaseResult, ...]:
        return tuple(one.result for one in self.done if isinstance(one.result, CaseResult))


def run(tasks: Sequence[Task], workers: int, *, quiet: bool) -> Ran:
    """Perform the tasks and show how far it is. Ctrl-C ends it early, and keeps what was answered.

    Raises:
        UnavailableError: somebody killed a process of it.
    """
    done: list[Done] = []
    interrupted = False
    try:
        with (
            Progress(console=err, disable=quiet, transient=True) as progress,
            interruptions() as interruption,
        ):
            bar = progress.add_task("investigating", total=len(tasks))
            for one in performed(tasks, workers):
                done.append(one)
                progress.advance(bar)
                interruption.check()
    except KeyboardInterrupt:
        interrupted = True
    except BrokenProcessPool as error:
        raise UnavailableError(
            "a process of the evaluation was killed", cure="Try again; with --workers 1 there is one only."
        ) from error
    return Ran(tuple(sorted(done, key=_place(tasks))), interrupted)


def with_truth(ran: Ran) -> Ran:
    """Return the same with every case's label beside its answer. Blocks on the file system.

    Raises:
        InvalidRequestError: a case has no label.
    """
    return Ran(tuple(_labelled(one) for one in ran.done), ran.interrupted)


def _labelled(one: Done) -> Done:
    if not isinstance(one.result, CaseResult) or one.folder is None:
        return one
    truth = read_truth(one.folder)
    return replace(one, result=scored(one.result, one.services, one.indicators, truth))


def _place(tasks: Sequence[Task]) -> Callable[[Done], int]:
    """Where a result belongs."""
    places = {_key(task): number for number, task in enumerate(tasks)}

    def place(one: Done) -> int:
        if isinstance(one.result, ScenarioResult):
            return places[one.result.name, one.result.seed]
        return places[str(one.folder), 0]

    return place


def _key(task: Task) -> tuple[str, int]:
    return (str(task.folder), 0) if isinstance(task, CaseTask) else (task.scenario, task.seed)
