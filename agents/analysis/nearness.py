"""How near a change was made to what raised the alarm, along calls in either direction and over shared hosts."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from agents.analysis.clues import Clue
from agents.analysis.findings import FindingKind
from agents.analysis.signals import Topology

__all__ = ["hops", "nearer"]

# A change four ties from the alarm weighs half, and so does one that no known tie leads to: much that runs is not drawn.
_HALF_HOPS = 4.0
_FAR = 0.5


def nearer(
    clues: Mapping[str, Sequence[Clue]], topology: Topology, alarm_service: str
) -> dict[str, tuple[Clue, ...]]:
    """The clues, those of changes weighed by how near to the alarmed service they were made.

    Where it is not known in the topology, all are as near as they can be.
    """
    changed = [s for s, own in clues.items() if any(c.finding.kind is FindingKind.RECENT_CHANGE for c in own)]
    steps = hops(topology, alarm_service) if changed else {}
    found = {service: tuple(own) for service, own in clues.items()}
    if steps:
        found |= {service: _weakened(clues[service], _weight(steps.get(service))) for service in changed}
    return found


def hops(topology: Topology, origin: str) -> dict[str, int]:
    """Ties from `origin` to each service, whichever way they lead; empty when `origin` has none."""
    ties: dict[str, set[str]] = {}
    pairs = [(caller, callee) for caller, callees in topology.calls.items() for callee in callees]
    for one, other in (*pairs, *topology.hosted_on.items(), *topology.instance_of.items()):
        ties.setdefault(one, set()).add(other)
        ties.setdefault(other, set()).add(one)
    if origin not in ties:
        return {}
    steps = {origin: 0}
    queue = deque([origin])
    while queue:
        here = queue.popleft()
        fresh = ties[here] - steps.keys()
        steps |= dict.fromkeys(fresh, steps[here] + 1)
        queue.extend(fresh)
    return steps


def _weight(steps: int | None) -> float:
    return _FAR if steps is None else max(_FAR, math.exp2(-steps / _HALF_HOPS))


def _weakened(own: Sequence[Clue], weight: float) -> tuple[Clue, ...]:
    weighed = [
        replace(c, strength=c.strength * weight) if c.finding.kind is FindingKind.RECENT_CHANGE else c
        for c in own
    ]
    return tuple(sorted(weighed, key=lambda c: (-c.strength, c.finding.subject)))
