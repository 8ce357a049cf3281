"""Missing data as a signal: series that stop, and series with holes they never had."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from agents.analysis.grids import Grid
from agents.analysis.signals import FloatArray, Window

__all__ = ["Absence", "Reporting", "reporting"]

_MIN_HEALTHY = 6
# What reports now and then is not missed when it pauses.
_REGULAR = 0.9
# A silence of three times the longest that is usual is one; less may be one sample that came late.
_LONGER = 3.0
_HOLES = 0.5


@dataclass(frozen=True, slots=True)
class Absence:
    """A series that stopped, or has holes: since when (unix s), and how notable that is (1 just)."""

    service: str
    metric: str
    since: float
    score: float
    stopped: bool


@dataclass(frozen=True, slots=True)
class Reporting:
    """How many series of each service report regularly enough to be missed, and which of them are."""

    regular: dict[str, int]
    absent: tuple[Absence, ...]


def reporting(grids: Iterable[Grid], window: Window) -> Reporting:
    """Look at every series of the grids."""
    regular: dict[str, int] = {}
    absent: list[Absence] = []
    for grid in grids:
        known = ~np.isnan(grid.values)
        answers: dict[bytes, tuple[float, float, bool] | None] = {}
        for series, mask in zip(grid.series, known, strict=True):
            pattern = mask.tobytes()
            if pattern not in answers:
                answers[pattern] = _silence(grid.times[mask], window)
            answer = answers[pattern]
            if answer is None:
                continue
            regular[series.service] = regular.get(series.service, 0) + 1
            if answer[1] >= 1.0:
                absent.append(Absence(series.service, series.metric, *answer))
    return Reporting(regular, tuple(absent))


def _silence(times: FloatArray, window: Window) -> tuple[float, float, bool] | None:
    """Since when, how notable, whether it lasts; None for what does not report regularly or too rarely to tell."""
    healthy = times[(times >= window.baseline_start) & (times < window.start)]
    if healthy.size < _MIN_HEALTHY:
        return None
    gaps = np.diff(healthy)
    step = float(np.median(gaps))
    due = (window.end - window.start) / step
    if due < _LONGER or healthy.size < _REGULAR * (window.start - healthy[0]) / step:
        return None
    seen = times[(times >= window.start) & (times <= window.end)]
    last = float(seen[-1]) if seen.size else float(healthy[-1])
    silent = (window.end - last) / (_LONGER * max(step, float(gaps.max())))
    if silent >= 1.0:
        return min(last + step, window.end), silent, True
    holes = 1.0 - seen.size / due
    return window.start, max(0.0, holes / _HOLES), False
