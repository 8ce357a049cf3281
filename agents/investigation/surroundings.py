"""Where the causes and the alarms are among the services, and by which way the one led to the other."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from agents.analysis.findings import FindingKind
from agents.investigation.state import UNKNOWN_SERVICE, Claim, GraphState, KnownTopology
from schemas.events.evidence import Evidence
from schemas.events.report import RuledOut, ServiceLink

__all__ = ["links_of", "path_of"]

_CALLS: Final = "calls"
_LONGEST: Final = 8
_SERVICES: Final = 12
_OF_A_KIND: Final = 5
_BELOW: Final = 3
_LINKS: Final = 40


def path_of(state: GraphState, claims: Sequence[Claim]) -> tuple[str, ...]:
    """Return the services from the first cause to the first alarmed one that it reaches; empty where no way is known.

    The way goes through those whose symptoms the next one explains, where the evidence says so; else along the calls.
    """
    if not claims:
        return ()
    cause, links = claims[0].service, _all_links(state.topology)
    blamed = _blamed(state.current_evidence)
    for alarmed in _alarmed(state):
        way = _by_blame(alarmed, cause, blamed, links) or _shortest(alarmed, cause, links)
        if way and len(way) <= _LONGEST:
            return tuple(reversed(way))
    return ()


def links_of(
    state: GraphState, claims: Sequence[Claim], ruled_out: Sequence[RuledOut], path: Sequence[str]
) -> tuple[ServiceLink, ...]:
    """Return the links among the services that the report speaks of, and those below the first cause."""
    links = _all_links(state.topology)
    below = [one.callee for one in links if claims and one.caller == claims[0].service]
    named = dict.fromkeys(
        [
            *path,
            *(claim.service for claim in claims),
            *_alarmed(state)[:_OF_A_KIND],
            *[one.service for one in ruled_out][:_OF_A_KIND],
            *below[:_BELOW],
        ]
    )
    near = set(list(named)[: max(_SERVICES, len(path))])
    ways = {frozenset(pair) for pair in pairwise(path)}
    chosen = [one for one in links if {one.caller, one.callee} <= near and one.caller != one.callee]
    chosen.sort(key=lambda one: frozenset((one.caller, one.callee)) not in ways)
    return tuple(chosen[:_LINKS])


def _alarmed(state: GraphState) -> list[str]:
    names = (state.alarm_service, *state.request.incident.services)
    return [name for name in dict.fromkeys(names) if name and name != UNKNOWN_SERVICE]


def _all_links(topology: KnownTopology) -> tuple[ServiceLink, ...]:
    calls = ((caller, callee, _CALLS) for caller, callees in topology.calls.items() for callee in callees)
    hosts = ((service, host, "runs on") for service, host in topology.hosted_on.items())
    parts = ((whole, part, "consists of") for part, whole in topology.instance_of.items())
    every = (*calls, *hosts, *parts)
    return tuple(ServiceLink(caller=a, callee=b, tie=tie) for a, b, tie in every if a and b)


def _blamed(evidence: Iterable[Evidence]) -> dict[str, str]:
    """Whom the evidence makes answerable for each service's symptoms."""
    symptoms = (one for one in evidence if one.kind == FindingKind.SYMPTOM)
    by = ((one.service, json.loads(one.data).get("by", "")) for one in symptoms)
    return {service: str(other) for service, other in by if other}


def _by_blame(
    alarmed: str, cause: str, blamed: Mapping[str, str], links: Sequence[ServiceLink]
) -> tuple[str, ...]:
    way = [alarmed]
    while way[-1] != cause:
        following = blamed.get(way[-1], "")
        if not following or following in way:
            return ()
        between = _shortest(way[-1], following, links) or (way[-1], following)
        way += [name for name in between[1:] if name not in way]
    return tuple(way)


def _shortest(begin: str, end: str, links: Sequence[ServiceLink]) -> tuple[str, ...]:
    """The shortest way along the calls, or else against them; hosts and instances are passed either way."""
    return _search(begin, end, links, against=False) or _search(begin, end, links, against=True)


def _search(begin: str, end: str, links: Sequence[ServiceLink], *, against: bool) -> tuple[str, ...]:
    steps: dict[str, list[str]] = {}
    for one in links:
        if one.tie != _CALLS or not against:
            steps.setdefault(one.caller, []).append(one.callee)
        if one.tie != _CALLS or against:
            steps.setdefault(one.callee, []).append(one.caller)
    came_from: dict[str, str] = {begin: ""}
    queue = deque([begin])
    while queue and end not in came_from:
        here = queue.popleft()
        for there in sorted(steps.get(here, ())):
            if there not in came_from:
                came_from[there] = here
                queue.append(there)
    return _traced(end, came_from) if end in came_from else ()


def _traced(end: str, came_from: Mapping[str, str]) -> tuple[str, ...]:
    way = [end]
    while came_from[way[-1]]:
        way.append(came_from[way[-1]])
    return tuple(reversed(way))
