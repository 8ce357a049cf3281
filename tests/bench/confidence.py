"""Fit the parameters of confidence to recorded incidents: `python -m tests.bench.confidence FOLDER`.

Investigates each case, keeps the two highest scores and whether the first cause was right (those alone go to
`confidence.json` beside this file), and prints today's parameters, those fitted to all, and each collection's calibration error.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import typer

from agents.analysis.calibration import FITTED, Example, fitted
from agents.evaluation.cases import find_cases, load_case
from agents.evaluation.fitting import fits, reliability, together
from agents.evaluation.predictions import predict
from agents.evaluation.truth import read_truth
from infra.cli.logs_aside import logs_aside

__all__ = ["EXAMPLES", "kept"]

EXAMPLES = Path(__file__).with_suffix(".json")


def kept(path: Path = EXAMPLES) -> dict[str, list[Example]]:
    """Return what was kept, by collection. Blocks on the file system."""
    return {name: [Example(*one) for one in many] for name, many in json.loads(path.read_text()).items()}


async def _judged(folder: Path) -> tuple[str, Example] | None:
    """None where nothing abnormal was seen: nothing is claimed then, and no confidence given."""
    truth = read_truth(folder)
    prediction = await predict(load_case(folder))
    ranking = prediction.answer.ranking
    if not ranking.abnormal:
        return None
    scores = [cause.score for cause in ranking.causes] + [0.0, 0.0]
    return truth.dataset, Example(scores[0], scores[1], ranking.causes[0].service == truth.service)


def _main(root: Path) -> None:
    collections: dict[str, list[Example]] = {}
    with logs_aside():
        for folder in find_cases(root):
            judged = asyncio.run(_judged(folder))
            if judged is not None:
                collections.setdefault(judged[0], []).append(judged[1])
    rows = {
        name: [[round(one.first, 3), round(one.second, 3), one.right] for one in own]
        for name, own in sorted(collections.items())
    }
    EXAMPLES.write_text(json.dumps(rows) + "\n", encoding="utf-8")
    every = [one for own in collections.values() for one in own]
    typer.echo(f"today {FITTED}: error {reliability(every).error:.3f}")
    best = fitted(every)
    typer.echo(f"fitted to all {best}: error {reliability(every, best).error:.3f}")
    for name, fit in sorted(fits(collections).items()):
        today, without = fit.today, fit.left_out
        typer.echo(
            f"{name}: {today.count} answers, error {today.error:.3f}, left out of the fit {without.error:.3f}"
        )
    without = together(collections)
    typer.echo(f"all together: {without.count} answers, left out of the fit {without.error:.3f}")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
