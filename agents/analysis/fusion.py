"""One ranking of causes from everything found, with what supports each and who was ruled out.

A service's score is what only it can answer for (its resources, its log lines, its changes), plus those of its
symptoms that no service it calls explains, plus a part of the symptoms of others that it explains.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agents.analysis.clues import Clue, clues_of, strength_of
from agents.analysis.findings import Cause, CauseKind, Finding, FindingKind, Ruling, Source
from agents.analysis.instances import lifted, rolled_up
from agents.analysis.metrics import RESOURCES, nature_of
from agents.analysis.relevance import felt, relevant
from agents.analysis.signals import Topology
from agents.analysis.topology import Explanation, distances, explanations

__all__ = ["Ranking", "rank_causes"]

_EXPLAINS_OTHERS = 0.35
# A service the alarmed one never calls can hardly have raised its alarm.
_UNREACHABLE = 0.8
_CHANGED = 0.25
_OUTSIDE = 0.6
_ISOLATED = 0.4
# Among hundreds of series one may touch the notable by chance; well past it, or two, are no chance.
_ALONE = 1.5
_TOGETHER = 2
_CITED = 6
_RULED_OUT_SHARE = 0.5
_OF_METRICS = frozenset(
    {
        FindingKind.LEVEL_SHIFT,
        FindingKind.SPIKE,
        FindingKind.TREND,
        FindingKind.SATURATION,
        FindingKind.VARIANCE_CHANGE,
        FindingKind.MISSING_DATA,
    }
)
_MEASURED = frozenset({Source.KPIS, Source.LOGS})


@dataclass(frozen=True, slots=True)
class Ranking:
    """Causes best first; who was ruled out; whether anything is abnormal at all; which sources had data."""

    causes: tuple[Cause, ...]
    rulings: tuple[Ruling, ...]
    abnormal: bool
    coverage: Mapping[Source, bool] = field(default_factory=dict)

    @property
    def indicators(self) -> tuple[str, ...]:
        """`<service>_<metric>` of the causes, best first, then of what else was cited, without repeats."""
        firsts = [f"{c.service}_{c.indicator}" for c in self.causes if c.indicator]
        others = [
            f"{service}_{metric}"
            for cause in self.causes
            for service, metric, *_, kind in (subject.split("|") for subject in cause.findings)
            if service == cause.service and metric and kind in _OF_METRICS
        ]
        return tuple(dict.fromkeys([*firsts[:2], *others[:3], *firsts, *others]))


def rank_causes(
    findings: Sequence[Finding],
    topology: Topology,
    alarm_service: str,
    alarm_indicator: str,
    candidates: frozenset[str],
) -> Ranking:
    """Rank every candidate (or, without candidates, every service seen) as the cause of the alarm.

    Confidences are in [0, 1] and sum to at most 1. Where nothing is abnormal the ranking is empty of confidence.
    """
    graph = lifted(topology)
    clues = felt(rolled_up(clues_of(findings), topology), graph)
    clues = relevant(clues, nature_of(alarm_indicator).kind)
    explained = explanations(clues, graph)
    seen = candidates or frozenset(clues) | topology.nodes | frozenset(topology.calls)
    reach = distances(graph, alarm_service)
    isolated = _isolated(seen, topology)
    outside = _seen_from_outside(clues, graph)
    scores = {
        s: _score(s, clues, explained)
        * _reachable(s, alarm_service, reach)
        * (_OUTSIDE if s in outside else 1.0)
        * (_ISOLATED if s in isolated else 1.0)
        for s in seen
    }
    abnormal = _is_abnormal(findings)
    ordered = sorted(seen, key=lambda s: (-scores[s], s))
    confidence = _confidences([scores[s] for s in ordered], abnormal=abnormal)
    causes = tuple(
        _cause(service, clues.get(service, ()), scores[service], sure)
        for service, sure in zip(ordered, confidence, strict=True)
    )
    return Ranking(causes, _rulings(clues, explained, ordered), abnormal, _coverage(findings))


def _score(service: str, clues: Mapping[str, Sequence[Clue]], explained: Mapping[str, Explanation]) -> float:
    own = clues.get(service, ())
    share = explained[service].share if service in explained else 0.0
    firm = [clue for clue in own if clue.own]
    soft = [_weakened(clue, 1.0 - share) for clue in own if not clue.own]
    score = strength_of([*firm, *soft])
    # Only what others cannot explain by somebody deeper counts for having explained them.
    helped = [
        strength_of([c for c in clues[e.service] if not c.own and c.bad]) * e.share
        for e in explained.values()
        if e.by == service
    ]
    score += _EXPLAINS_OTHERS * min(max(helped, default=0.0), score) * (1.0 - share)
    changed = any(c.finding.kind is FindingKind.RECENT_CHANGE for c in own) and len(own) > 1
    return score * (1.0 + _CHANGED * changed)


def _weakened(clue: Clue, by: float) -> Clue:
    return Clue(clue.service, clue.kind, clue.strength * by, clue.own, clue.bad, clue.finding)


def _reachable(service: str, alarm_service: str, reach: Mapping[str, int]) -> float:
    return 1.0 if not alarm_service or not reach or service in reach else _UNREACHABLE


def _isolated(seen: frozenset[str], topology: Topology) -> set[str]:
    """Services that a known call graph does not know: no traffic was seen on them, their trouble hardly travels."""
    if not topology.calls:
        return set()
    callees = {callee for targets in topology.calls.values() for callee in targets}
    placed = {*topology.hosted_on, *topology.hosted_on.values(), *topology.instance_of}
    return set(seen) - topology.nodes - callees - set(topology.calls) - placed


def _seen_from_outside(clues: Mapping[str, Sequence[Clue]], topology: Topology) -> set[str]:
    """Services that call nobody, have one caller, and report nothing but latency, errors and traffic.

    Such figures may well be the caller's own, taken at its end of the line (an endpoint, a load balancer).
    """
    callers = Counter(callee for callees in topology.calls.values() for callee in callees)
    return {
        service
        for service, own in clues.items()
        if callers[service] == 1
        and not topology.calls.get(service)
        and all(c.finding.data.get("instrumented") is False for c in own)
    }


def _confidences(scores: Sequence[float], *, abnormal: bool) -> list[float]:
    """Each score's share of all scores (cubed: a long weak tail is no rival), times how much evidence there is."""
    total = sum(score**3 for score in scores)
    if total <= 0 or not abnormal:
        return [0.0 for _ in scores]
    return [score**3 / total * (1.0 - math.exp(-score / 2.0)) for score in scores]


