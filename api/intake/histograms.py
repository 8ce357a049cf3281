"""What is looked at of a histogram: how many, how much on average, and the 95th percentile."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

__all__ = ["quantile"]


def quantile(share: float, bounds: Sequence[float], counts: Sequence[float]) -> float | None:
    """Estimate the quantile, by linear interpolation within its bucket as Prometheus' histogram_quantile does.

    Args:
        share: between 0 and 1.
        bounds: upper bounds of all buckets but the last, increasing.
        counts: of each bucket by itself, one more than bounds; none is negative.

    Returns:
        None where there is nothing to estimate from. In the last bucket, which has no upper bound, its lower bound.
    """
    total = sum(counts)
    if not bounds or len(counts) != len(bounds) + 1 or total <= 0:
        return None
    rank = share * total
    place = next(
        index for index, below in enumerate(accumulate(counts)) if below >= rank or index == len(bounds)
    )
    if place == len(bounds):
        return bounds[-1]
    upper = bounds[place]
    lower = bounds[place - 1] if place else min(0.0, upper)
    before = sum(counts[:place])
    return lower + (upper - lower) * (rank - before) / counts[place] if counts[place] else upper
