"""What a claim must show before it is published: evidence that exists, says so, and is not explained from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.analysis.findings import FindingKind, Ruling, Source
from agents.analysis.topology import distances
from agents.investigation.figures import Figures, unsupported
from agents.investigation.state import Claim, KnownTopology
from schemas.events.evidence import Evidence

__all__ = ["CODE", "Findings", "Verified", "accuses", "cap", "verified"]

CODE = frozenset({"statistics", "memory"})
"""Authors that are code of ours: a number they cannot show costs them the sentence, not the claim."""

_ACCUSES_NOBODY = frozenset(
    {
        FindingKind.NORMAL,
        FindingKind.NO_DATA,
        FindingKind.UNREACHABLE,
        FindingKind.RUNBOOK,
        FindingKind.PAST_INCIDENT,
        FindingKind.ALARM_STORM,
    }
)
# What a model may add to what the statistics believe of a service.
_TRUST = 0.2
_UNRANKED = 0.5
# By how many kinds of sources agree: one can be wrong by itself.
_CAPS = {1: 0.8, 2: 0.92}
_CAP = 0.97
_ONE_FINDING = 0.7
_BLIND = 0.75


@dataclass(frozen=True, slots=True)
class Findings:
    """What claims are held against: the evidence of this round, and what ranking by code made of it."""

    evidence: Sequence[Evidence]
    topology: KnownTopology
    rulings: Sequence[Ruling] = ()
    covered: frozenset[Source] = frozenset()
    believed: Mapping[str, float] | None = None
    """The statistics' confidence by service."""


@dataclass(frozen=True, slots=True)
class Verified:
    claims: tuple[Claim, ...]
    rejected: tuple[str, ...]
    """`author: service: why`, of each claim that did not pass."""


def verified(claims: Sequence[Claim], findings: Findings) -> Verified:
    """Return the claims that pass, in their order, one a service; the confidence of each is capped by its support.

    Where two authors accuse the same service, the first one's words stand, on the evidence of both.
    """
    passed: dict[str, Claim] = {}
    rejected: list[str] = []
    for claim in claims:
        checked = _checked(claim, findings)
        if not isinstance(checked, Claim):
            rejected.append(f"{claim.author}: {claim.service}: {checked}")
        elif claim.service not in passed:
            passed[claim.service] = checked
        else:
            passed[claim.service] = _joined(passed[claim.service], checked)
    capped = [_capped(claim, findings) for claim in passed.values()]
    return Verified(tuple(_ordered(capped)), tuple(rejected))


def _ordered(claims: Sequence[Claim]) -> Sequence[Claim]:
    """The order of the code; a model may put its own first only where the confidences are near each other."""
    if all(claim.author in CODE for claim in claims):
        return claims
    return sorted(claims, key=lambda one: -(one.confidence + (0.0 if one.author in CODE else _TRUST)))


def _joined(first: Claim, second: Claim) -> Claim:
    ids = tuple(dict.fromkeys((*first.evidence_ids, *second.evidence_ids)))
    return first.model_copy(update={"evidence_ids": ids, "indicator": first.indicator or second.indicator})


def _capped(claim: Claim, findings: Findings) -> Claim:
    cited = [one for one in findings.evidence if one.event_id in claim.evidence_ids]
    top = cap(_support(claim, cited, findings.topology), findings.covered)
    return claim.model_copy(update={"confidence": min(claim.confidence, top, _believable(claim, findings))})


def _support(claim: Claim, cited: Sequence[Evidence], topology: KnownTopology) -> list[Evidence]:
    """What of the cited evidence speaks against the service, an instance of it, or what runs on it."""
    return [one for one in cited if accuses(one) and _is_part(one.service, claim.service, topology)]


def _is_part(name: str, whole: str, topology: KnownTopology) -> bool:
    return whole in {name, topology.instance_of.get(name), topology.hosted_on.get(name)}


