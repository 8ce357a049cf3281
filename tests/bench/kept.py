"""What was measured, by run: a figure of an earlier run stays, with the conditions of that run, until it is measured again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.figures import Figure, figure_from
from tests.bench.tables import markdown

__all__ = ["Measured", "keep", "kept", "merged"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: how it was called, on what, and the figures of each benchmark by its name."""

    command: str
    conditions: Mapping[str, str]
    results: Mapping[str, Sequence[Figure]]


def kept(folder: Path) -> tuple[Measured, ...]:
    """The runs whose figures the folder holds, oldest first; none where there are none. Blocks on the file system."""
    path = folder / "results.json"
    told = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return tuple(map(_run_from, told.get("runs", ())))


def merged(earlier: Iterable[Measured], now: Measured, names: Iterable[str]) -> tuple[Measured, ...]:
    """The run, behind what earlier runs measured that it did not, as far as there still is a benchmark of that name."""
    wanted = set(names) - set(now.results)
    left = (
        Measured(
            one.command,
            one.conditions,
            {name: figures for name, figures in one.results.items() if name in wanted},
        )
        for one in earlier
    )
    return (*(one for one in left if one.results), now)


def keep(folder: Path, runs: Sequence[Measured], titles: Mapping[str, str]) -> None:
    """Write `results.json` and `results.md`. Blocks on the file system."""
    text = json.dumps({"runs": [_run_to(one) for one in runs]}, indent=2, ensure_ascii=False)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")
    tables = [markdown(one.results, titles, one.conditions, one.command) for one in runs]
    (folder / "results.md").write_text("\n".join(["# Figures", "", *tables]), encoding="utf-8")


def _run_to(run: Measured) -> dict[str, Any]:
    results = {name: [one.to_json() for one in figures] for name, figures in run.results.items()}
    return {"command": run.command, "conditions": dict(run.conditions), "results": results}


def _run_from(told: Mapping[str, Any]) -> Measured:
    results = {name: tuple(map(figure_from, figures)) for name, figures in told["results"].items()}
    return Measured(told["command"], told["conditions"], results)
