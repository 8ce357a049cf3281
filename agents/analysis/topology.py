"""Which anomalous services explain which: symptoms travel from the called to the caller.

A caller's latency or errors are explained by a service it calls when that one is anomalous itself and, for latency,
when it slowed by enough to matter for the caller: two milliseconds do not explain two hundred.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.analysis.clues import Clue, clues_of, strength_of
from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.metrics import RESOURCES, WAITING
from agents.analysis.relevance import felt
from agents.analysis.signals import Topology

__all__ = ["Explanation", "analyse_topology", "distances", "explanations"]

# A callee that slowed by this share of its caller's slow-down explains it in full: a caller may call it several times.
_FULL_SHARE = 0.3
# Below this share of the symptom explained, the caller still answers for itself.
_WORTH_SAYING = 0.5
_OTHER_KIND = 0.6
# A shared host is a weaker tie than a call: the neighbour may be greedy without hurting anyone.
_NEIGHBOUR = 0.8
_FLOOD = 1.5
_MULTIPLE = 2.0
_LITTLE = 0.3
_NO_ERRORS = frozenset({CauseKind.LATENCY, CauseKind.TRAFFIC, CauseKind.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Explanation:
    """`share` (0 to 1) of the symptoms of `service` come from `by`, to which it has this `tie` ("calls")."""

    service: str
    by: str
    share: float
    tie: str = "calls"


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


def explanations(clues: Mapping[str, Sequence[Clue]], topology: Topology) -> dict[str, Explanation]:
    """The best explanation of each service's symptoms, where there is any.

    By one it calls, by a greedy neighbour on its host, or by a caller that floods it.
    """
    hosts = _hosts(clues, topology)
    callers = _callers(topology)
    found: dict[str, Explanation] = {}
    for service, own in sorted(clues.items()):
        options = [
            Explanation(service, callee, _share(own, clues[callee]))
            for callee in sorted(_reached(service, clues, topology))
        ]
        options += [
            Explanation(service, mate, _NEIGHBOUR * _greed(own, clues[mate]), f"shares {hosts[service]} with")
            for mate in sorted(clues)
            if mate != service and hosts.get(service) and hosts.get(mate) == hosts[service]
        ]
        options += [
            Explanation(service, caller, 1.0, "is flooded by")
            for caller in sorted(callers.get(service, ()))
            if _floods(clues.get(caller, ()), own)
        ]
        if options:
            found[service] = max(options, key=lambda e: e.share)
    return found


def _callers(topology: Topology) -> dict[str, set[str]]:
    callers: dict[str, set[str]] = {}
    for caller, callees in topology.calls.items():
        for callee in callees:
            callers.setdefault(callee, set()).add(caller)
    return callers


def _floods(caller: Sequence[Clue], callee: Sequence[Clue]) -> bool:
    """Whether a callee's trouble is the load that its caller makes: many more calls of the one without more of the other.

    The caller must show something of its own (a change, a resource), the callee no errors: those would be retried,
    and make calls themselves.
    """
    grown, asked = _traffic(callee), _traffic(caller)
    suspicious = any(
        c.own and c.bad and c.kind is not CauseKind.TRAFFIC and c.strength > _LITTLE for c in caller
    )
    failing = any(c.kind is CauseKind.ERRORS and c.bad and not c.own and c.strength > _LITTLE for c in callee)
    return suspicious and not failing and grown >= _FLOOD * max(asked, 1.0)


def _traffic(clues: Sequence[Clue]) -> float:
    """How many times as much traffic as before, 1 where it did not notably change."""
    ratios = [
        ratio
        for clue in clues
        if clue.kind is CauseKind.TRAFFIC
        and clue.finding.kind is not FindingKind.NORMAL
        and isinstance(ratio := clue.finding.data.get("ratio"), (int, float))
    ]
    return max(ratios, default=1.0)


def _hosts(clues: Mapping[str, Sequence[Clue]], topology: Topology) -> dict[str, str]:
    named = {
        service: str(host)
        for service, own in clues.items()
        for clue in own
        if clue.finding.source is Source.KPIS and (host := clue.finding.data.get("host"))
    }
    return named | dict(topology.hosted_on)


def _greed(sufferer: Sequence[Clue], neighbour: Sequence[Clue]) -> float:
    """How much of a service's symptoms a neighbour's taking of the host's resources explains, 0 to 1.

    Only a neighbour that took notably more of a resource, and more than the sufferer itself, explains any. Where the
    sufferer is measured to wait for what others hold, it explains all.
    """
    symptom = strength_of([c for c in sufferer if not c.own and c.bad])
    taken, mine = _taken(neighbour), _taken(sufferer)
    greedy = [amount for kind, amount in taken.items() if amount >= 1.0 and amount > mine.get(kind, 0.0)]
    if not greedy or symptom <= 0:
        return 0.0
    starves = any(c.finding.data.get("starved") and c.bad and c.strength >= 1.0 for c in sufferer)
    return 1.0 if starves else min(1.0, max(greedy) / symptom)


def _taken(clues: Sequence[Clue]) -> dict[CauseKind, float]:
    taken: dict[CauseKind, float] = {}
    for clue in clues:
        if clue.own and clue.bad and clue.kind in RESOURCES and not clue.finding.data.get("load_explained"):
            taken[clue.kind] = max(taken.get(clue.kind, 0.0), clue.strength)
    return taken


def _reached(service: str, clues: Mapping[str, Sequence[Clue]], topology: Topology) -> set[str]:
    """Services with clues that are called directly, or through services nothing is known about."""
    reached: set[str] = set()
    seen = {service}
    queue = deque(topology.calls.get(service, frozenset()))
    while queue:
        callee = queue.popleft()
        if callee in seen:
            continue
        seen.add(callee)
        if callee in clues:
            reached.add(callee)
        else:
            queue.extend(topology.calls.get(callee, frozenset()))
    return reached


def _share(caller: Sequence[Clue], callee: Sequence[Clue]) -> float:
    symptoms = [c for c in caller if not c.own and c.bad]
    symptom = strength_of(symptoms)
    if symptom <= 0 or _floods(caller, callee):
        return 0.0
    cause = strength_of([c for c in callee if c.bad and c.kind is not CauseKind.TRAFFIC])
    return min(1.0, cause / symptom) * _latency_fit(caller, callee) * _kind_fit(symptoms, callee)


def _kind_fit(symptoms: Sequence[Clue], callee: Sequence[Clue]) -> float:
    """Waiting is explained by whatever is wrong with the callee; errors best by errors, for few calls time out."""
    theirs = {c.kind for c in callee if c.bad}
    leading = max(symptoms, key=lambda c: (c.strength, c.kind)).kind
    return 1.0 if leading is not CauseKind.ERRORS or theirs - _NO_ERRORS else _OTHER_KIND


def _latency_fit(caller: Sequence[Clue], callee: Sequence[Clue]) -> float:
    """How much of the caller's slow-down the callee's can account for; 1 where either has no latency to compare.

    A queue multiplies: once calls hold a caller's connections for several times as long, its requests wait for
    those before them, and the times no longer compare.
    """
    theirs, ours = _slowed(callee), _slowed(caller)
    if not ours or not theirs or (_queues(caller) and _multiplied(callee)):
        return 1.0
    shared = ours.keys() & theirs.keys()
    ratios = [theirs[metric] / ours[metric] for metric in shared]
    ratio = max(ratios) if ratios else max(theirs.values()) / max(ours.values())
    return min(1.0, ratio / _FULL_SHARE)


def _queues(caller: Sequence[Clue]) -> bool:
    return any(c.kind in WAITING and c.bad and c.strength >= 1.0 for c in caller)


def _multiplied(callee: Sequence[Clue]) -> bool:
    return any(
        c.kind is CauseKind.LATENCY
        and isinstance(ratio := c.finding.data.get("ratio"), (int, float))
        and ratio >= _MULTIPLE
        for c in callee
    )


def _slowed(clues: Sequence[Clue]) -> dict[str, float]:
    """By how much each latency metric of a service rose, in its own unit; what fell is left out."""
    return {
        clue.finding.indicator: after - before
        for clue in clues
        if clue.kind is CauseKind.LATENCY
        and isinstance(before := clue.finding.data.get("before"), (int, float))
        and isinstance(after := clue.finding.data.get("after"), (int, float))
        and after > before
    }


def analyse_topology(
    findings: Sequence[Finding], topology: Topology, alarm_service: str, candidates: frozenset[str]
) -> tuple[Finding, ...]:
    """Findings on how anomalies hang together: explained callers as symptoms, and the deepest anomalies.

    `candidates` restricts who may be named as a deepest anomaly; empty restricts nobody. Without a topology the
    answer is one `no_data` finding.
    """
    if not topology.calls and not topology.hosted_on:
        return (_no_data(),)
    clues = felt(clues_of(findings), topology)
    explained = {s: e for s, e in explanations(clues, topology).items() if e.share >= _WORTH_SAYING}
    symptoms = [_symptom(e) for e in explained.values()]
    steps = distances(topology, alarm_service)
    deepest = [
        _deepest(service, steps.get(service), alarm_service, strength_of(own))
        for service, own in sorted(clues.items())
        if service not in explained
        and any(e.by == service for e in explained.values())
        and (not candidates or service in candidates)
    ]
    return tuple(sorted([*deepest, *symptoms], key=lambda f: (f.kind, -(f.score or 0.0), f.subject)))


def _symptom(explanation: Explanation) -> Finding:
    return Finding(
        source=Source.TOPOLOGY,
        kind=FindingKind.SYMPTOM,
        service=explanation.service,
        subject=f"{explanation.service}|{explanation.by}|{FindingKind.SYMPTOM}",
        statement=(
            f"{explanation.service} {explanation.tie} {explanation.by}, whose anomaly accounts for "
            f"{explanation.share:.0%} of its symptoms"
        ),
        score=explanation.share,
        data={"by": explanation.by, "share": explanation.share},
    )


def _deepest(service: str, steps: int | None, alarm_service: str, strength: float) -> Finding:
    way = f", {steps} call{'s' if steps != 1 else ''} from {alarm_service}" if steps is not None else ""
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
