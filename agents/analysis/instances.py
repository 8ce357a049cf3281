"""Instances and the services they make up: one graph for both, and faults that all instances share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agents.analysis.clues import Clue
from agents.analysis.findings import CauseKind
from agents.analysis.precedence import seen_first
from agents.analysis.signals import Topology

__all__ = ["lifted", "rolled_up"]

_MOST = 2 / 3
# What two thirds of a service's instances show is the service's, and counted once for each of them it looked common.
_SHARED = 1.3


def lifted(topology: Topology) -> Topology:
    """The call graph with every instance calling what its service calls, and the instances of that."""
    if not topology.instance_of:
        return topology
    members = _members(topology)
    calls: dict[str, frozenset[str]] = {}
    for caller, callees in topology.calls.items():
        reached = callees | {part for callee in callees for part in members.get(callee, ())}
        for one in (caller, *members.get(caller, ())):
            calls[one] = calls.get(one, frozenset()) | reached - {one}
    return replace(topology, calls=calls)


def rolled_up(clues: Mapping[str, Sequence[Clue]], topology: Topology) -> dict[str, tuple[Clue, ...]]:
    """The clues, and for each service those that most of its instances share: as strong as theirs on average."""
    found = {service: tuple(own) for service, own in clues.items()}
    for service, parts in sorted(_members(topology).items()):
        shared = _shared(service, [clues.get(part, ()) for part in parts])
        if shared:
            both = (*found.get(service, ()), *shared)
            found[service] = tuple(sorted(both, key=lambda c: (-c.strength, c.finding.subject)))
    return found


def _members(topology: Topology) -> dict[str, tuple[str, ...]]:
    members: dict[str, list[str]] = {}
    for part, service in sorted(topology.instance_of.items()):
        members.setdefault(service, []).append(part)
    return {service: tuple(parts) for service, parts in members.items()}


def _shared(service: str, parts: Sequence[Sequence[Clue]]) -> list[Clue]:
    by_kind: dict[tuple[CauseKind, bool], list[Clue]] = {}
    for own in parts:
        best: dict[tuple[CauseKind, bool], Clue] = {}
        for clue in own:
            key = clue.kind, clue.own
            if clue.bad and clue.strength > (best[key].strength if key in best else 0.0):
                best[key] = clue
        for key, clue in best.items():
            by_kind.setdefault(key, []).append(clue)
    least = max(2, _MOST * len(parts))
    return [
        replace(top, service=service, strength=_SHARED * sum(c.strength for c in clues) / len(parts))
        for clues in by_kind.values()
        if len(clues) >= least
        for top in [min(clues, key=lambda c: (-c.strength, *seen_first([c]), c.finding.subject))]
    ]
