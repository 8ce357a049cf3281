"""Was it this service, and why not?"""

from __future__ import annotations

from collections.abc import Sequence

from agents.analysis.findings import FindingKind
from agents.answers.material import Material, accusing, measured
from agents.answers.reply import Sentence, said
from schemas.events.evidence import Evidence
from schemas.pages.words import percent

__all__ = ["about_service"]

_MOST = 4


def about_service(service: str, material: Material) -> list[Sentence]:
    """Return what the report says of the service, what was found at it, and how that stands to the cause."""
    verdict = [*_named(service, material), *_cleared(service, material)]
    found = _found(service, material)
    if verdict:
        return [*verdict, *_not_told(found, verdict)]
    return [*found, *_beside_cause(service, material)]


def _named(service: str, material: Material) -> list[Sentence]:
    """Its place among the causes, if it has one."""
    causes, cause = material.report.causes, material.cause
    place = next((number for number, one in enumerate(causes) if one.service == service), None)
    if place is None or not (ids := material.known(causes[place].evidence_ids)):
        return []
    one = causes[place]
    sure = "" if one.confidence is None else f", {percent(one.confidence)} sure"
    if cause is not None and place == 0:
        return [said(f"{service} is the cause that the report names{sure}: {one.statement}", *ids)]
    behind = f" behind {causes[0].service}" if place else ""
    return [
        said(
            f"{service} is a suspect{behind}, number {place + 1} of {len(causes)}{sure}: {one.statement}",
            *ids,
        )
    ]


def _cleared(service: str, material: Material) -> list[Sentence]:
    return [
        said(f"{service} was ruled out: {one.reason}", *ids)
        for one in material.report.ruled_out
        if one.service == service and (ids := material.known(one.evidence_ids) or _ids(service, material))
    ]


def _ids(service: str, material: Material) -> tuple[str, ...]:
    return tuple(one.event_id for one in material.of_service(service)[:3])


def _found(service: str, material: Material) -> list[Sentence]:
    """What was found at it, the strongest first; where nothing was out of range, that."""
    own = material.of_service(service)
    loud = sorted((one for one in own if accusing(one)), key=lambda one: (-(one.score or 0.0), one.event_id))
    calm = [one for one in own if one.kind == FindingKind.NORMAL]
    silent = [one for one in own if one.kind in {FindingKind.NO_DATA, FindingKind.UNREACHABLE}]
    shown = loud[:_MOST] or calm[:1] or silent[:1] or list(own[:_MOST])
    return [said(one.statement, one.event_id) for one in shown]


def _not_told(found: Sequence[Sentence], before: Sequence[Sentence]) -> list[Sentence]:
    """What the verdict has not said already."""
    told = " ".join(one.text for one in before)
    return [one for one in found if one.text.rstrip(".") not in told]


def _beside_cause(service: str, material: Material) -> list[Sentence]:
    """How the service stands to the cause, which it is not: later, weaker, or calm."""
    cause, first = material.cause, _first(material.of_service(service))
    if cause is None or cause.service == service:
        return []
    theirs = _first(material.of_service(cause.service))
    ground = material.known(cause.evidence_ids)
    if first is None or theirs is None:
        words = f"The report names {cause.service} instead: {cause.statement}"
        return [said(words, *ground)] if ground else []
    assert first.onset is not None
    assert theirs.onset is not None
    late = (first.onset - theirs.onset).total_seconds()
    order = (
        f"{late:.0f} s after" if late > 0 else f"{-late:.0f} s before" if late < 0 else "at the same time as"
    )
    return [
        said(
            f"It is neither named nor ruled out: it first left its normal range at {first.onset:%H:%M:%S}, {order} "
            f"{cause.service}, which the report names",
            first.event_id,
            theirs.event_id,
            *ground,
        )
    ]


def _first(evidence: Sequence[Evidence]) -> Evidence | None:
    """The earliest notable thing that was measured."""
    dated = [one for one in evidence if accusing(one) and measured(one) and one.onset is not None]
    return min(dated, key=lambda one: (one.onset, one.event_id), default=None)