def accuses(evidence: Evidence) -> bool:
    """Return whether the evidence says anything against its service."""
    return bool(evidence.service) and FindingKind(evidence.kind) not in _ACCUSES_NOBODY


def cap(support: Sequence[Evidence], covered: frozenset[Source]) -> float:
    """Return the highest confidence that this evidence can carry; without measurements it is never high."""
    agreeing = len({one.step for one in support})
    top = _ONE_FINDING if len(support) == 1 else _CAPS.get(agreeing, _CAP)
    return top if Source.KPIS in covered else min(top, _BLIND)


def _checked(claim: Claim, findings: Findings) -> Claim | str:
    """The claim as it may be published, or why it may not."""
    known = {one.event_id: one for one in findings.evidence}
    cited = tuple(dict.fromkeys(i for i in claim.evidence_ids if i in known))
    if not cited:
        return "it cites no existing evidence"
    support = _support(claim, [known[i] for i in cited], findings.topology)
    if not support:
        return "what it cites says nothing against this service"
    ruled = next((ruling for ruling in findings.rulings if ruling.service == claim.service), None)
    if ruled is not None and claim.author != "memory":
        return f"it was ruled out: {ruled.reason}"
    if claim.author not in CODE:
        flaw = _flaw(claim, [known[i] for i in cited], findings)
        if flaw:
            return flaw
    told = _told(claim, [known[i] for i in cited], support)
    return claim.model_copy(update={"evidence_ids": cited, "statement": told})


def _flaw(claim: Claim, cited: Sequence[Evidence], findings: Findings) -> str:
    """What is wrong with a model's claim; empty if nothing."""
    deeper = _explained_by(claim.service, findings)
    if deeper:
        return f"it is downstream of {deeper}, which was abnormal before it"
    if claim.indicator and not _named(claim.indicator, cited):
        return f"what it cites does not name {claim.indicator}"
    made_up = unsupported(claim.statement, Figures(cited))
    return f"its numbers stand in no evidence: {', '.join(made_up)}" if made_up else ""


def _told(claim: Claim, cited: Sequence[Evidence], support: Sequence[Evidence]) -> str:
    """The claim's sentence, or where its numbers cannot be shown, that of the strongest evidence."""
    if not unsupported(claim.statement, Figures(cited)):
        return claim.statement
    return max(support, key=lambda one: (one.score or 0.0, one.event_id)).statement


def _believable(claim: Claim, findings: Findings) -> float:
    if claim.author in CODE or findings.believed is None:
        return 1.0
    return min(1.0, findings.believed.get(claim.service, _UNRANKED - _TRUST) + _TRUST)


def _named(indicator: str, cited: Sequence[Evidence]) -> bool:
    return any(
        indicator == one.indicator or indicator in one.statement or indicator in one.data for one in cited
    )


def _explained_by(service: str, findings: Findings) -> str:
    """A service that this one calls, directly or not, and that was abnormal earlier; empty if there is none.

    The one that the statistics believe most is not questioned.
    """
    onsets = _onsets(findings.evidence)
    if service not in onsets or _believed_most(service, findings):
        return ""
    reached = distances(findings.topology.signal(), service)
    earlier = [s for s in reached if s != service and s in onsets and onsets[s] < onsets[service]]
    return min(earlier, key=lambda s: (onsets[s], s), default="")


def _believed_most(service: str, findings: Findings) -> bool:
    believed = findings.believed or {}
    return service in believed and believed[service] >= max(believed.values())


def _onsets(evidence: Sequence[Evidence]) -> dict[str, float]:
    """First abnormal moment of each service, by what was measured."""
    onsets: dict[str, float] = {}
    for one in evidence:
        measured = one.step in {Source.KPIS, Source.LOGS} and accuses(one) and (one.score or 0.0) >= 1.0
        if measured and one.onset is not None:
            onsets[one.service] = min(onsets.get(one.service, float("inf")), one.onset.timestamp())
    return onsets
