"""Which anomalous services explain which: symptoms travel from the called to the caller."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from agents.analysis.blind_spots import blind_spots
from agents.analysis.clues import Clue, clues_of, has_symptoms, strength_of
from agents.analysis.comovement import learned_calls
from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.precedence import seen_first
from agents.analysis.profiles import NOTHING, Profile
from agents.analysis.relevance import entries, felt
from agents.analysis.signals import Topology
from agents.analysis.ties import floods, greed, loads, share, surges
from agents.analysis.words import many, percent

__all__ = ["Explanation", "analyse_topology", "distances", "explanations"]

# Below this share of the symptom explained, the caller still answers for itself.
_WORTH_SAYING = 0.5
# A shared host is a weaker tie than a call: the neighbour may be greedy without hurting anyone.
_NEIGHBOUR = 0.8
_NOTHING_LEARNED: Mapping[tuple[str, str], float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Explanation:
    """`share` (0 to 1) of the symptoms of `service` come from `by`, to which it has this `tie` ("calls").

    A tie that was learned has a `certainty` below 1, and the share is never more than that.
    """

    service: str
    by: str
    share: float
    tie: str = "calls"
    certainty: float = 1.0


def distances(topology: Topology, origin: str) -> dict[str, int]:
    """Calls from `origin` to each service it reaches (itself 0); empty when `origin` is not in the graph."""
    if origin not in topology.calls and origin not in topology.nodes:
        return {}
    steps = {origin: 0}
    queue = deque([origin])
    while queue:
        here = queue.popleft()
        for callee in sorted(topology.calls.get(here, frozenset())):
            if callee not in steps:
                steps[callee] = steps[here] + 1
                queue.append(callee)
    return steps


def explanations(
    clues: Mapping[str, Sequence[Clue]],
    topology: Topology,
    learned: Mapping[tuple[str, str], float] = _NOTHING_LEARNED,
) -> dict[str, Explanation]:
    """The best explanation of each service's symptoms, where there is any.

    By one it calls, by a greedy neighbour on its host, or by a caller that floods it. `learned` are certainties
    of calls (caller, callee) that nobody has told of: by one of those no more is explained than is certain.
    """
    profiles = {service: Profile.of(own) for service, own in sorted(clues.items())}
    ties = _Ties.of(clues, profiles, topology, learned)
    shown = {service: seen_first(own) for service, own in clues.items()}
    found: dict[str, Explanation] = {}
    for service, profile in profiles.items():
        options = _by_callers(service, profiles, ties)
        if profile.symptom > 0:
            options += [
                *_by_callees(service, profiles, ties),
                *_by_mates(service, profiles, ties),
                *_by_entries(service, profiles, ties),
            ]
        if options:
            # Of those that explain as much, the one with more against it.
            found[service] = min(options, key=lambda e: (-e.share, -profiles[e.by].strength, *shown[e.by]))
    return found


@dataclass(frozen=True, slots=True)
class _Ties:
    """Who is tied to whom in what way.

    `greedy` are those of a host that took notably more of anything, `rushed` whom each reaches to whom more requests come
    from outside.
    """

    topology: Topology
    callers: Mapping[str, set[str]]
    hosts: Mapping[str, str]
    greedy: Mapping[str, Sequence[str]]
    rushed: Mapping[str, Container[str]]
    guessed: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(
        cls,
        clues: Mapping[str, Sequence[Clue]],
        profiles: Mapping[str, Profile],
        topology: Topology,
        learned: Mapping[tuple[str, str], float],
    ) -> _Ties:
        hosts = _hosts(clues, topology)
        greedy: dict[str, list[str]] = {}
        for service, profile in profiles.items():
            if hosts.get(service) and profile.taken:
                greedy.setdefault(hosts[service], []).append(service)
        guessed: dict[str, dict[str, float]] = {}
        for (caller, callee), certainty in sorted(learned.items()):
            guessed.setdefault(caller, {})[callee] = certainty
        rushed = {
            one: distances(topology, one) for one in entries(topology) if surges(profiles.get(one, NOTHING))
        }
        return cls(topology, topology.callers(), hosts, greedy, rushed, guessed)


def _by_callees(service: str, profiles: Mapping[str, Profile], ties: _Ties) -> list[Explanation]:
    own = profiles[service]
    reached = _reached(service, profiles, ties.topology)
    options = [Explanation(service, callee, share(own, profiles[callee])) for callee in sorted(reached)]
    return options + [
        Explanation(service, callee, certainty * share(own, profiles[callee]), "moves with", certainty)
        for callee, certainty in ties.guessed.get(service, {}).items()
        if callee in profiles and callee not in reached and callee != service
    ]


def _by_mates(service: str, profiles: Mapping[str, Profile], ties: _Ties) -> list[Explanation]:
    own, host = profiles[service], ties.hosts.get(service, "")
    return [
        Explanation(service, mate, _NEIGHBOUR * greed(own, profiles[mate]), f"shares {host} with")
        for mate in ties.greedy.get(host, ())
        if mate != service
    ]


def _by_callers(service: str, profiles: Mapping[str, Profile], ties: _Ties) -> list[Explanation]:
    return [
        Explanation(service, caller, 1.0, "is flooded by")
        for caller in sorted(ties.callers.get(service, ()))
        if floods(profiles.get(caller, NOTHING), profiles[service])
    ]


def _by_entries(service: str, profiles: Mapping[str, Profile], ties: _Ties) -> list[Explanation]:
    own = profiles[service]
    return [
        Explanation(service, entry, loads(profiles[entry], own), "takes the load of")
        for entry, reached in ties.rushed.items()
        if entry != service and service in reached
    ]


def _hosts(clues: Mapping[str, Sequence[Clue]], topology: Topology) -> dict[str, str]:
    named = {
        service: str(host)
        for service, own in clues.items()
        for clue in own
        if clue.finding.source is Source.KPIS and (host := clue.finding.data.get("host"))
    }
    return named | dict(topology.hosted_on)


def _reached(service: str, known: Container[str], topology: Topology) -> set[str]:
    """Services with clues that are called directly, or through services nothing is known about."""
    reached: set[str] = set()
    seen = {service}
    queue = deque(topology.calls.get(service, frozenset()))
    while queue:
        callee = queue.popleft()
        if callee in seen:
            continue
        seen.add(callee)
        if callee in known:
            reached.add(callee)
        else:
            queue.extend(topology.calls.get(callee, frozenset()))
    return reached


def analyse_topology(
    findings: Sequence[Finding], topology: Topology, alarm_service: str, candidates: frozenset[str]
) -> tuple[Finding, ...]:
    """Findings on how anomalies hang together: explained callers as symptoms, the deepest anomalies, and who is not measured.

    `candidates` restricts who may be named as a deepest anomaly; empty restricts nobody. Without a topology the
    answer is one `no_data` finding, unless `findings` tell of learned calls.
    """
    learned = learned_calls(findings)
    if not topology.calls and not topology.hosted_on and not learned:
        return (_no_data(),)
    seen = felt(clues_of(findings), topology)
    shares = {service: one.share for service, one in explanations(seen, topology, learned).items()}
    unmeasured = blind_spots(findings, seen, shares, topology, candidates)
    clues = felt(clues_of([*findings, *unmeasured]), topology) if unmeasured else seen
    explained = {
        s: e
        for s, e in explanations(clues, topology, learned).items()
        if e.share >= _WORTH_SAYING * e.certainty
    }
    symptoms = [_symptom(e, clues[s]) for s, e in explained.items()]
    steps = distances(topology, alarm_service)
    deepest = [
        _deepest(service, steps.get(service), alarm_service, strength_of(own))
        for service, own in sorted(clues.items())
        if service not in explained
        and any(e.by == service for e in explained.values())
        and (not candidates or service in candidates)
    ]
    return tuple(
        sorted([*unmeasured, *deepest, *symptoms], key=lambda f: (f.kind, -(f.score or 0.0), f.subject))
    )


def _symptom(explanation: Explanation, clues: Sequence[Clue]) -> Finding:
    return Finding(
        source=Source.TOPOLOGY,
        kind=FindingKind.SYMPTOM,
        service=explanation.service,
        subject=f"{explanation.service}|{explanation.by}|{FindingKind.SYMPTOM}",
        statement=f"{_accounted(explanation, clues)}{_doubt(explanation)}",
        score=explanation.share,
        data={"by": explanation.by, "share": explanation.share, "certainty": explanation.certainty},
    )


def _accounted(explanation: Explanation, clues: Sequence[Clue]) -> str:
    service, tie = explanation.service, f"{explanation.tie} {explanation.by}, whose anomaly accounts for"
    if not has_symptoms(clues):
        return f"{service}, hardly off its normal range, {tie} that"
    return f"{service} {tie} {percent(explanation.share)} of its symptoms"


def _doubt(explanation: Explanation) -> str:
    return "" if explanation.certainty == 1.0 else " (a learned tie)"


def _deepest(service: str, steps: int | None, alarm_service: str, strength: float) -> Finding:
    way = f", {many(steps, 'call')} from {alarm_service}" if steps is not None else ""
    return Finding(
        source=Source.TOPOLOGY,
        kind=FindingKind.UPSTREAM_ANOMALY,
        service=service,
        subject=f"{service}||{FindingKind.UPSTREAM_ANOMALY}",
        statement=f"{service} is the deepest anomalous service on its path{way}: nothing it depends on explains it",
        score=strength,
        data={"calls_away": steps},
    )


def _no_data() -> Finding:
    return Finding(
        source=Source.TOPOLOGY,
        kind=FindingKind.NO_DATA,
        service="",
        subject=f"||{FindingKind.NO_DATA}",
        statement="No call topology is known",
    )
