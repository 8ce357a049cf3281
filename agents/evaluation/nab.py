"""The score of the Numenta Anomaly Benchmark for detectors that give each sample an anomaly score.

Lavin and Ahmad, Evaluating Real-time Anomaly Detection Algorithms, ICMLA 2015, in the arithmetic of the benchmark's own
program (numenta/NAB 1.1, nab/sweeper.py and nab/runner.py): within a labelled window the earliest detection counts, the
earlier the more; each detection outside costs, little just behind a window and in full far from any; a window without one
costs. One threshold for the whole corpus, the best. 0 is who never detects anything, 100 who detects each window at its start
and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "PROFILES",
    "STANDARD",
    "NabProfile",
    "NabScore",
    "Recording",
    "nab_gain",
    "nab_most",
    "nab_score",
    "probation",
]

_PROBATION = 0.15
_PROBATION_ROWS = 5_000
_FAR = 3.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NabProfile:
    """What a window detected, a false detection and a window missed weigh."""

    hit: float = 1.0
    false: float = 0.11
    miss: float = 1.0


STANDARD = NabProfile()
PROFILES: Mapping[str, NabProfile] = {
    "standard": STANDARD,
    "low_false_positives": NabProfile(false=0.22),
    "low_false_negatives": NabProfile(miss=2.0),
}
"""The three of the benchmark (config/profiles.json there)."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A series as a detector saw it: an anomaly score for each sample, and the labelled windows.

    `windows` are indices of first and last samples, both inside, in order, apart from each other.
    """

    scores: Floats
    windows: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class NabScore:
    """`normalised` is the figure that is published; samples of at least `threshold` are detections."""

    normalised: float
    threshold: float
    raw: float
    hit: int
    """Windows with a detection."""
    windows: int
    false: int
    """Samples outside of windows that are detections."""


def probation(length: int) -> int:
    """How many samples at the beginning of a series are not scored."""
    return int(np.ceil(min(np.floor(_PROBATION * length), _PROBATION * _PROBATION_ROWS)))


def nab_score(
    recordings: Sequence[Recording], profile: NabProfile = STANDARD, *, threshold: float | None = None
) -> NabScore:
    """Return the score of a corpus at this threshold, else at the best one.

    Raises:
        ValueError: no recording has a window to detect.
    """
    total = sum(len(one.windows) for one in recordings)
    if not total:
        raise ValueError("there is nothing to detect")
    scores, worth, windows = _points(recordings, profile)
    order = np.argsort(-scores, kind="stable")
    scores, worth, windows = scores[order], worth[order], windows[order]
    scored = int(np.unique(windows[windows >= 0]).size)
    sums = -profile.miss * scored + np.cumsum(_gains(worth, windows, profile))
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if scores.size else np.zeros(0, np.intp)
    chosen = _chosen(scores[ends], sums[ends], -profile.miss * scored, threshold)
    taken = 0 if chosen is None else int(ends[chosen]) + 1
    raw = -profile.miss * scored if chosen is None else float(sums[ends[chosen]])
    null, perfect = -profile.miss * scored, profile.hit * total
    return NabScore(
        normalised=100.0 * (raw - null) / (perfect - null),
        threshold=np.inf if chosen is None else float(scores[ends[chosen]]),
        raw=raw,
        hit=int(np.unique(windows[:taken][windows[:taken] >= 0]).size),
        windows=total,
        false=int((windows[:taken] < 0).sum()),
    )


def nab_gain(recordings: Sequence[Recording], threshold: float, profile: NabProfile = STANDARD) -> float:
    """Return what detections from this threshold on are worth beyond none at all, raw; it adds up over recordings."""
    return sum((_gain(one, threshold, profile) for one in recordings), 0.0)


def nab_most(recordings: Sequence[Recording], profile: NabProfile = STANDARD) -> float:
    """Return what a perfect detector gains: of a corpus, `nab_gain` is so much of 100; it adds up too."""
    windows = [(one, end) for one in recordings for _, end in one.windows]
    scored = sum(end >= probation(one.scores.size) for one, end in windows)
    return profile.hit * len(windows) + profile.miss * scored


def _gain(one: Recording, threshold: float, profile: NabProfile) -> float:
    told = np.flatnonzero(one.scores >= threshold)
    told = told[told >= probation(one.scores.size)]
    if not told.size:
        return 0.0
    worth, window = (column[told] for column in _worths(one.scores.size, one.windows, profile))
    inside = (worth[window == number].max() + profile.miss for number in np.unique(window[window >= 0]))
    return float(worth[window < 0].sum() + sum(inside))


def _chosen(thresholds: Floats, sums: Floats, nothing: float, threshold: float | None) -> int | None:
    """Which of the falling thresholds to take; None detects nothing."""
    if threshold is not None:
        reached = int((thresholds >= threshold).sum())
        return reached - 1 if reached else None
    best = int(np.argmax(sums)) if sums.size else None
    return best if best is not None and sums[best] > nothing else None


def _gains(worth: Floats, windows: NDArray[np.intp], profile: NabProfile) -> Floats:
    """What each detection, in order of falling score, adds: within a window only what goes beyond the best so far."""
    gains = worth.copy()
    best: dict[int, float] = {}
    for number in np.flatnonzero(windows >= 0).tolist():
        window = int(windows[number])
        before = best.get(window, -profile.miss)
        best[window] = max(before, float(worth[number]))
        gains[number] = best[window] - before
    return gains


def _points(recordings: Sequence[Recording], profile: NabProfile) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Score, worth if detected, and window (-1: none) of every sample after the probation of its series."""
    scores, worths, windows = [np.zeros(0)], [np.zeros(0)], [np.zeros(0, np.intp)]
    first = 0
    for one in recordings:
        begin = probation(one.scores.size)
        worth, window = _worths(one.scores.size, one.windows, profile)
        scores.append(one.scores[begin:])
        worths.append(worth[begin:])
        windows.append(np.where(window >= 0, window + first, -1)[begin:])
        first += len(one.windows)
    return np.concatenate(scores), np.concatenate(worths), np.concatenate(windows)


def _worths(
    length: int, windows: Sequence[tuple[int, int]], profile: NabProfile
) -> tuple[Floats, NDArray[np.intp]]:
    worth, window = np.full(length, -profile.false), np.full(length, -1, np.intp)
    for number, (begin, end) in enumerate(windows):
        width = end - begin + 1
        inside = np.arange(begin, end + 1)
        worth[inside] = profile.hit * _sigmoid(-(end - inside + 1) / width) / _sigmoid(np.array(-1.0))
        window[inside] = number
        behind = np.arange(end + 1, length)
        worth[behind] = profile.false * _sigmoid((behind - end) / max(width - 1, 1))
    return worth, window


def _sigmoid(position: Floats) -> Floats:
    """1 far before, 0 at the end of a window, -1 far behind it; positions are in widths of the window."""
    value: Floats = 2.0 / (1.0 + np.exp(5.0 * np.minimum(position, _FAR))) - 1.0
    return np.where(position > _FAR, -1.0, value)
