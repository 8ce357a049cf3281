"""Who is known to have anything to do with those who are alarmed: only then is a trouble at the same moment more than that."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from agents.analysis.comovement import learned_calls
from agents.analysis.findings import Finding
from agents.analysis.named_callees import named_callees
from agents.analysis.nearness import hops
from agents.analysis.signals import Topology

__all__ = ["connected"]


def connected(findings: Sequence[Finding], topology: Topology, alarmed: Collection[str]) -> frozenset[str]:
    """Return the `alarmed` and everybody to whom ties lead from one of them, whichever way.

    A tie is a call, told, recorded or learned; a host that two share, or a service and its instances; an error line of the
    one that names the other.
    """
    known = _widened(findings, topology)
    return frozenset(alarmed).union(*(hops(known, one) for one in alarmed))


def _widened(findings: Sequence[Finding], topology: Topology) -> Topology:
    """The topology with all ties that the findings tell of."""
    learned = {**learned_calls(findings), **learned_calls(named_callees(findings))}
    calls = {caller: set(callees) for caller, callees in topology.calls.items()}
    for caller, callee in learned:
        calls.setdefault(caller, set()).add(callee)
    hosts = {one.service: str(host) for one in findings if one.service and (host := one.data.get("host"))}
    return Topology(
        calls={caller: frozenset(callees) for caller, callees in calls.items()},
        hosted_on=hosts | dict(topology.hosted_on),
        instance_of=topology.instance_of,
    )
