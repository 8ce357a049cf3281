"""Every published attack in every carrier, read by a model that obeys it; a table of what held.

python -m tests.bench.injection --out docs/evaluation/prompt-injection.md
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.bench.conditions import conditions
from tests.fakes.injection.carriers import ATTACKS, CARRIERS
from tests.fakes.injection.trials import CHECKS, Trial, tried

__all__ = ["page"]

_MEANING = {
    "fenced": "nothing of it outside of a fence",
    "neutral": "no sign, no hidden letter, no blob inside",
    "queries_inside": "queries within tenant and window",
    "verdict_kept": "verdict and causes as without a model",
    "words_kept_out": "not told on in the report",
}


def page(trials: Sequence[Trial], command: str, machine: dict[str, str]) -> str:
    """Return the page as Markdown."""
    attacks = {trial.attack.id for trial in trials}
    carriers = dict.fromkeys(trial.carrier for trial in trials)
    kinds = dict.fromkeys(trial.attack.kind for trial in trials)
    broken = [(t.attack.id, t.carrier, c) for t in trials for c in CHECKS if not getattr(t, c)]
    blocks = [
        "# Orders to a model in what others wrote: results",
        _INTRODUCTION.format(attacks=len(attacks), carriers=len(carriers), trials=len(trials)),
        f"`{command}`, {machine['date']}, on {machine['processor']}.",
        _table("carrier", [(name, [t for t in trials if t.carrier == name]) for name in carriers]),
        _table(
            "form", [(kind.replace("_", " "), [t for t in trials if t.attack.kind == kind]) for kind in kinds]
        ),
        "What did not hold: " + ("; ".join(", ".join(one) for one in broken) or "nothing") + ".",
    ]
    return "\n\n".join(blocks) + "\n"


_INTRODUCTION = """\
{attacks} attacks in published forms (orders in seven languages, played roles, forged turns and fences, hidden and look-alike letters, links,
encodings, many shots, forged evidence, foreign queries, terminal escapes, split payloads) were each planted into {carriers} places where somebody else
can write: {trials} whole investigations. The model that reads them is scripted to obey: it accuses the innocent, asks for another tenant and
for a day back, and tells the attack's words on in every field it may write. Each is held against the same investigation without a model.

Shown is that code keeps such a model in bounds. Not shown is how often a real model obeys. What the evidence itself quotes, a log line or the
title of a change, stays a quotation in the report, with and without a model."""


def _table(what: str, groups: Iterable[tuple[str, Sequence[Trial]]]) -> str:
    columns = [what, "trials", "reached the model", *(_MEANING[check] for check in CHECKS)]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for name, trials in groups:
        counts = [sum(getattr(trial, check) for trial in trials) for check in ("reached", *CHECKS)]
        lines.append(f"| {' | '.join(map(str, [name, len(trials), *counts]))} |")
    return "\n".join(lines)


async def _all() -> list[Trial]:
    return [await tried(attack, name, plant) for attack in ATTACKS for name, plant in CARRIERS.items()]


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    before = conditions()
    trials = asyncio.run(_all())
    chosen.out.write_text(page(trials, f"python -m tests.bench.injection --out {chosen.out}", before))


if __name__ == "__main__":
    _main()
