"""How a mixture of counted things changed, apart from how many there are in all.

Used for log templates and for called operations of one service: when a service is called half as often, all its
lines halve and nothing is wrong; when one of its lines stops while the others go on, something is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["NOTABLE_SIGMAS", "Deviation", "deviations", "load_factor"]

NOTABLE_SIGMAS = 4.0
"""A count must be this far beyond its own counting noise to score 1."""

# Counts below this are too few to carry the load of a service.
_CARRIER = 5.0


@dataclass(frozen=True, slots=True)
class Deviation:
    """`key` was seen `observed` times where `expected` were due; `score` 1 is notable, signed by direction."""

    key: str
    expected: float
    observed: float
    score: float


def load_factor(before: Mapping[str, float], after: Mapping[str, float], *, surely: bool = False) -> float:
    """How much of the load went on, 0 where nothing did: the upper quartile of the keys' own ratios, by weight.

    The things that a fault stops drag the total down with them; those that continue best show the true load. How much
    `surely` did is less by their own noise: of two that come by chance, one is always ahead.
    """
    seen = {key: _surely(count) for key, count in after.items()} if surely else after
    ratios = sorted((seen.get(key, 0.0) / count, count) for key, count in before.items() if count >= _CARRIER)
    if not ratios:
        total = sum(before.values())
        return sum(after.values()) / total if total else 1.0
    left = 0.25 * sum(count for _, count in ratios)
    for ratio, count in reversed(ratios):
        left -= count
        if left <= 0:
            return ratio
    return ratios[0][0]


def _surely(count: float) -> float:
    return max(0.0, count - math.sqrt(count))


def deviations(
    before: Mapping[str, float],
    after: Mapping[str, float],
    factor: float,
    beyond: float = -1.0,
    least: float | None = None,
) -> tuple[Deviation, ...]:
    """Every key's count against what `before` and the load `factor` let expect, strongest first.

    Only those whose score is larger than `beyond` in size. What is missing is measured against the `least` the load may
    have been, where that is given.
    """
    # Both counts are noisy: Anscombe's square-root transform makes their noise alike, about one half each.
    noise = math.sqrt(1.0 + min(factor, 4.0))
    found = []
    for key in before.keys() | after.keys():
        expected, observed = before.get(key, 0.0) * factor, after.get(key, 0.0)
        due = expected
        if least is not None and observed < expected:
            due = max(observed, before.get(key, 0.0) * min(least, factor))
        sigmas = 2.0 * (math.sqrt(observed + 3 / 8) - math.sqrt(due + 3 / 8)) / noise
        score = sigmas / NOTABLE_SIGMAS
        if abs(score) > beyond:
            found.append(Deviation(key, expected, observed, score))
    return tuple(sorted(found, key=lambda d: (-abs(d.score), d.key)))
