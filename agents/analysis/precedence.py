"""Who comes first of those with equal scores. A name is no reason: renaming every service is to change nothing.

What began first comes first, then of whom more is known, then who shows more of it. Of those that are equal in that
too, as are all of whom nothing is known, the one nearer to what is suspected: a random walk along the ties, begun again
and again at the services by their scores, is there more often (personalised PageRank: Haveliwala, WWW 2002; for
causes: Kim, Sumbaly and Shah, Root cause detection in a service-oriented architecture, SIGMETRICS 2013).
Only services that have nothing at all to tell them apart, not even their place, are left to their names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from agents.analysis.clues import Clue
from agents.analysis.signals import FloatArray, Topology

__all__ = ["in_order", "seen_first", "suspicion"]

_GOES_ON = 0.85
# Where the walk stands after so many steps differs from where it ends by less than a hundredth: .85 ** 30.
_STEPS = 30
# The order of a sum depends on names; its last digits do too.
_DIGITS = 12


def in_order(
    scores: Mapping[str, float], clues: Mapping[str, Sequence[Clue]], topology: Topology, alarm_service: str
) -> list[str]:
    """The services, highest score first."""
    near = suspicion(scores, topology, alarm_service)
    return sorted(scores, key=lambda s: (-scores[s], *seen_first(clues.get(s, ())), -near.get(s, 0.0), s))


def seen_first(clues: Sequence[Clue]) -> tuple[float, int, float]:
    """A key by which what showed first comes first, then of which more is known, then what left its range further."""
    begun = min((c.finding.onset for c in clues if c.bad and c.finding.onset is not None), default=math.inf)
    return begun, -len(clues), -math.fsum(c.finding.score or 0.0 for c in clues)


def suspicion(scores: Mapping[str, float], topology: Topology, alarm_service: str = "") -> dict[str, float]:
    """How often the walk is at each service with a tie, in [0, 1], whatever the services are called.

    It begins at the services by their `scores` (none negative); where they are all 0 at the alarmed one, or anywhere.
    """
    ties = _ties(topology)
    places = {name: i for i, name in enumerate(dict.fromkeys(name for tie in ties for name in tie))}
    if not places:
        return {}
    begun = _begun(scores, places, alarm_service)
    origin = np.array([places[a] for a, _ in ties], dtype=np.intp)
    target = np.array([places[b] for _, b in ties], dtype=np.intp)
    degree = np.bincount(origin, minlength=len(places))
    there = begun
    for _ in range(_STEPS):
        came = np.bincount(target, (there / degree)[origin], minlength=len(places))
        there = (1.0 - _GOES_ON) * begun + _GOES_ON * came
    return {name: round(float(there[i]), _DIGITS) for name, i in places.items()}


def _ties(topology: Topology) -> list[tuple[str, str]]:
    """Every tie both ways: who calls, runs on or is part of whom."""
    calls = ((caller, callee) for caller, callees in topology.calls.items() for callee in callees)
    pairs: Iterable[tuple[str, str]] = (*calls, *topology.hosted_on.items(), *topology.instance_of.items())
    return list(dict.fromkeys(tie for a, b in pairs if a != b for tie in ((a, b), (b, a))))


def _begun(scores: Mapping[str, float], places: Mapping[str, int], alarm_service: str) -> FloatArray:
    begun = np.array([scores.get(name, 0.0) for name in places], dtype=np.float64)
    if not begun.any():
        begun[places[alarm_service] if alarm_service in places else slice(None)] = 1.0
    share: FloatArray = begun / math.fsum(begun)
    return share
