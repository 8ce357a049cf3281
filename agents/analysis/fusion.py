"""One ranking of causes from everything found, with what supports each and who was ruled out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agents.analysis.calibration import confidences
from agents.analysis.clues import Clue, clues_of, has_symptoms
from agents.analysis.comovement import learned_calls
from agents.analysis.connections import connected
from agents.analysis.findings import Cause, CauseKind, Contribution, Finding, FindingKind, Ruling, Source
from agents.analysis.instances import lifted, rolled_up
from agents.analysis.metrics import RESOURCES, WAITING, nature_of
from agents.analysis.nearness import nearer
from agents.analysis.precedence import in_order
from agents.analysis.relevance import arriving, felt, relevant
from agents.analysis.signals import Topology
from agents.analysis.stay_findings import stays_away
from agents.analysis.suffering import anybody_suffers
from agents.analysis.topology import Explanation, explanations
from agents.analysis.weighing import Addend, Standing, total, weighed
from agents.analysis.words import percent

__all__ = ["Ranking", "rank_causes"]

# Among hundreds of series one may touch the notable by chance; well past it, or two, are no chance.
_ALONE = 1.5
_TOGETHER = 2
_CITED = 6
_COMPARABLE = 0.5
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
# More of it, or something else, hurts nobody by itself; that it stays away does.
_NOBODYS = frozenset({CauseKind.TRAFFIC, CauseKind.UNKNOWN})


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
            for service, metric, kind in map(_parts, cause.findings)
            if service == cause.service and metric and kind in _OF_METRICS
        ]
        return tuple(dict.fromkeys([*firsts[:2], *others[:3], *firsts, *others]))


def _parts(subject: str) -> tuple[str, str, str]:
    """Service, metric and kind of a finding; nothing where it was cut, as an event does with a long one."""
    parts = subject.split("|")
    return (parts[0], parts[1], parts[-1]) if len(parts) > 2 else ("", "", "")


def rank_causes(  # noqa: PLR0913 - all that is known of one incident
    findings: Sequence[Finding],
    topology: Topology,
    alarm_service: str,
    alarm_indicator: str,
    candidates: frozenset[str],
    *,
    alarmed: bool = True,
    also_alarmed: frozenset[str] = frozenset(),
) -> Ranking:
    """Rank every candidate (or, without candidates, every service seen) as the cause of the alarm.

    Where nobody was `alarmed`, and somebody only wants to know, what hurts nobody is not abnormal.
    `also_alarmed` are the other services of the incident's alarms: who has to do with one of them is tied to the alarm.
    Confidences are in [0, 1] and sum to at most 1. Where nothing is abnormal the ranking is empty of confidence.
    """
    graph = lifted(topology)
    clues = arriving(felt(rolled_up(clues_of(findings), topology), graph), graph)
    clues = nearer(relevant(clues, nature_of(alarm_indicator).kind), graph, alarm_service)
    explained = explanations(clues, graph, learned_calls(findings))
    seen = candidates or frozenset(clues) | topology.nodes | frozenset(topology.calls)
    standing = Standing.of(seen, clues, topology, graph, alarm_service)
    parts = {service: weighed(service, clues, explained, standing) for service in seen}
    scores = {service: total(addends) for service, addends in parts.items()}
    abnormal = _is_abnormal(findings) and (alarmed or anybody_suffers(findings, clues, graph))
    ordered = in_order(scores, clues, graph, alarm_service)
    near = connected(findings, topology, {alarm_service, *also_alarmed}) if alarm_service else seen
    sure = confidences([scores[s] for s in ordered], tied=[s in near for s in ordered])
    causes = tuple(
        _cause(
            service, clues.get(service, ()), parts[service], one if abnormal else 0.0, tied=service in near
        )
        for service, one in zip(ordered, sure, strict=True)
    )
    return Ranking(causes, _rulings(clues, explained, ordered), abnormal, _coverage(findings))


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
        and (clue.kind not in _NOBODYS or stays_away(finding))
        and not finding.data.get("load_explained")
    )


def _cause(
    service: str, clues: Sequence[Clue], addends: Sequence[Addend], confidence: float, *, tied: bool
) -> Cause:
    lead, score = _lead(clues), total(addends)
    if lead is None:
        return Cause(
            service=service,
            kind=CauseKind.UNKNOWN,
            confidence=confidence,
            score=score,
            statement=f"Nothing was found against {service}",
            tied=tied,
        )
    change = _deciding_change(clues)
    first = [lead] if change is None or change is lead else [lead, change]
    cited = [*first, *(clue for clue in clues if clue not in first)][:_CITED]
    return Cause(
        service=service,
        kind=lead.kind if change is None else change.kind,
        indicator=lead.finding.indicator,
        confidence=confidence,
        score=score,
        statement=lead.finding.statement,
        findings=tuple(dict.fromkeys(clue.finding.subject for clue in cited)),
        contributions=tuple(_contribution(addend) for addend in addends),
        tied=tied,
    )


def _contribution(addend: Addend) -> Contribution:
    finding = addend.clue.finding
    return Contribution(
        finding=finding.subject, service=finding.service, amount=addend.amount, part=addend.part
    )


def _lead(clues: Sequence[Clue]) -> Clue | None:
    """What to name as the cause: a resource that hurts before a symptom that it makes, if it is about as notable.

    Load that is as notable comes before what it takes. A line says that something fails, hardly what: anything exhausted,
    or of which an alarm tells, comes before that.
    """
    notable = [c for c in clues if c.bad and c.strength >= 1.0]
    least = _COMPARABLE * max((c.strength for c in notable), default=0.0)
    load = [c for c in notable if c.kind is CauseKind.TRAFFIC and c.strength >= least]
    resources = [c for c in notable if c.kind in RESOURCES and c.own and c.strength >= least]
    if not resources and notable and notable[0].finding.source is Source.LOGS:
        resources = [c for c in clues if _tells_what(c)]
    metrics = [c for c in clues if c.finding.indicator]
    return next(iter([*load, *resources, *notable, *metrics, *clues]), None)


def _tells_what(clue: Clue) -> bool:
    """Whether something is measured to be exhausted, or an alarm of a resource was raised: somebody thought it worth one."""
    if clue.finding.source is Source.ALARMS:
        return clue.bad and clue.own and clue.kind in RESOURCES
    return clue.bad and clue.strength >= 1.0 and clue.kind in WAITING and clue.finding.source is Source.KPIS


def _deciding_change(clues: Sequence[Clue]) -> Clue | None:
    """A change made just before explains the rest of what a service shows, if it is known what kind of change that was."""
    change = next((c for c in clues if c.finding.kind is FindingKind.RECENT_CHANGE), None)
    return None if change is None or change.kind is CauseKind.UNKNOWN else change


def _rulings(
    clues: Mapping[str, Sequence[Clue]], explained: Mapping[str, Explanation], ordered: Sequence[str]
) -> tuple[Ruling, ...]:
    """Services with symptoms of their own that another explains, other than the first-ranked."""
    return tuple(
        Ruling(
            service=service,
            reason=_ruled_out(explained[service], clues[service]),
            findings=tuple(dict.fromkeys(c.finding.subject for c in clues[service][:_CITED])),
        )
        for service in ordered[1:]
        if service in explained and explained[service].share >= _RULED_OUT_SHARE
    )


def _ruled_out(explanation: Explanation, clues: Sequence[Clue]) -> str:
    service, tie = explanation.service, f"it {explanation.tie} {explanation.by}"
    if not has_symptoms(clues):
        return f"{service} is hardly off its normal range, and {tie}, which accounts for that"
    return f"{service} shows symptoms, but {tie}, which accounts for {percent(explanation.share)} of them"


def _coverage(findings: Iterable[Finding]) -> dict[Source, bool]:
    covered: dict[Source, bool] = {}
    for finding in findings:
        had = finding.kind not in {FindingKind.NO_DATA, FindingKind.UNREACHABLE}
        covered[finding.source] = covered.get(finding.source, False) or had
    return covered
