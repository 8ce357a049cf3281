"""`tocsin eval`: recorded incidents through the investigation graph; the answers as lines that a scorer reads."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TextIO

import orjson
import typer
from rich.progress import track

from agents.evaluation.cases import find_cases, load_case
from agents.evaluation.predictions import Prediction, predict
from infra.cli.console import emit, err, out, plain, table
from infra.cli.exit_codes import ExitCode
from infra.cli.options import AsJson
from schemas.errors import InvalidRequestError, TocsinError

__all__ = ["evaluate"]


def evaluate(
    cases: Annotated[Path, typer.Argument(help="Folder with case folders, each with a case.json.")],
    out_file: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write predictions as JSON lines.")
    ] = None,
    late: Annotated[
        float, typer.Option(help="Pretend that each alarm came so many seconds later.", min=0)
    ] = 0.0,
    limit: Annotated[int | None, typer.Option(help="Only the first so many cases.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Investigate every recorded case, without a stack, and write what was answered.

    The truth in a case is never read: score the predictions with a scorer of your own.
    """
    folders = find_cases(cases)[:limit]
    if not folders:
        raise InvalidRequestError(f"no case.json below {cases}", cure="Name a folder with case folders.")
    answered: list[Prediction] = []
    failed: list[tuple[Path, str]] = []
    with _lines(out_file) as stream:
        for folder in track(folders, "investigating", console=err, disable=as_json):
            try:
                prediction = asyncio.run(predict(load_case(folder, late_s=late)))
            except TocsinError as error:
                failed.append((folder, str(error)))
                continue
            answered.append(prediction)
            stream.write(orjson.dumps(_line(prediction)).decode() + "\n")
    _tell(answered, failed, as_json)
    if failed:
        raise typer.Exit(ExitCode.NEGATIVE)


def _line(one: Prediction) -> dict[str, object]:
    return {
        "case": one.case,
        "services": one.services,
        "indicators": one.indicators,
        "seconds": round(one.seconds, 4),
        "verdict": one.report.verdict.value,
        "confidence": one.report.confidence,
    }


def _lines(path: Path | None) -> TextIO:
    return Path(path or os.devnull).open("w", encoding="utf-8")


def _tell(answered: list[Prediction], failed: list[tuple[Path, str]], as_json: bool) -> None:
    for folder, error in failed:
        err.print(f"[red]failed:[/] {plain(str(folder))}: {plain(error)}", highlight=False)
    rows = list(_by_dataset(answered))
    if as_json:
        emit(
            {
                "cases": len(answered),
                "failed": len(failed),
                "datasets": [dict(zip(_COLUMNS, row, strict=True)) for row in rows],
            }
        )
    else:
        out.print(table("Investigated", _COLUMNS, rows))


_COLUMNS = ("dataset", "cases", "median_s", "cause_found", "inconclusive", "benign", "data_unavailable")


def _by_dataset(answered: list[Prediction]) -> Iterator[tuple[object, ...]]:
    for name in sorted({one.case.partition("/")[0] for one in answered}):
        mine = [one for one in answered if one.case.partition("/")[0] == name]
        verdicts = Counter(one.report.verdict.value for one in mine)
        seconds = round(statistics.median(one.seconds for one in mine), 3)
        yield (name, len(mine), seconds, *(verdicts[verdict] for verdict in _COLUMNS[3:]))
