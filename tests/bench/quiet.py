"""What is said of recorded systems before anything was wrong: `python -m tests.bench.quiet FOLDER`.

Each recorded incident that has a past is investigated as if its alarm had come before it, in a window that ends a minute before
its own begins. What was benign then, and what is benign of the incidents, tells how sure a benign answer may be.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from agents.analysis.signals import IncidentData
from agents.evaluation.calibration import calibration
from agents.evaluation.cases import find_cases, load_case
from agents.evaluation.predictions import predict
from infra.cli.logs_aside import logs_aside
from schemas.events import Report, Verdict

__all__ = ["Told", "before_it", "lines"]

_APART_S = 60.0
_PAST_S = 300.0


@dataclass(frozen=True, slots=True)
class Told:
    dataset: str
    report: Report
    quiet: bool
    """Before the incident, not in it."""


def before_it(data: IncidentData) -> IncidentData | None:
    """The same with an alarm before anything was wrong; None where the past is too short for it."""
    window = data.window
    back = window.end - window.start + _APART_S
    if window.start - back - window.baseline_start < _PAST_S:
        return None
    times = {name: getattr(window, name) - back for name in ("start", "end", "alarm_at")}
    return replace(data, window=replace(window, **times))


def lines(told: Sequence[Told]) -> list[str]:
    """What there is to print: verdicts by collection, and of the benign how sure they were and how many were right."""
    counts = Counter((one.dataset, one.quiet, one.report.verdict) for one in told)
    shown = [
        f"{dataset}, {'before' if quiet else 'incident'}: {count} {verdict}"
        for (dataset, quiet, verdict), count in sorted(counts.items())
    ]
    sure = [
        (one.report.confidence, one.quiet)
        for one in told
        if one.report.verdict is Verdict.BENIGN and one.report.confidence is not None
    ]
    error = calibration(sure).error
    if error is None:
        return [*shown, "nothing was benign"]
    mean = sum(confidence for confidence, _ in sure) / len(sure)
    right = sum(quiet for _, quiet in sure)
    return [*shown, f"benign: {right} of {len(sure)} right, {mean:.2f} sure on average, error {error:.3f}"]


async def _told(folder: Path) -> list[Told]:
    case = load_case(folder)
    earlier = before_it(case.data)
    if earlier is None:
        return []
    dataset = case.case_id.partition("/")[0]
    before, during = await predict(replace(case, data=earlier)), await predict(case)
    return [Told(dataset, before.report, quiet=True), Told(dataset, during.report, quiet=False)]


def _main(root: Path) -> None:
    with logs_aside():
        told = [one for folder in find_cases(root) for one in asyncio.run(_told(folder))]
    for line in lines(told):
        typer.echo(line)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
