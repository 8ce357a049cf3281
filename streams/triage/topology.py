"""Which services are near one another: one above the other in the call graph, a few calls apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from schemas.control import ServiceTopology

__all__ = ["Neighbourhoods"]

_Edges = Mapping[str, Sequence[str]]


class Neighbourhoods:
    """The neighbourhoods of one topology, computed when first asked for.

    Failures travel along calls, so services that merely share a caller are not near each other: an alarm of the
    caller itself joins them.
    """

    def __init__(self, topology: ServiceTopology | None, max_hops: int) -> None:
        self._calls: _Edges = topology.calls if topology else {}
        self._callers: _Edges = _reversed(self._calls)
        self._hosts: Mapping[str, str] = topology.hosts if topology else {}
        self._max_hops = max_hops
        self._known: dict[str, frozenset[str]] = {}

    def of(self, service: str) -> frozenset[str]:
        """The services that `service` calls or is called by over at most `max_hops` calls, without itself."""
        if service not in self._known:
            below = _reached(service, self._calls, self._max_hops)
            above = _reached(service, self._callers, self._max_hops)
            self._known[service] = (below | above) - {service}
        return self._known[service]

    def host_of(self, service: str, entity: str, host: str) -> str:
        """The alarm's own host, or where the topology says that its entity or service runs; empty when unknown."""
        return host or self._hosts.get(entity, "") or self._hosts.get(service, "")


def _reversed(calls: _Edges) -> _Edges:
    callers: dict[str, list[str]] = defaultdict(list)
    for caller, callees in calls.items():
        for callee in callees:
            callers[callee].append(caller)
    return callers


def _reached(start: str, edges: _Edges, hops: int) -> frozenset[str]:
    reached, frontier = {start}, [start]
    for _ in range(hops):
        frontier = [far for near in frontier for far in edges.get(near, ()) if far not in reached]
        reached.update(frontier)
    return frozenset(reached)
