"""The report in the form of a postmortem: what is known is filled in, what only people know is left to them and marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.events.evidence import Evidence
from schemas.events.report import Feedback, Report, ReportedCause, TimelineEntry, Verdict
from schemas.pages.blocks import (
    Blank,
    Block,
    Cite,
    Document,
    Entry,
    Facts,
    Line,
    Moment,
    Paragraph,
    Plain,
    Section,
    Strong,
)
from schemas.pages.full import alarm_words, eyebrow
from schemas.pages.labels import labels
from schemas.pages.parts import (
    against_section,
    began,
    cause_entries,
    cleared,
    clickable,
    evidence_section,
    foot,
    listed,
    path_section,
    pictures,
    plain,
    step_entries,
    timeline_section,
)
from schemas.pages.said import said_section
from schemas.pages.words import bare_headline, day, kind_words, many, span

__all__ = ["postmortem"]

_CHANGE = "recent_change"
_BY_CHANGE = frozenset({"deploy", "config"})


def postmortem(report: Report, evidence: Sequence[Evidence], said: Sequence[Feedback] = ()) -> Document:
    """Return the page."""
    names = labels(report)
    since = began(report) or report.started_at
    return Document(
        investigation_id=report.investigation_id,
        verdict=report.verdict,
        eyebrow=f"Postmortem, draft, {day(since)}",
        title=bare_headline(report),
        top=(Facts((("Finding", plain(eyebrow(report))), *_known(report))),),
        sections=tuple(section for section in _sections(report, evidence, said, names) if section.blocks),
        foot=foot(report),
        labels=names,
        shown=frozenset(one.event_id for one in evidence),
    )


def _known(report: Report) -> tuple[tuple[str, Line], ...]:
    since = began(report)
    begun: tuple[tuple[str, Line], ...] = (("Began", (Moment(since, dated=True),)),) if since else ()
    return (*begun, ("Ended", (Plain("open"),)), ("Author", (Plain("open"),)))


def _sections(
    report: Report, evidence: Sequence[Evidence], said: Sequence[Feedback], names: Mapping[str, str]
) -> tuple[Section, ...]:
    return (
        Section("Summary", _summary(report, names)),
        Section("Impact", _impact(report)),
        timeline_section(report, _watched(report)),
        Section("Root cause", _root(report, evidence)),
        against_section(report),
        path_section(report, "From the cause to the alarm"),
        Section("Contributing factors and triggers", _factors(report, evidence)),
        Section("Detection", _detection(report)),
        Section(
            "Resolution", (Blank("What ended it, when, and who did it. The investigation did not see this."),)
        ),
        Section("Lessons", _lessons(report)),
        Section("Action items", _actions(report, names)),
        Section("What was ruled out", listed(cleared(report.ruled_out))),
        said_section(said),
        evidence_section(report, evidence, names),
    )


def _summary(report: Report, names: Mapping[str, str]) -> tuple[Block, ...]:
    told = tuple(Paragraph(clickable(part, names)) for part in report.summary.split("\n\n") if part.strip())
    return told or (Paragraph(plain(bare_headline(report))),)


def _impact(report: Report) -> tuple[Block, ...]:
    seen: tuple[Block, ...] = (
        (Paragraph(plain(f"Seen by the monitoring: {alarm_words(report)}.")),)
        if report.alarm_count or report.services
        else ()
    )
    return (*seen, Blank("Who could not do what, how many, and for how long."))


def _watched(report: Report) -> tuple[TimelineEntry, ...]:
    """Our own part in the story."""
    alarm = (
        (TimelineEntry(at=report.alarmed_at, service="", what="The first alarm of the incident"),)
        if report.alarmed_at
        else ()
    )
    return (
        *alarm,
        TimelineEntry(at=report.started_at, service="", what="The investigation began"),
        TimelineEntry(at=report.finished_at, service="", what="The report was written"),
    )


def _root(report: Report, evidence: Sequence[Evidence]) -> tuple[Block, ...]:
    entries = cause_entries(report, evidence)
    if report.verdict is Verdict.CAUSE_FOUND and entries:
        return (*listed(entries[:1]), *pictures(report))
    unknown = Paragraph(plain("The investigation did not settle it."))
    return (
        unknown,
        *listed(entries, "number"),
        *pictures(report),
        Blank("The root cause, once it is known."),
    )


def _factors(report: Report, evidence: Sequence[Evidence]) -> tuple[Block, ...]:
    """Changes that came before, and what else was abnormal and not ruled out."""
    rest = report.causes[1:] if report.verdict is Verdict.CAUSE_FOUND else ()
    entries = (*_triggers(report, evidence), *(_also(cause) for cause in rest))
    return (*listed(entries), Blank("What else made it possible, or worse."))


def _triggers(report: Report, evidence: Sequence[Evidence]) -> tuple[Entry, ...]:
    since = began(report)
    changes = [
        one
        for one in evidence
        if one.kind == _CHANGE and one.onset is not None and (since is None or one.onset <= since)
    ]
    if changes:
        accused = bool(report.causes) and report.causes[0].kind in _BY_CHANGE
        word = "Trigger" if accused and report.verdict is Verdict.CAUSE_FOUND else "Changed shortly before"
        return tuple(
            Entry((Strong(word), Plain(f": {one.statement} "), Cite((one.event_id,)))) for one in changes
        )
    if not any(one.step == "changes" for one in evidence):
        return ()
    return (Entry(plain("No change shortly before was found.")),)


def _also(cause: ReportedCause) -> Entry:
    head = f"{cause.service}, {kind_words(cause.kind)}: {cause.statement} "
    return Entry((Strong("Also abnormal"), Plain(f": {head}"), Cite(cause.evidence_ids)))


def _detection(report: Report) -> tuple[Block, ...]:
    lines: list[Line] = []
    if report.alarmed_at:
        lines.append(
            (Plain("The first alarm came at "), Moment(report.alarmed_at), Plain(f"{_delay(report)}."))
        )
    took = span(report.finished_at - report.started_at)
    at: Line = (Plain("The investigation began at "), Moment(report.started_at), Plain(f" and took {took}; "))
    lines.append((*at, Plain(f"it looked at {many(report.evidence_count, 'finding')}.")))
    return (*(Paragraph(line) for line in lines), Blank("Who noticed first, and how."))


def _delay(report: Report) -> str:
    if report.began_at is None or report.alarmed_at is None:
        return ""
    late = report.alarmed_at - report.began_at
    if late.total_seconds() < 1:
        return ", before any other sign"
    return f", {span(late)} after the first sign"


def _lessons(report: Report) -> tuple[Block, ...]:
    unseen = (*([report.partial] if report.partial else []), *report.missing)
    gaps = tuple(Entry((Strong("Could not be seen"), Plain(f": {item}"))) for item in unseen)
    return (*listed(gaps), Blank("What went well, what did not, where we were lucky."))


def _actions(report: Report, names: Mapping[str, str]) -> tuple[Block, ...]:
    """The next steps as tasks, and what would have to be seen."""
    seen = tuple(Entry(plain(f"Make visible what was missing: {item}")) for item in report.missing)
    tasks = (*step_entries(report.next_steps, names), *seen)
    return (*listed(tasks, "task"), Blank("Who does each of these, and by when."))
