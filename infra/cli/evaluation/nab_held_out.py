"""How much of a score is fitted: the measures of records chosen anew for each group, on the other groups alone.

All combinations of three values of four measures are tried; the groups left out are then scored together, each under the
choice made without it. The kinds of distance and the rest of the detector were chosen with the whole corpus in sight.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product

import numpy as np
from pydantic import BaseModel, ConfigDict

from agents.evaluation.nab import Recording, nab_gain, nab_most
from agents.evaluation.nab_corpus import NabSeries
from infra.cli.evaluation.nab import EVERY_ALARM, detect
from schemas.errors import InvalidRequestError
from streams.detect.settings import DetectRules, Method, RecordRules

__all__ = ["GRID", "NabHeldOut", "NabLeftOut", "held_out", "settings_of", "tried"]

GRID: Mapping[str, Sequence[float]] = {
    "far": (2.5, 3.0, 3.5),
    "memory": (1_000, 1_500, 2_500),
    "half_life": (2_000, 4_000, 8_000),
    "rest": (70, 100, 150),
}
"""About the product's own values and two thirds of them, and half as much again or twice."""


class NabLeftOut(BaseModel):
    """A group, and what was chosen on the others."""

    model_config = ConfigDict(frozen=True)

    group: str
    chosen: RecordRules
    score_of_others: float
    score: float | None
    """Of the group itself; None where it has no window."""


class NabHeldOut(BaseModel):
    model_config = ConfigDict(frozen=True)

    score: float
    """Standard profile, every alarm counts, each group under the choice made without it."""
    settings: int
    least: float
    """The whole corpus under the worst of the settings tried."""
    median: float
    most: float
    groups: tuple[NabLeftOut, ...]


def settings_of(grid: Mapping[str, Sequence[float]]) -> tuple[RecordRules, ...]:
    """Return all combinations of these values."""
    combined = (dict(zip(grid, values, strict=True)) for values in product(*grid.values()))
    return tuple(RecordRules.model_validate(one) for one in combined)


def tried(
    corpus: Sequence[NabSeries], settings: Sequence[RecordRules], workers: int
) -> Iterator[tuple[Recording, ...]]:
    """Yield what the detector tells of the corpus under each setting, in order. Takes seconds of a processor each."""
    tasks = [(corpus, one) for one in settings]
    if workers == 1:
        yield from map(_try, tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_try, tasks)


def _try(task: tuple[Sequence[NabSeries], RecordRules]) -> tuple[Recording, ...]:
    corpus, records = task
    return detect(corpus, DetectRules(method=Method.RECORDS, records=records)).recordings


def held_out(
    corpus: Sequence[NabSeries], settings: Sequence[RecordRules], runs: Sequence[Sequence[Recording]]
) -> NabHeldOut:
    """Leave out one group after the other.

    Raises:
        InvalidRequestError: without one of the groups there is no window.
    """
    parts = _parts(corpus)
    gains = np.array(
        [[nab_gain([run[i] for i in part], EVERY_ALARM) for part in parts.values()] for run in runs]
    )
    most = np.array([nab_most([runs[0][i] for i in part]) for part in parts.values()])
    if np.count_nonzero(most) < 2:
        raise InvalidRequestError("to leave out a group, windows must be in two groups or more")
    others = 100 * (gains.sum(axis=1, keepdims=True) - gains) / (most.sum() - most)
    best = others.argmax(axis=0)
    own = gains[best, np.arange(most.size)]
    whole = 100 * gains.sum(axis=1) / most.sum()
    left = (
        NabLeftOut(
            group=group,
            chosen=settings[best[number]],
            score_of_others=others[best[number], number],
            score=100 * own[number] / most[number] if most[number] else None,
        )
        for number, group in enumerate(parts)
    )
    return NabHeldOut(
        score=100 * own.sum() / most.sum(),
        settings=len(runs),
        least=whole.min(),
        median=float(np.median(whole)),
        most=whole.max(),
        groups=tuple(left),
    )


def _parts(corpus: Sequence[NabSeries]) -> Mapping[str, list[int]]:
    """Which series are of each group."""
    parts: dict[str, list[int]] = {}
    for number, one in enumerate(corpus):
        parts.setdefault(one.group, []).append(number)
    return parts
