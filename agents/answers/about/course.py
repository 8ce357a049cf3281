"""What happened when, and what was changed."""

from __future__ import annotations

from collections.abc import Collection

from agents.analysis.findings import FindingKind, Source
from agents.answers.about.kind import shows
from agents.answers.material import Material
from agents.answers.question import Asked, Span
from agents.answers.reply import Sentence, said
from schemas.events.evidence import Evidence

__all__ = ["about_changes", "about_course", "about_onsets"]

_MOST = 12
_RETOLD = frozenset({FindingKind.METRIC_ALARM, FindingKind.SYMPTOM, FindingKind.PAST_INCIDENT})


def about_course(services: Collection[str], span: Span | None, material: Material) -> list[Sentence]:
    """Return what began when, in order; of the services and the time that are given. Without either, the report's timeline."""
    if not services and span is None:
        told = [
            said(f"{entry.at:%H:%M:%S} {entry.what}", entry.evidence_id)
            for entry in material.report.timeline
            if entry.evidence_id in material.by_id
        ]
        if told:
            return told
    return [
        said(f"{one.onset:%H:%M:%S} {one.statement}", one.event_id)
        for one in _dated(services, span, material)[:_MOST]
    ]


def about_onsets(asked: Asked, material: Material) -> list[Sentence]:
    """Return when the measurements or the kinds of trouble that are named began to show, at the services and in the time given."""
    return [
        said(f"{one.onset:%H:%M:%S} {one.statement}", one.event_id)
        for one in _dated(asked.services, asked.span, material)
        if one.indicator in asked.indicators or any(shows(one, kind) for kind in asked.kinds)
    ]


def about_changes(services: Collection[str], span: Span | None, material: Material) -> list[Sentence]:
    """Return the changes that were seen, in order; where there were none, that it was looked for."""
    seen = [one for one in material.evidence if one.step == Source.CHANGES]
    made = [one for one in seen if one.kind == FindingKind.RECENT_CHANGE]
    wanted = [one for one in made if _wanted(one, services, span)]
    if wanted:
        return [said(one.statement, one.event_id) for one in sorted(wanted, key=_order)]
    none = [one for one in seen if one.kind != FindingKind.RECENT_CHANGE]
    if none:
        return [said(one.statement, one.event_id) for one in none[:1]]
    if made and services:
        words = f"No change of {', '.join(sorted(services))} was seen: those that were seen are of others"
        return [said(words, *(one.event_id for one in made))]
    return []


def _dated(services: Collection[str], span: Span | None, material: Material) -> list[Evidence]:
    dated = [
        one
        for one in material.evidence
        if one.onset is not None and one.kind not in _RETOLD and _wanted(one, services, span)
    ]
    return sorted(dated, key=_order)


def _wanted(one: Evidence, services: Collection[str], span: Span | None) -> bool:
    return (not services or one.service in services) and (span is None or span.holds(one.onset))


def _order(one: Evidence) -> tuple[float, str]:
    return (one.onset.timestamp() if one.onset else 0.0, one.event_id)
