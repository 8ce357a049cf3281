"""What speaks for or against a service in the evidence of a round: the ground that claims are checked on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agents.analysis.findings import CauseKind, FindingKind, Ruling, Source
from agents.analysis.topology import distances
from agents.investigation.state import Claim, KnownTopology
from schemas.events.evidence import Evidence

__all__ = [
    "CODE",
    "Began",
    "Findings",
    "accuses",
    "explained_by",
    "first_of",
    "onsets",
    "strengths",
    "support_of",
]

CODE = frozenset({"statistics", "memory"})
"""Authors that are code of ours: a number they cannot show costs them the sentence, not the claim."""

_MEASURED = frozenset({Source.KPIS, Source.LOGS})
_ACCUSES_NOBODY = frozenset(
    {
        FindingKind.NORMAL,
        FindingKind.ANSWER,
        FindingKind.CLOCK_AHEAD,
        FindingKind.NO_DATA,
        FindingKind.UNREACHABLE,
        FindingKind.RUNBOOK,
        FindingKind.PAST_INCIDENT,
        FindingKind.ALARM_STORM,
        FindingKind.LEARNED_CALL,
    }
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What claims are held against: the evidence of this round, and what ranking by code made of it."""

    evidence: Sequence[Evidence]
    topology: KnownTopology
    rulings: Sequence[Ruling] = ()
    covered: frozenset[Source] = frozenset()
    believed: Mapping[str, float] | None = None
    """The statistics' confidence by service."""
    kinds: Mapping[str, CauseKind] = field(default_factory=dict)
    """What the statistics call the cause, by service."""
    candidates: frozenset[str] = frozenset()
    """Who may be named as a cause; empty restricts nobody."""
    untied: frozenset[str] = frozenset()
    """Whom nothing that is known ties to the alarm."""
    alarmed: frozenset[str] = frozenset()
    """Services of the incident's alarms: any claim may speak of them."""

    @property
    def services(self) -> frozenset[str]:
        """All that the evidence, the topology or the alarms name."""
        topology = self.topology
        called = (name for targets in topology.calls.values() for name in targets)
        seen = (one.service for one in self.evidence if one.service)
        placed = (*topology.instance_of, *topology.instance_of.values(), *topology.hosted_on.values())
        return frozenset([*self.alarmed, *topology.nodes, *topology.calls, *called, *seen, *placed])


@dataclass(frozen=True, slots=True)
class Began:
    """Unix seconds: the best guess, and between when it was as far as the samples tell."""

    at: float
    earliest: float
    latest: float

    def surely_before(self, other: Began, by_s: float = 0.0) -> bool:
        """Whether this was earlier whatever the samples leave open, and by so much as far as can be told."""
        return other.earliest >= self.latest and other.at > self.at and other.at - self.at >= by_s


def accuses(evidence: Evidence) -> bool:
    """Return whether the evidence says anything against its service."""
    return bool(evidence.service) and FindingKind(evidence.kind) not in _ACCUSES_NOBODY


def support_of(claim: Claim, cited: Sequence[Evidence], topology: KnownTopology) -> list[Evidence]:
    """Return what of the cited evidence speaks against the service, an instance of it, or what runs on it."""
    return [one for one in cited if accuses(one) and _is_part(one.service, claim.service, topology)]


def _is_part(name: str, whole: str, topology: KnownTopology) -> bool:
    return whole in {name, topology.instance_of.get(name), topology.hosted_on.get(name)}


def explained_by(service: str, findings: Findings) -> str:
    """Return a service that this one calls, directly or not, and that was abnormal earlier; empty if there is none.

    One of which the samples leave no doubt comes before any other.
    """
    since = onsets(findings.evidence)
    if service not in since:
        return ""
    own, reached = since[service], distances(findings.topology.signal(), service)
    earlier = [s for s in reached if s != service and s in since and since[s].at < own.at]
    sure = [s for s in earlier if since[s].surely_before(own)]
    return first_of(sure or earlier, since, findings.evidence)


def first_of(services: Sequence[str], since: Mapping[str, Began], evidence: Sequence[Evidence]) -> str:
    """Return who of them began first, of equal ones who shows most; empty of none. A name decides between equals alone."""
    shown = strengths(evidence)
    return min(services, key=lambda s: (since[s].at, -shown.get(s, 0.0), s), default="")


def strengths(evidence: Sequence[Evidence]) -> dict[str, float]:
    """Return the score of the strongest measurement against each service."""
    found: dict[str, float] = {}
    for one in evidence:
        if one.step in _MEASURED and accuses(one):
            found[one.service] = max(found.get(one.service, 0.0), one.score or 0.0)
    return found


def onsets(evidence: Sequence[Evidence]) -> dict[str, Began]:
    """Return when each service was first abnormal, by what was measured."""
    found: dict[str, Began] = {}
    for one in evidence:
        measured = one.step in _MEASURED and accuses(one) and (one.score or 0.0) >= 1.0
        if measured and one.onset is not None:
            began = _began(one, one.onset.timestamp())
            known = found.get(one.service, began)
            found[one.service] = Began(
                min(known.at, began.at), min(known.earliest, began.earliest), min(known.latest, began.latest)
            )
    return found


def _began(one: Evidence, at: float) -> Began:
    data = json.loads(one.data)
    early, late = (float(data.get(name) or 0.0) for name in ("onset_early_s", "onset_late_s"))
    return Began(at, at - early, at + late)
