"""The verdict: what it is, how sure, what else it could be, whom it hit, what to do, what is missing, what was known before."""

from __future__ import annotations

from agents.analysis.findings import FindingKind, Source
from agents.answers.material import Material, accusing
from agents.answers.reply import Sentence, said
from schemas.events.report import RuledOut
from schemas.pages.words import many, percent

__all__ = [
    "about_cause",
    "about_certainty",
    "about_cleared",
    "about_missing",
    "about_next",
    "about_past",
    "about_reasons",
    "about_spread",
]

_MOST = 6
_GAPS = frozenset({FindingKind.NO_DATA, FindingKind.UNREACHABLE, FindingKind.MISSING_DATA})


def about_cause(material: Material) -> list[Sentence]:
    """Return the verdict and what it rests on."""
    report, ground = material.report, material.grounds()
    if not ground:
        return []
    words = [said(f"{report.verdict.value.replace('_', ' ')}: {report.headline}", *ground)]
    suspects = report.causes[:1] if material.cause else report.causes
    return words + [
        said(one.statement, *ids) for one in suspects if (ids := material.known(one.evidence_ids))
    ]


def about_reasons(material: Material) -> list[Sentence]:
    """Return the evidence behind the first cause; where there is none, behind the verdict."""
    ids = material.grounds()[:_MOST]
    return [said(material.by_id[i].statement, i) for i in ids]


def about_certainty(material: Material) -> list[Sentence]:
    """Return how sure the report is, of what, and on how many legs that stands."""
    report, ground = material.report, material.grounds()
    if not ground:
        return []
    legs = sorted({material.by_id[i].step for i in ground})
    basis = f"{many(len(ground), 'finding')} from {', '.join(legs)}"
    if report.confidence is None:
        first = said(
            f"The report gives no confidence: its verdict is {report.verdict.value}, by {basis}", *ground
        )
    else:
        what = f"that it is {material.cause.service}" if material.cause else f"of {report.verdict.value}"
        first = said(f"The report is {percent(report.confidence)} sure {what}, by {basis}", *ground)
    rivals = [
        said(f"Next comes {one.service}, {percent(one.confidence)} sure: {one.statement}", *ids)
        for one in report.causes[1:]
        if one.confidence is not None and (ids := material.known(one.evidence_ids))
    ]
    return [first, *rivals, *_gaps(material)]


def about_cleared(material: Material) -> list[Sentence]:
    """Return who was ruled out and why, and who else is suspected."""
    cleared = [
        said(f"{one.service} was ruled out: {one.reason}", *ids)
        for one in material.report.ruled_out
        if (ids := _of(one, material))
    ]
    others = [
        said(f"{one.service} is suspected, too: {one.statement}", *ids)
        for one in material.report.causes[1:]
        if (ids := material.known(one.evidence_ids))
    ]
    return [*cleared, *others]


def about_spread(material: Material) -> list[Sentence]:
    """Return whom it hit: who raised alarms, and who shows symptoms of another's trouble."""
    hit = [
        one
        for one in material.evidence
        if one.kind in {FindingKind.ALARM_STORM, FindingKind.SYMPTOM, FindingKind.UPSTREAM_ANOMALY}
    ]
    alarms = [
        one for one in material.evidence if one.step == Source.ALARMS and one.kind == FindingKind.METRIC_ALARM
    ]
    return [said(one.statement, one.event_id) for one in [*hit, *alarms][: 2 * _MOST]]


def about_next(material: Material) -> list[Sentence]:
    """Return what the report advises, in its order: the safest first."""
    ground = material.grounds()
    if not ground:
        return []
    steps = material.report.next_steps[:_MOST]
    return [
        said(f"{n}. {step.action}", *ground[:3], query=step.query) for n, step in enumerate(steps, start=1)
    ]


def about_missing(material: Material) -> list[Sentence]:
    """Return what could not be seen; where the report misses nothing, that."""
    gaps, ground = _gaps(material), material.grounds()
    if gaps or not ground:
        return gaps
    return [said("The report misses nothing that it looked for", *ground[:3])]


def about_past(material: Material) -> list[Sentence]:
    """Return what was known before: an earlier answer, incidents alike, runbooks."""
    known = [one for one in material.evidence if one.step == Source.KNOWLEDGE]
    return [said(one.statement, one.event_id) for one in known[:_MOST]]


def _gaps(material: Material) -> list[Sentence]:
    """What the report misses, by the findings that say so; of what came too late there is no finding but the others."""
    ground, absent = (
        material.grounds(),
        {one.statement: one for one in material.evidence if one.kind in _GAPS},
    )
    told = [
        said(text, absent[text].event_id) if text in absent else said(text, *ground[:3])
        for text in material.report.missing
        if text in absent or ground
    ]
    return told[:_MOST]


def _of(one: RuledOut, material: Material) -> tuple[str, ...]:
    own = [found.event_id for found in material.of_service(one.service) if accusing(found)]
    return material.known(one.evidence_ids) or tuple(own[:3])
