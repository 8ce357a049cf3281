"""What a claim must show before it is published: evidence that exists, says so, and is not explained from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.analysis.calibration import UNTIED
from agents.analysis.findings import CauseKind, Source
from agents.investigation.claim_checks import flaw, shown_kind, told
from agents.investigation.state import Claim
from agents.investigation.support import CODE, Findings, accuses, explained_by, support_of
from schemas.events.evidence import Evidence

__all__ = ["CALIBRATED", "CODE", "Findings", "Verified", "accuses", "cap", "verified"]

# What a model may add to what the statistics believe of a service.
_TRUST = 0.2
# By how many kinds of sources agree: one can be wrong by itself.
_CAPS = {1: 0.8, 2: 0.92}
_CAP = 0.97
_ONE_FINDING = 0.7
_BLIND = 0.75
# The statistics' own confidence is calibrated on such evidence as it is: it needs no cap but that nobody is sure.
CALIBRATED = 0.97


@dataclass(frozen=True, slots=True)
class Verified:
    claims: tuple[Claim, ...]
    rejected: tuple[str, ...]
    """`author: service: why`, of each claim that did not pass."""


def verified(claims: Sequence[Claim], findings: Findings) -> Verified:
    """Return the claims that pass, best first, one a service; the confidence of each is capped by its support.

    What the statistics believe of a service is calibrated, and may be claimed of it whatever the cap.
    Where two authors accuse the same service, the first one's words stand, on the evidence of both, and a model makes the code
    no less sure. A model's claim comes before the code's only on more evidence than the code's.
    """
    passed: dict[str, Claim] = {}
    order: list[str] = []
    rejected: list[str] = []
    for claim in claims:
        checked = _checked(claim, findings)
        if not isinstance(checked, Claim):
            rejected.append(f"{claim.author}: {claim.service}: {checked}")
            continue
        known = passed.get(claim.service)
        passed[claim.service] = checked if known is None else _joined(known, checked)
        if claim.author in CODE:
            order.append(claim.service)
    capped = {service: _capped(claim, findings) for service, claim in passed.items()}
    return Verified(tuple(_ordered(capped, tuple(dict.fromkeys(order)), findings)), tuple(rejected))


def _ordered(claims: dict[str, Claim], by_code: Sequence[str], findings: Findings) -> list[Claim]:
    """The order of the code; each that only a model names goes before those that it may overrule."""
    ordered = [claims[service] for service in by_code]
    alone = sorted((c for s, c in claims.items() if s not in by_code), key=lambda one: -one.confidence)
    for claim in alone:
        place = next((n for n, one in enumerate(ordered) if _overrules(claim, one, findings)), len(ordered))
        ordered.insert(place, claim)
    first = next(iter(claims.values()), None)
    if first is not None and ordered and first.author not in CODE and _overrules(first, ordered[0], findings):
        ordered = [first, *(one for one in ordered if one is not first)]
    return ordered


def _overrules(claim: Claim, other: Claim, findings: Findings) -> bool:
    """Whether a model's claim goes before another: it is as sure, and more speaks for it, or it explains the other.

    That a model says so is no evidence: what is counted is all that was found against either, cited or not.
    """
    if claim.author in CODE or claim.service == other.service or claim.confidence < other.confidence:
        return False
    more = len(_sources(claim, findings)) > len(_sources(other, findings))
    return more or explained_by(other.service, findings) == claim.service


def _sources(claim: Claim, findings: Findings) -> set[str]:
    return {one.step for one in support_of(claim, findings.evidence, findings.topology)}


def _joined(first: Claim, second: Claim) -> Claim:
    ids = tuple(dict.fromkeys((*first.evidence_ids, *second.evidence_ids)))
    sure = (
        max(first.confidence, second.confidence) if _by_model_then_code(first, second) else first.confidence
    )
    changed = {
        "evidence_ids": ids,
        "indicator": first.indicator or second.indicator,
        "kind": second.kind if first.kind is CauseKind.UNKNOWN else first.kind,
        "confidence": sure,
    }
    return first.model_copy(update=changed)


def _by_model_then_code(first: Claim, second: Claim) -> bool:
    return first.author not in CODE and second.author in CODE


def _capped(claim: Claim, findings: Findings) -> Claim:
    cited = [one for one in findings.evidence if one.event_id in claim.evidence_ids]
    support = support_of(claim, cited, findings.topology)
    believed = min(_trusted(support), (findings.believed or {}).get(claim.service, 0.0))
    top = max(cap(support, findings.covered), believed)
    tie = UNTIED if claim.service in findings.untied else 1.0
    sure = min(claim.confidence, top, tie, _believable(claim, findings))
    return claim.model_copy(update={"confidence": sure})


def _trusted(support: Sequence[Evidence]) -> float:
    """How far the statistics' own confidence goes: of one that nothing is measured of, others alone speak."""
    return _BLIND if {one.step for one in support} == {Source.TOPOLOGY} else CALIBRATED


def cap(support: Sequence[Evidence], covered: frozenset[Source]) -> float:
    """Return the highest confidence that this evidence can carry; without measurements it is never high."""
    agreeing = len({one.step for one in support})
    top = _ONE_FINDING if len(support) == 1 else _CAPS.get(agreeing, _CAP)
    return top if Source.KPIS in covered else min(top, _BLIND)


def _checked(claim: Claim, findings: Findings) -> Claim | str:
    """The claim as it may be published, or why it may not."""
    known = {one.event_id: one for one in findings.evidence}
    ids = tuple(dict.fromkeys(i for i in claim.evidence_ids if i in known))
    cited = [known[i] for i in ids]
    if not cited:
        return "it cites no existing evidence"
    support = support_of(claim, cited, findings.topology)
    if not support:
        return "what it cites says nothing against this service"
    ruled = next((ruling for ruling in findings.rulings if ruling.service == claim.service), None)
    if ruled is not None and claim.author != "memory":
        return f"it was ruled out: {ruled.reason}"
    wrong = "" if claim.author in CODE else flaw(claim, cited, support, findings)
    if wrong:
        return wrong
    changed = {
        "evidence_ids": ids,
        "statement": told(claim, cited, support, findings),
        "kind": shown_kind(claim, support, findings),
    }
    return claim.model_copy(update=changed)


def _believable(claim: Claim, findings: Findings) -> float:
    """How sure a model may be: little more than the statistics, which believe nothing of whom they do not rank."""
    if claim.author in CODE or findings.believed is None:
        return 1.0
    return min(1.0, findings.believed.get(claim.service, 0.0) + _TRUST)
