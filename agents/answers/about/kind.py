"""Was it the network, the CPU, the load? What do the logs say?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from agents.analysis.findings import CauseKind, FindingKind, Source
from agents.analysis.metrics import nature_of
from agents.answers.material import Material, accusing
from agents.answers.reply import Sentence, said
from schemas.events.evidence import Evidence

__all__ = ["about_indicator", "about_kind", "about_source", "shows"]

_MOST = 5
_SHOWN_BY: Mapping[CauseKind, frozenset[str]] = {
    CauseKind.ERRORS: frozenset({FindingKind.ERROR_BURST, FindingKind.CALL_FAILURES}),
    CauseKind.LATENCY: frozenset({FindingKind.CALL_LATENCY}),
    CauseKind.SATURATION: frozenset({FindingKind.SATURATION}),
}


def about_kind(kind: CauseKind, services: Collection[str], material: Material) -> list[Sentence]:
    """Return what was seen of this kind of trouble, at the services where some are given, the strongest first."""
    seen = [
        one for one in material.evidence if shows(one, kind) and (not services or one.service in services)
    ]
    loud = _strongest(one for one in seen if accusing(one))
    cause = material.cause
    if cause is not None and cause.kind == kind and not (services and cause.service not in services):
        ids = material.known(cause.evidence_ids)
        named = (
            [said(f"Yes: {cause.service} is named for {kind.value}: {cause.statement}", *ids)] if ids else []
        )
        return [*named, *_told(loud)]
    if loud:
        instead = _instead(kind, material)
        return [*_told(loud), *instead]
    return _told(seen[:_MOST])


def about_source(source: Source, services: Collection[str], material: Material) -> list[Sentence]:
    """Return what was found in one source, the strongest first."""
    seen = [
        one for one in material.evidence if one.step == source and (not services or one.service in services)
    ]
    return _told(_strongest(seen))


def about_indicator(indicator: str, services: Collection[str], material: Material) -> list[Sentence]:
    """Return what was found in one measurement."""
    seen = [one for one in material.evidence if one.indicator == indicator]
    return _told(_strongest(one for one in seen if not services or one.service in services))


def _instead(kind: CauseKind, material: Material) -> list[Sentence]:
    """That the report names another kind of trouble, although this was seen, too."""
    cause = material.cause
    if cause is None or not (ids := material.known(cause.evidence_ids)):
        return []
    words = f"Named is {cause.service} for {cause.kind}, not {kind.value}: {cause.statement}"
    return [said(words, *ids)]


def shows(one: Evidence, kind: CauseKind) -> bool:
    """Whether the finding is about this kind of trouble."""
    if one.kind in _SHOWN_BY.get(kind, ()):
        return True
    return bool(one.indicator) and nature_of(one.indicator).kind == kind


def _strongest(seen: Iterable[Evidence]) -> list[Evidence]:
    return sorted(seen, key=lambda one: (-(one.score or 0.0), one.event_id))[:_MOST]


def _told(seen: Collection[Evidence]) -> list[Sentence]:
    return [said(one.statement, one.event_id) for one in seen]
