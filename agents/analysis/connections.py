"""Who is known to have anything to do with those who are alarmed: only then is a trouble at the same moment more than that.

Trouble comes from those that one calls, from those that call one, and from those that call whom one calls, too: they load it.
That both are called by the same third is no tie: every page calls many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from agents.analysis.comovement import learned_calls
from agents.analysis.findings import Finding
from agents.analysis.named_callees import named_callees
from agents.analysis.signals import Topology

__all__ = ["connected"]


def connected(findings: Sequence[Finding], topology: Topology, alarmed: Collection[str]) -> frozenset[str]:
    """Return the `alarmed`, those whom they reach by calls, and those who reach any of these.

    A call is one told, recorded or learned, also from an error line of the one that names the other. Those on one host, and a
    service and its instances, are as one on the way.
    """
    calls = _calls(findings, topology)
    callers: dict[str, set[str]] = {}
    for caller, callees in calls.items():
        for callee in callees:
            callers.setdefault(callee, set()).add(caller)
    together = _together(findings, topology)
    return _reached(_reached(alarmed, calls, together), callers, together)


def _calls(findings: Sequence[Finding], topology: Topology) -> dict[str, set[str]]:
    calls = {caller: set(callees) for caller, callees in topology.calls.items()}
    for caller, callee in {**learned_calls(findings), **learned_calls(named_callees(findings))}:
        calls.setdefault(caller, set()).add(callee)
    return calls


def _together(findings: Iterable[Finding], topology: Topology) -> dict[str, set[str]]:
    """Each service with its hosts and instances, and the other way round."""
    measured = {one.service: str(host) for one in findings if one.service and (host := one.data.get("host"))}
    placed = {**measured, **topology.hosted_on}
    beside: dict[str, set[str]] = {}
    for one, other in (*placed.items(), *topology.instance_of.items()):
        beside.setdefault(one, set()).add(other)
        beside.setdefault(other, set()).add(one)
    return beside


def _reached(start: Iterable[str], *ways: Mapping[str, AbstractSet[str]]) -> frozenset[str]:
    reached = set(start)
    left = list(reached)
    while left:
        here = left.pop()
        fresh = {one for way in ways for one in way.get(here, ())} - reached
        reached |= fresh
        left += fresh
    return frozenset(reached)
