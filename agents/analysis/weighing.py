"""What each service's score is made of: every addend is one finding, and together they are the score.

A service's score is what only it can answer for (its resources, its log lines, its changes), plus those of its
symptoms that no service it calls explains, plus a part of the symptoms of others that it explains.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agents.analysis.clues import Clue, strength_of, strength_parts
from agents.analysis.findings import FindingKind, Part
from agents.analysis.precedence import seen_first
from agents.analysis.signals import Topology
from agents.analysis.topology import Explanation, distances

__all__ = ["Addend", "Standing", "total", "weighed"]

_EXPLAINS_OTHERS = 0.35
_CHANGED = 0.25
# A service the alarmed one never calls can hardly have raised its alarm.
_UNREACHABLE = 0.8
_OUTSIDE = 0.6
_ISOLATED = 0.4
# When something began is known to a sample: one that began this long before a change may still be the change's doing.
_ONSET_SLACK_S = 300.0


@dataclass(frozen=True, slots=True)
class Addend:
    """`amount` (at least 0) of a score that `clue` makes; for `EXPLAINS` the clue is another service's."""

    clue: Clue
    amount: float
    part: Part


def total(addends: Iterable[Addend]) -> float:
    """The score, whatever the order of the addends."""
    return math.fsum(one.amount for one in addends)


def weighed(
    service: str,
    clues: Mapping[str, Sequence[Clue]],
    explained: Mapping[str, Explanation],
    standing: Standing,
) -> tuple[Addend, ...]:
    """The addends of one service's score, largest first; none where nothing is known against it."""
    own = clues.get(service, ())
    share = explained[service].share if service in explained else 0.0
    shown = _shown(own, share)
    addends = shown + _credited(service, clues, explained, strength=total(shown), left=1.0 - share)
    change = _change_before(own)
    if change is not None:
        addends.append(Addend(change, _CHANGED * total(addends), Part.CHANGED))
    factor = standing.factor(service)
    scaled = (replace(one, amount=one.amount * factor) for one in addends if one.amount * factor > 0)
    return tuple(sorted(scaled, key=lambda a: (-a.amount, a.part, a.clue.finding.subject)))


def _shown(own: Sequence[Clue], share: float) -> list[Addend]:
    """What a service shows itself, its symptoms less the share that another explains."""
    left = (clue if clue.own else replace(clue, strength=clue.strength * (1.0 - share)) for clue in own)
    return [Addend(clue, amount, Part.SHOWN) for clue, amount in strength_parts(left)]


def _credited(
    service: str,
    clues: Mapping[str, Sequence[Clue]],
    explained: Mapping[str, Explanation],
    *,
    strength: float,
    left: float,
) -> list[Addend]:
    """A part of the most that it explains of one other, and never more than a part of its own strength.

    Only what others cannot explain by somebody deeper counts for having explained them.
    """
    helped = [
        (strength_of(symptoms) * e.share, symptoms)
        for e in explained.values()
        if e.by == service and (symptoms := [c for c in clues[e.service] if not c.own and c.bad])
    ]
    most, symptoms = min(helped, key=lambda one: (-one[0], *seen_first(one[1])), default=(0.0, []))
    if most <= 0:
        return []
    scale = _EXPLAINS_OTHERS * min(most, strength) * left / strength_of(symptoms)
    return [Addend(clue, amount * scale, Part.EXPLAINS) for clue, amount in strength_parts(symptoms)]


def _change_before(own: Sequence[Clue]) -> Clue | None:
    """The strongest change that came before something else the service shows, or hardly after it began."""
    changes = [c for c in own if c.finding.kind is FindingKind.RECENT_CHANGE]
    others = [c for c in own if c.finding.kind is not FindingKind.RECENT_CHANGE]
    return next((change for change in changes if any(_after(change, c) for c in others)), None)


def _after(change: Clue, other: Clue) -> bool:
    at, began = change.finding.onset, other.finding.onset
    return at is None or began is None or began >= at - _ONSET_SLACK_S


@dataclass(frozen=True, slots=True)
class Standing:
    """How a service stands to the alarm, apart from what it shows: can it have raised it, and be seen to?"""

    alarm_service: str
    reach: Mapping[str, int]
    outside: frozenset[str]
    isolated: frozenset[str]

    @classmethod
    def of(
        cls,
        seen: frozenset[str],
        clues: Mapping[str, Sequence[Clue]],
        given: Topology,
        graph: Topology,
        alarm_service: str,
    ) -> Standing:
        """`graph` is the `given` topology with the calls of instances."""
        reach = distances(graph, alarm_service) if alarm_service else {}
        return cls(alarm_service, reach, _seen_from_outside(clues, graph), _isolated(seen, given))

    def factor(self, service: str) -> float:
        """What its score is multiplied by, in (0, 1]."""
        reachable = not self.reach or service in self.reach
        return (
            (1.0 if reachable else _UNREACHABLE)
            * (_OUTSIDE if service in self.outside else 1.0)
            * (_ISOLATED if service in self.isolated else 1.0)
        )


def _isolated(seen: frozenset[str], topology: Topology) -> frozenset[str]:
    """Services that a known call graph does not know: no traffic was seen on them, their trouble hardly travels."""
    if not topology.calls:
        return frozenset()
    callees = {callee for targets in topology.calls.values() for callee in targets}
    placed = {*topology.hosted_on, *topology.hosted_on.values(), *topology.instance_of}
    return seen - topology.nodes - callees - set(topology.calls) - placed


def _seen_from_outside(clues: Mapping[str, Sequence[Clue]], topology: Topology) -> frozenset[str]:
    """Services that call nobody, have one caller, and report nothing but latency, errors and traffic.

    Such figures may well be the caller's own, taken at its end of the line (an endpoint, a load balancer).
    """
    callers = topology.callers()
    return frozenset(
        service
        for service, own in clues.items()
        if len(callers.get(service, ())) == 1
        and not topology.calls.get(service)
        and all(c.finding.data.get("instrumented") is False for c in own)
    )
