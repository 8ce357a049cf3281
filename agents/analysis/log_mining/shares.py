"""Shares of requests, compared: Anscombe's arcsine transform makes their noise alike for all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.analysis.signals import FloatArray

__all__ = ["LEAST_AFTER", "LEAST_BEFORE", "Share", "sigmas_between"]

LEAST_BEFORE = 3
LEAST_AFTER = 2
"""Fewer requests than these show no share."""


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `total`."""

    count: int
    total: int


def sigmas_between(
    before: FloatArray, after: FloatArray, share_before: FloatArray, share_after: FloatArray
) -> FloatArray:
    """How far two shares of so many independent requests lie apart; 0 where there are too few. Arguments broadcast.

    Anscombe, The transformation of Poisson, binomial and negative-binomial data, Biometrika 35 (1948).
    """
    noise = np.sqrt(1 / (before + 0.5) + 1 / (after + 0.5))
    apart = _arcsine(share_after * after, after) - _arcsine(share_before * before, before)
    enough = (before >= LEAST_BEFORE) & (after >= LEAST_AFTER)
    return np.where(enough, 2 * apart / noise, 0.0)


def _arcsine(count: FloatArray, total: FloatArray) -> FloatArray:
    result: FloatArray = np.arcsin(np.sqrt((count + 3 / 8) / (total + 3 / 4)))
    return result
