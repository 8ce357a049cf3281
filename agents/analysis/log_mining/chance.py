"""How large a deviation chance makes by itself where much is compared, and how strong one beyond that is.

Of m comparisons of healthy lines one is beyond z sigmas with a probability of at most m times that of a single one
(Boole's inequality; Bonferroni). So what may make a verdict alone must be beyond the z at which this is `_RISK`:
it grows with the services, statements and moments compared, and only as the root of their logarithm. The comparisons
hang together, which makes the true risk smaller.
"""

from __future__ import annotations

from statistics import NormalDist

__all__ = ["ALONE", "bound", "strength"]

ALONE = 1.5
"""A finding on log lines of this score makes a verdict by itself (`fusion`)."""

# Error lines and the ways of requests count a point for two sigmas, half of what is asked of the counts of calm lines:
# those move with what users ask for.
_SIGMAS_A_POINT = 2.0
# Within what chance makes a deviation may point at a service beside other evidence; a verdict alone it is not.
_BESIDE_OTHERS = 0.99 * ALONE
_RISK = 0.05


def bound(comparisons: int) -> float:
    """Return how many sigmas chance exceeds in one incident of twenty, on either side, with so many comparisons."""
    return NormalDist().inv_cdf(1.0 - _RISK / (2 * max(comparisons, 1)))


def strength(sigmas: float, beyond: float) -> float:
    """Return the score of a deviation of so many sigmas (either sign): below `ALONE` where chance explains it."""
    score = abs(sigmas) / _SIGMAS_A_POINT
    return score if abs(sigmas) >= beyond else min(score, _BESIDE_OTHERS)
