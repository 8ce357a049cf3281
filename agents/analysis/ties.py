"""How much of one service's symptoms another accounts for: one it calls, a neighbour on its host, a caller that floods it.

A caller's latency or errors are explained by a service it calls when that one is anomalous itself and, for latency,
when it slowed by enough to matter for the caller: two milliseconds do not explain two hundred.
"""

from __future__ import annotations

import math

from agents.analysis.findings import CauseKind
from agents.analysis.profiles import Profile

__all__ = ["floods", "greed", "loads", "share", "surges"]

# A callee that slowed by this share of its caller's slow-down explains it in full: a caller may call it several times.
_FULL_SHARE = 0.3
_OTHER_KIND = 0.6
# A callee that is measured to answer as fast as ever explains little of its caller's waiting, however much that is.
_UNMEASURED = 0.2
_FLOOD = 1.5
# Who is overrun answers less than it is asked; of each kind of request there are not as many more.
_AS_MUCH = 0.5
_NO_ERRORS = frozenset({CauseKind.LATENCY, CauseKind.TRAFFIC, CauseKind.UNKNOWN})


def share(caller: Profile, callee: Profile) -> float:
    """The share of the caller's symptoms that the one it calls explains, 0 to 1; all, where that one is gone."""
    if caller.symptom <= 0 or floods(caller, callee):
        return 0.0
    if callee.gone:
        return 1.0
    return min(1.0, callee.cause / caller.symptom) * _latency_fit(caller, callee) * _kind_fit(caller, callee)


def floods(caller: Profile, callee: Profile) -> bool:
    """Whether a callee's trouble is the load that its caller makes: many more calls of the one without more of the other.

    The caller must show something of its own (a change, a resource), the callee no errors: those would be retried,
    and make calls themselves.
    """
    grown = callee.traffic >= _FLOOD * max(caller.traffic, 1.0)
    return caller.suspicious and not callee.failing and grown


def surges(entry: Profile) -> bool:
    """Whether many more requests come from outside to one that nobody calls."""
    return entry.traffic >= _FLOOD


def loads(entry: Profile, other: Profile) -> float:
    """How much of another's symptoms the rush at the entry explains, 0 to 1: all, where its own load grew by half as much (in logarithm) or more."""
    if not surges(entry) or other.traffic <= 1.0:
        return 0.0
    grown = math.log(other.traffic) / math.log(entry.traffic)
    return 1.0 if grown >= _AS_MUCH else 0.0


def greed(sufferer: Profile, neighbour: Profile) -> float:
    """How much of a service's symptoms a neighbour's taking of the host's resources explains, 0 to 1.

    Only a neighbour that took notably more of a resource, and more than the sufferer itself, explains any. Where the
    sufferer is measured to wait for what others hold, it explains all.
    """
    taken, mine = neighbour.taken or {}, sufferer.taken or {}
    greedy = [amount for kind, amount in taken.items() if amount >= 1.0 and amount > mine.get(kind, 0.0)]
    if not greedy or sufferer.symptom <= 0:
        return 0.0
    return 1.0 if sufferer.starves else min(1.0, max(greedy) / sufferer.symptom)


def _kind_fit(caller: Profile, callee: Profile) -> float:
    """Waiting is explained by whatever is wrong with the callee; errors best by errors, for few calls time out."""
    return 1.0 if caller.leading is not CauseKind.ERRORS or callee.kinds - _NO_ERRORS else _OTHER_KIND


def _latency_fit(caller: Profile, callee: Profile) -> float:
    """How much of the caller's slow-down the callee's can account for; 1 where either has no latency to compare.

    Little, where the callee's is measured and no longer than usual. A queue multiplies: once calls hold a caller's
    connections for twice as long, its requests wait for those before them, and the times no longer compare.
    """
    theirs, ours = callee.slowed, caller.slowed
    if not ours and callee.quick and caller.leading is CauseKind.LATENCY:
        return _UNMEASURED
    if not ours or not theirs or (caller.queues and callee.multiplied):
        return 1.0
    ratios = [theirs[metric] / ours[metric] for metric in ours.keys() & theirs.keys()]
    ratio = max(ratios) if ratios else max(theirs.values()) / max(ours.values())
    return min(1.0, ratio / _FULL_SHARE)
