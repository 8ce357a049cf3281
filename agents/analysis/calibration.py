"""How sure the causes are: of all first causes given with 70 %, seven in ten are to be right.

The first of the ranked is the cause, or the second is, or something that no score shows. The odds of the second
against the first are a power of the ratio of their scores, the odds of the unseen fall with the strength of the first:

    1 / confidence = 1 + 1/2 * (second / first) ** rivalry + exp(doubt) * first ** -strength

Three parameters, for scores of any source: what a set of incidents has of candidates, metrics or topology is in the
scores already. The half: what comes second, and close, is seldom the cause (of 48 recorded incidents whose second score was
above four fifths of the first, it was in 2, the first in 24), but where it is close others are, too; from a third to three
quarters any number does better than one on sets of incidents that the three had not been fitted to. The
number of candidates, whether a topology is known, how many kinds of sources or of metrics agree, who else is explained, and
to take no service for a rival that the first explains were tried as a fourth; none helped there.

That holds of services that have anything to do with the alarmed one. Where no tie between them is known, two troubles at one
moment are as likely as not two troubles: whoever is untied is half as sure.

`FITTED` comes from `fitted` over recorded incidents of five sets, rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from agents.analysis.signals import FloatArray

__all__ = ["FITTED", "UNTIED", "Calibration", "Example", "confidences", "fitted"]

UNTIED = 0.5
"""How likely the trouble of a service that nothing but the moment ties to the alarm has to do with it."""

# Scores below this are nothing at all, and no power of them is worth an overflow.
_LEAST_SCORE = 1e-3
_LEAST_LIKELY = 1e-3
_SECOND = 0.5
# How far a parameter may stray, in its own units, at the price of one wrong answer in two.
_PRIOR = 1.0
_FINEST = 1e-3
_NAMES = ("rivalry", "doubt", "strength")


@dataclass(frozen=True, slots=True)
class Calibration:
    """The three parameters of the formula above; `rivalry` and `strength` are not negative."""

    rivalry: float
    doubt: float
    strength: float


@dataclass(frozen=True, slots=True)
class Example:
    """The two highest scores of one incident of which it is known whether the first cause was `right`."""

    first: float
    second: float
    right: bool


FITTED = Calibration(rivalry=3.5, doubt=0.5, strength=2.5)


def confidences(
    scores: Sequence[float], by: Calibration = FITTED, *, tied: Sequence[bool] | None = None
) -> list[float]:
    """The confidence of each score, in [0, 1] and at most 1 together. `scores` come highest first, none negative.

    The first one's is calibrated. What it leaves is shared by the others in the ratio of their powers, none of them
    surer than by its own power beside the first. Those that are not `tied` to the alarm are half as sure, and nobody is surer
    than one before it; None are all tied.
    """
    sure = _confidences(scores, by)
    if tied is None:
        return sure
    held = [one if known else one * UNTIED for one, known in zip(sure, tied, strict=True)]
    return list(accumulate(held, min))


def _confidences(scores: Sequence[float], by: Calibration) -> list[float]:
    if not scores or scores[0] < _LEAST_SCORE:
        return [0.0 for _ in scores]
    first = scores[0]
    sure = float(_first(np.array([first]), np.array([scores[1] if len(scores) > 1 else 0.0]), by)[0])
    powers = [_SECOND * (score / first) ** by.rivalry for score in scores[1:]]
    together = sure * sum(powers)
    shared = min(1.0, (1.0 - sure) / together) if together > 0 else 0.0
    return [sure, *(sure * power * shared for power in powers)]


def _first(first: FloatArray, second: FloatArray, by: Calibration) -> FloatArray:
    strong = np.maximum(first, _LEAST_SCORE)
    rival = _SECOND * (np.minimum(second, strong) / strong) ** by.rivalry
    sure: FloatArray = 1.0 / (1.0 + rival + np.exp(by.doubt - by.strength * np.log(strong)))
    return sure


def fitted(examples: Sequence[Example], start: Calibration = FITTED) -> Calibration:
    """The parameters under which the examples are most likely, kept near `start` where they say little.

    Pattern search: three smooth parameters need no more. Equal examples give equal parameters.
    """
    first = np.array([one.first for one in examples], dtype=np.float64)
    second = np.array([one.second for one in examples], dtype=np.float64)
    right = np.array([one.right for one in examples], dtype=np.bool_)

    def loss(tried: Calibration) -> float:
        sure = np.clip(_first(first, second, tried), _LEAST_LIKELY, 1.0 - _LEAST_LIKELY)
        strayed = sum((getattr(tried, name) - getattr(start, name)) ** 2 for name in _NAMES)
        return float(-np.sum(np.log(np.where(right, sure, 1.0 - sure))) + np.log(2.0) * _PRIOR * strayed)

    best, least, step = start, loss(start), 1.0
    while step > _FINEST:
        tried = [
            replace(best, **{name: max(0.0, value) if name != "doubt" else value})
            for name in _NAMES
            for value in (getattr(best, name) - step, getattr(best, name) + step)
        ]
        nearest = min(tried, key=loss)
        if loss(nearest) < least:
            best, least = nearest, loss(nearest)
        else:
            step /= 2
    return best
