"""When shifts began, and how surely: many series of one time grid at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.analysis.robust import Matrix
from agents.analysis.signals import FloatArray, Window

__all__ = ["Onset", "onsets"]

# A third of the way to the new level is out of the old; two thirds are in the new.
_LEFT = 1 / 3
_ARRIVED = 2 / 3
Columns = NDArray[np.intp]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Onset:
    """Unix seconds: the first sample that shows the shift, the last one before, the first that is at the new level.

    The shift began in (after, by]; `at` is the best guess.
    """

    at: float
    after: float
    by: float


def onsets(
    times: FloatArray, values: Matrix, before: FloatArray, after: FloatArray, window: Window
) -> list[Onset]:
    """Return the onset of each row, which went from `before` to `after`.

    It is the first sample in the window past a third of the way that is not alone there, or the first one; where there
    is none, nothing is known but the window.
    """
    first, last = (int(place) for place in np.searchsorted(times, [window.start, window.end]))
    inside = values[:, first:last]
    if not inside.size:
        return [Onset(window.start, window.baseline_start, window.end)] * values.shape[0]
    distance = (after - before)[:, None]
    moves = distance != 0
    way: Matrix = np.where(moves, (inside - before[:, None]) / np.where(moves, distance, 1.0), 0.0)
    left: Flags = way >= _LEFT
    held: Flags = left & _next_known(left, ~np.isnan(inside))
    hits: Flags = np.where(np.any(held, axis=1, keepdims=True), held, left)
    begun = np.argmax(hits, axis=1)
    earlier = _last_known(~np.isnan(values))
    arrived = (way >= _ARRIVED) & (np.arange(inside.shape[1]) >= begun[:, None])
    there = np.where(np.any(arrived, axis=1), np.argmax(arrived, axis=1), inside.shape[1] - 1)
    found = []
    for row, seen in enumerate(np.any(hits, axis=1).tolist()):
        column = first + int(begun[row])
        before_it = int(earlier[row, column - 1]) if column else -1
        after_s = float(times[before_it]) if before_it >= 0 else window.baseline_start
        if seen:
            found.append(Onset(float(times[column]), after_s, float(times[first + int(there[row])])))
        else:
            found.append(Onset(window.start, min(after_s, window.start), window.end))
    return found


def _next_known(flags: Flags, known: Flags) -> Flags:
    """Whether the next known sample of the row has the flag, too; true where there is none."""
    rows, width = flags.shape
    place = np.where(known, np.arange(width), width)
    following = np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1]
    following = np.concatenate([following[:, 1:], np.full((rows, 1), width)], axis=1)
    padded = np.concatenate([flags, np.ones((rows, 1), dtype=bool)], axis=1)
    return np.take_along_axis(padded, following, axis=1)


def _last_known(known: Flags) -> Columns:
    """Column of the last known sample of the row up to each column; -1 where there is none."""
    return np.maximum.accumulate(np.where(known, np.arange(known.shape[1]), -1), axis=1)
