"""Is a confidence of 0.8 right four times in five? Reliability by bins, and the expected calibration error.

Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015: ten bins of equal
width; the error is the mean distance between confidence and accuracy over the bins, weighed by how many answers each holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from schemas.events.base import Record

__all__ = ["Bin", "Calibration", "calibration"]

_BINS = 10


class Bin(Record):
    """Answers with a confidence in [low, high); the last bin holds 1 too."""

    low: float
    high: float
    count: int
    confidence: float | None
    """Mean over the answers; None where there are none."""
    accuracy: float | None
    """Share that is right; None where there are none."""


class Calibration(Record):
    """`error` is the expected calibration error, `brier` the mean squared distance of confidence and truth."""

    count: Annotated[int, Field(ge=0)]
    error: float | None
    brier: float | None
    bins: tuple[Bin, ...]


def calibration(told: Sequence[tuple[float, bool]]) -> Calibration:
    """Return how well confidences in [0, 1] fit what came true. Nothing told gives None, not zero.

    Raises:
        ValueError: a confidence is no number in [0, 1].
    """
    if any(not 0.0 <= confidence <= 1.0 for confidence, _ in told):
        raise ValueError("a confidence lies outside [0, 1]")
    bins = tuple(_bin(number, told) for number in range(_BINS))
    if not told:
        return Calibration(count=0, error=None, brier=None, bins=bins)
    apart = sum(abs((one.confidence or 0.0) - (one.accuracy or 0.0)) * one.count for one in bins)
    squared = sum((confidence - right) ** 2 for confidence, right in told)
    return Calibration(count=len(told), error=apart / len(told), brier=squared / len(told), bins=bins)


def _bin(number: int, told: Sequence[tuple[float, bool]]) -> Bin:
    inside = [one for one in told if min(int(one[0] * _BINS), _BINS - 1) == number]
    many = len(inside)
    return Bin(
        low=number / _BINS,
        high=(number + 1) / _BINS,
        count=many,
        confidence=sum(one[0] for one in inside) / many if many else None,
        accuracy=sum(one[1] for one in inside) / many if many else None,
    )