def _is_abnormal(findings: Iterable[Finding]) -> bool:
    """Something measured left its normal range the way that hurts; only without measurements do alarms decide."""
    known = list(findings)
    scores = [
        clue.finding.score or 0.0 for own in clues_of(known).values() for clue in own if _convicts(clue)
    ]
    if max(scores, default=0.0) >= _ALONE or sum(score >= 1 for score in scores) >= _TOGETHER:
        return True
    measured = any(f.source in _MEASURED and f.kind is not FindingKind.NO_DATA for f in known)
    return not measured and any(
        f.source is Source.ALARMS and f.kind is not FindingKind.NO_DATA for f in known
    )


def _convicts(clue: Clue) -> bool:
    finding = clue.finding
    if finding.source is Source.LOGS and (finding.score or 0.0) < _ALONE:
        return False  # the split was chosen for its contrast: a little of it is chance
    return (
        clue.bad
        and finding.source in _MEASURED
        and finding.kind is not FindingKind.NORMAL
        and clue.kind not in {CauseKind.TRAFFIC, CauseKind.UNKNOWN}
        and not finding.data.get("load_explained")
    )


def _cause(service: str, clues: Sequence[Clue], score: float, confidence: float) -> Cause:
    lead = _lead(clues)
    if lead is None:
        return Cause(
            service=service,
            kind=CauseKind.UNKNOWN,
            confidence=confidence,
            score=score,
            statement=f"Nothing was found against {service}",
        )
    cited = [lead, *(clue for clue in clues if clue is not lead)][:_CITED]
    return Cause(
        service=service,
        kind=_kind(lead, clues),
        indicator=lead.finding.indicator,
        confidence=confidence,
        score=score,
        statement=lead.finding.statement,
        findings=tuple(dict.fromkeys(clue.finding.subject for clue in cited)),
    )


def _lead(clues: Sequence[Clue]) -> Clue | None:
    """What to name as the cause: a resource that hurts before a symptom that it makes."""
    notable = [c for c in clues if c.bad and c.strength >= 1.0]
    resources = [c for c in notable if c.kind in RESOURCES and c.own]
    metrics = [c for c in clues if c.finding.indicator]
    return next(iter([*resources, *notable, *metrics, *clues]), None)


def _kind(lead: Clue, clues: Sequence[Clue]) -> CauseKind:
    """A change made just before explains the rest of what a service shows."""
    changes = [c for c in clues if c.finding.kind is FindingKind.RECENT_CHANGE]
    return changes[0].kind if changes and changes[0].kind is not CauseKind.UNKNOWN else lead.kind


def _rulings(
    clues: Mapping[str, Sequence[Clue]], explained: Mapping[str, Explanation], ordered: Sequence[str]
) -> tuple[Ruling, ...]:
    """Services with symptoms of their own that another explains, other than the first-ranked."""
    return tuple(
        Ruling(
            service=service,
            reason=(
                f"{service} shows symptoms, but it {explained[service].tie} {explained[service].by}, "
                f"which accounts for {explained[service].share:.0%} of them"
            ),
            findings=tuple(dict.fromkeys(c.finding.subject for c in clues[service][:_CITED])),
        )
        for service in ordered[1:]
        if service in explained and explained[service].share >= _RULED_OUT_SHARE
    )


def _coverage(findings: Iterable[Finding]) -> dict[Source, bool]:
    covered: dict[Source, bool] = {}
    for finding in findings:
        had = finding.kind not in {FindingKind.NO_DATA, FindingKind.UNREACHABLE}
        covered[finding.source] = covered.get(finding.source, False) or had
    return covered
