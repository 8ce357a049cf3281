"""How much of the answers hangs on what: `python -m tests.bench.robustness FOLDER` takes from recorded incidents, and scores again.

Every case as recorded and under each disturbance; where chance draws, three times. Prints AC@1 by collection, as Markdown.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer
from rich.console import Console
from rich.progress import track

from agents.evaluation.cases import Case, find_cases, load_case
from agents.evaluation.predictions import predict
from agents.evaluation.truth import Truth, read_truth
from infra.cli.logs_aside import logs_aside
from tests.bench.disturbances import DISTURBANCES, Disturbance

__all__ = ["Hit", "Hits", "first_right", "table", "variants"]


@dataclass(frozen=True, slots=True)
class Hit:
    """In which share of a case's draws the labelled service was named first; not `touched`: it was as recorded."""

    share: float
    touched: bool = True


Hits = dict[tuple[str, str], list[Hit]]
"""By disturbance and collection, the cases of the collection."""


async def first_right(case: Case, truth: Truth) -> bool:
    """Return whether the labelled service is the first that is named, of those that may be."""
    prediction = await predict(case)
    named = [one for one in prediction.services if not truth.candidates or one in truth.candidates]
    return named[:1] == [truth.service]


def variants(case: Case, disturbance: Disturbance) -> Iterator[Case]:
    """The case under the disturbance, as often as it draws; not at all where it would change nothing."""
    chance = np.random.default_rng(1)
    if disturbance.touches(case.data):
        for _ in range(disturbance.draws):
            yield Case(case.case_id, disturbance.made(case.data, chance))


def table(hits: Hits) -> Iterator[str]:
    """Return the lines of a Markdown table: a row a disturbance, a column a collection; `-` where it touches no case."""
    collections = sorted({collection for _, collection in hits})
    yield f"| | {' | '.join(collections)} |"
    yield f"|---|{'---|' * len(collections)}"
    for name in DISTURBANCES:
        cells = (_cell(hits.get((name, collection), [])) for collection in collections)
        yield f"| {name} | {' | '.join(cells)} |"


def _cell(found: Sequence[Hit]) -> str:
    if not any(one.touched for one in found):
        return "-"
    return f"{sum(one.share for one in found) / len(found):.3f}"


def _measured(folders: Sequence[Path]) -> Hits:
    hits: Hits = {}
    for folder in track(folders, "investigating", console=Console(stderr=True), transient=True):
        case, truth = load_case(folder), read_truth(folder)
        unchanged = Hit(asyncio.run(first_right(case, truth)), touched=False)
        for name, disturbance in DISTURBANCES.items():
            drawn = [asyncio.run(first_right(one, truth)) for one in variants(case, disturbance)]
            hit = Hit(sum(drawn) / len(drawn)) if drawn else unchanged
            hits.setdefault((name, truth.dataset), []).append(hit)
    return hits


def _main(root: Path) -> None:
    with logs_aside():
        hits = _measured(find_cases(root))
    for line in table(hits):
        typer.echo(line)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
