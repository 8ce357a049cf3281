"""The report on one page: what to know and to do first, then why, what it looked like, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.events.evidence import Evidence
from schemas.events.report import Feedback, Report, Verdict
from schemas.pages.blocks import (
    Block,
    Document,
    Facts,
    Line,
    Moment,
    Paragraph,
    Plain,
    Section,
    Strong,
)
from schemas.pages.labels import labels
from schemas.pages.parts import (
    against_section,
    began,
    cause_entries,
    cleared,
    clickable,
    evidence_section,
    foot,
    gap_entries,
    listed,
    path_section,
    pictures,
    plain,
    step_entries,
    timeline_section,
)
from schemas.pages.said import said_in_short, said_section
from schemas.pages.words import VERDICTS, bare_headline, many, percent, sentence, span

__all__ = ["alarm_words", "eyebrow", "full"]

_NAMED = 4


def full(report: Report, evidence: Sequence[Evidence], said: Sequence[Feedback] = ()) -> Document:
    """Return the page of a report."""
    names = labels(report)
    return Document(
        investigation_id=report.investigation_id,
        verdict=report.verdict,
        eyebrow=eyebrow(report),
        title=bare_headline(report),
        top=_top(report, said, names),
        sections=tuple(section for section in _sections(report, evidence, said, names) if section.blocks),
        foot=foot(report),
        labels=names,
        shown=frozenset(one.event_id for one in evidence),
    )


def eyebrow(report: Report) -> str:
    """Return the verdict and how sure it is: `Cause found, 82 % sure`."""
    sure = "" if report.confidence is None else f", {percent(report.confidence)} sure"
    return f"{VERDICTS[report.verdict]}{sure}"


def _top(report: Report, said: Sequence[Feedback], names: Mapping[str, str]) -> tuple[Block, ...]:
    summary = tuple(
        Paragraph(clickable(part, names)) for part in report.summary.split("\n\n") if part.strip()
    )
    return (Facts(_facts(report, said, names), leading="Do first"), *summary)


def _facts(
    report: Report, said: Sequence[Feedback], names: Mapping[str, str]
) -> tuple[tuple[str, Line], ...]:
    rows = [("Where", _where(report)), ("Since", _since(report)), ("Alarms", _alarms(report))]
    rows += [("Against it", _against(report)), ("Partial", _partial(report))]
    rows.append(("Said of it", said_in_short(said)))
    if report.next_steps:
        rows.append(("Do first", clickable(report.next_steps[0].action, names)))
    return tuple(row for row in rows if row[1])


def _where(report: Report) -> Line:
    if not report.causes:
        return plain(_some(report.services))
    first = report.causes[0]
    doubt = "" if report.verdict is Verdict.CAUSE_FOUND else ", the strongest suspect"
    return (Strong(first.service), Plain(doubt))


def _since(report: Report) -> Line:
    since = began(report)
    if since is None:
        return ()
    lead = report.alarmed_at - since if report.alarmed_at else None
    if lead is None or report.began_at is None or abs(lead.total_seconds()) < 1:
        return (Moment(since, dated=True),)
    side = "before" if lead.total_seconds() > 0 else "after"
    return (Moment(since, dated=True), Plain(f", {span(lead)} {side} the first alarm"))


def _alarms(report: Report) -> Line:
    return plain(alarm_words(report)) if report.alarm_count or report.services else ()


def _against(report: Report) -> Line:
    if not report.against:
        return ()
    more = len(report.against) - 1
    return plain(f"{report.against[0]}{f' And {more} more, see below.' if more else ''}")


def _partial(report: Report) -> Line:
    return plain(sentence(report.partial)) if report.partial else ()


def alarm_words(report: Report) -> str:
    """Return how many alarms of what severity there were, and where."""
    many_alarms = many(report.alarm_count, "alarm") if report.alarm_count else "alarms"
    grade = f" ({report.severity})" if report.severity else ""
    return f"{many_alarms}{grade} on {_some(report.services)}"


def _some(services: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    named = [name for name in services if name not in {"", "-"}]
    if not named:
        return "a service that no alarm names"
    more = len(named) - _NAMED
    return f"{', '.join(named[:_NAMED])}{f' and {more} more' if more > 0 else ''}"


def _sections(
    report: Report, evidence: Sequence[Evidence], said: Sequence[Feedback], names: Mapping[str, str]
) -> tuple[Section, ...]:
    why = "Why" if report.verdict is Verdict.CAUSE_FOUND else "Suspects"
    causes = cause_entries(report, evidence)
    steps = step_entries(report.next_steps, names, causes)
    return (
        Section(why, listed(causes, "number")),
        against_section(report),
        Section("What to do, the safest first", listed(steps, "number")),
        Section("What it looked like", pictures(report)),
        path_section(report),
        timeline_section(report),
        Section("Ruled out", listed(cleared(report.ruled_out))),
        Section("What is missing", listed(gap_entries(report))),
        said_section(said),
        evidence_section(report, evidence, names),
    )
