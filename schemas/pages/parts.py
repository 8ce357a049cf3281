"""Parts that more than one form of a report has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from schemas.events.evidence import Evidence
from schemas.events.report import NextStep, Report, ReportedCause, RuledOut, TimelineEntry
from schemas.pages.blocks import (
    Block,
    Cite,
    Code,
    Entry,
    Finding,
    Line,
    Listing,
    Mark,
    Moment,
    Paragraph,
    Picture,
    Plain,
    Query,
    Section,
    Sketch,
    Strong,
    Table,
)
from schemas.pages.words import clock, day, kind_words, many, percent, sentence, span, usd, without

__all__ = [
    "against_section",
    "began",
    "cause_entries",
    "cleared",
    "clickable",
    "evidence_section",
    "foot",
    "gap_entries",
    "listed",
    "path_section",
    "pictures",
    "plain",
    "step_entries",
    "timeline_section",
]

_CITED: Final = re.compile(r"\[(E\d+(?:,\s*E\d+)*)\]")
_SHOWN: Final = 4
"""Findings that a cause shows below its sentence; the others it only cites."""


def plain(text: str) -> Line:
    return (Plain(text),)


def clickable(text: str, labels: Mapping[str, str]) -> Line:
    """Return the text with the labels it cites (`[E1, E2]`) as references."""
    ids = {label: evidence_id for evidence_id, label in labels.items()}
    parts: list[Plain | Cite] = []
    at = 0
    for found in _CITED.finditer(text):
        cited = tuple(ids[one] for one in re.split(r",\s*", found[1]) if one in ids)
        if cited:
            parts += [Plain(text[at : found.start()].rstrip() + " "), Cite(cited)]
            at = found.end()
    return tuple(part for part in (*parts, Plain(text[at:])) if not isinstance(part, Plain) or part.text)


def began(report: Report) -> datetime | None:
    """Return when it began, as far as that is known: the first sign, or else the first alarm."""
    return report.began_at or report.alarmed_at


def cause_entries(report: Report, evidence: Sequence[Evidence]) -> tuple[Entry, ...]:
    """Return the causes, each with what it cites and the query that shows it."""
    known = {one.event_id: one for one in evidence}
    return tuple(_cause(cause, known) for cause in report.causes)


def _cause(cause: ReportedCause, known: Mapping[str, Evidence]) -> Entry:
    sure = "" if cause.confidence is None else f", {percent(cause.confidence)}"
    line: Line = (
        Strong(cause.service),
        Plain(f", {kind_words(cause.kind)}{sure}: {without(cause.service, cause.statement)} "),
        Cite(cause.evidence_ids),
    )
    cited = [known[i] for i in cause.evidence_ids if i in known]
    told = [one for one in cited if one.statement not in cause.statement][:_SHOWN]
    below: list[Block] = []
    if told:
        below.append(Listing(tuple(_told(one, cause.service) for one in told)))
    query = next((one.query for one in cited if one.query), "")
    if query:
        below.append(Query(query))
    return Entry(line, tuple(below))


def _told(one: Evidence, service: str) -> Entry:
    return Entry((Plain(f"{without(service, one.statement)} "), Cite((one.event_id,))))


def against_section(report: Report) -> Section:
    """Return what speaks against the first cause."""
    return Section("What speaks against it", listed(tuple(Entry(plain(one)) for one in report.against)))


def gap_entries(report: Report) -> tuple[Entry, ...]:
    """Return what was not there, and why not all was looked at."""
    partial = (f"These findings are partial: {sentence(report.partial)}",) if report.partial else ()
    return tuple(Entry(plain(one)) for one in (*partial, *report.missing))


def step_entries(
    steps: Iterable[NextStep], labels: Mapping[str, str], above: Sequence[Entry] = ()
) -> tuple[Entry, ...]:
    """Return what to do, each with its query, where no entry above shows that already."""
    shown = {block.sql for entry in above for block in entry.below if isinstance(block, Query)}
    return tuple(
        Entry(
            clickable(step.action, labels),
            (Query(step.query),) if step.query and step.query not in shown else (),
        )
        for step in steps
    )


def pictures(report: Report) -> tuple[Block, ...]:
    return tuple(Picture(number, one) for number, one in enumerate(report.figures, start=1))


def path_section(report: Report, title: str = "From the cause to the alarm") -> Section:
    """Return the sketch, and the path in words; where no path is known, the title says no such thing."""
    if len(report.path) < 2:
        return Section("The services around it", (Sketch(report),) if report.links else ())
    words = Paragraph((Strong(report.path[0]), Plain(f" → {' → '.join(report.path[1:])}")))
    return Section(title, (words, Sketch(report)))


def timeline_section(report: Report, extra: Sequence[TimelineEntry] = ()) -> Section:
    entries = sorted((*report.timeline, *extra), key=lambda entry: entry.at)
    if not entries:
        return Section("Timeline", ())
    first = day(entries[0].at)
    dated = any(day(entry.at) != first for entry in entries)
    rows = tuple(_timed(entry, dated=dated) for entry in entries)
    return Section(f"Timeline ({first}, UTC)", (Table(("at", "service", "what"), rows),))


def _timed(entry: TimelineEntry, *, dated: bool) -> tuple[Line, ...]:
    cited: Line = (Cite((entry.evidence_id,)),) if entry.evidence_id else ()
    what = Plain(f"{_untimed(without(entry.service, entry.what), entry.at)} ")
    return (Moment(entry.at, dated),), plain(entry.service), (what, *cited)


def _untimed(what: str, at: datetime) -> str:
    """The sentence without the time that stands beside it anyway."""
    return re.sub(rf"(?:, first|,)? at {clock(at)}(?: UTC)?(?=[,.;]|$)", "", what, count=1)


def cleared(ruled_out: Iterable[RuledOut]) -> tuple[Entry, ...]:
    """Return who was ruled out; those with the same reason in one entry: a storm has many victims of one thing."""
    groups: dict[str, list[RuledOut]] = {}
    for one in ruled_out:
        groups.setdefault(without(one.service, one.reason), []).append(one)
    return tuple(
        Entry(
            (
                Strong(", ".join(one.service for one in group)),
                Plain(f": {reason if len(group) == 1 else _of_several(reason)} "),
                Cite(tuple(dict.fromkeys(i for one in group for i in one.evidence_ids))),
            )
        )
        for reason, group in groups.items()
    )


_SEVERAL: Final = (
    (re.compile(r"^shows symptoms, but it "), "show symptoms, but they "),
    (re.compile(r"^is hardly off its normal range, and it "), "are hardly off their normal range, and they "),
    (re.compile(r"\bthey (call|share|take|move)s "), r"they \1 "),
    (re.compile(r"\bthey is "), "they are "),
)


def _of_several(reason: str) -> str:
    """The reason as one says it of several services; words that code of ours did not choose stay as they are."""
    for pattern, words in _SEVERAL:
        reason = pattern.sub(words, reason, count=1)
    return reason


def evidence_section(report: Report, evidence: Sequence[Evidence], labels: Mapping[str, str]) -> Section:
    """Return the findings in full: those that are cited, by their labels, then the others, the strongest first."""
    cited = sorted(
        (one for one in evidence if one.event_id in labels), key=lambda one: _number(labels[one.event_id])
    )
    rest = [one for one in evidence if one.event_id not in labels]
    blocks: list[Block] = [Finding(labels.get(one.event_id, ""), one) for one in (*cited, *rest)]
    more = report.evidence_count - len(evidence)
    if more > 0 and blocks:
        blocks.append(Paragraph(plain(f"Further findings in the evidence of this investigation: {more}.")))
    return Section("Evidence", tuple(blocks))


def _number(label: str) -> int:
    return int(label[1:])


def listed(entries: Sequence[Entry], mark: Mark = "bullet") -> tuple[Block, ...]:
    """Return a list of the entries; nothing where there are none."""
    return (Listing(tuple(entries), mark),) if entries else ()


def foot(report: Report) -> tuple[Block, ...]:
    """Return what it cost and how it was made, and the ids."""
    again: Line = (
        (Plain(" Answered from memory of "), Code(report.recurrence_of), Plain("."))
        if report.recurrence_of
        else ()
    )
    took = report.finished_at - report.started_at
    seconds = span(took) if took.total_seconds() >= 1 else "under a second"
    by = "statistics alone" if report.mode == "deterministic" else f"statistics and {report.mode}"
    ids: Line = (
        Plain("Tenant "),
        Code(report.tenant),
        Plain(", incident "),
        Code(report.incident_id),
        Plain(", investigation "),
        Code(report.investigation_id),
        Plain(f", revision {report.revision}."),
    )
    when: Line = (
        Plain(f"Investigated in {seconds} by {by}, done "),
        Moment(report.finished_at, dated=True),
        Plain("."),
    )
    cost: list[Block] = [Paragraph(plain(_cost(report)))]
    if report.spending and report.spending.query:
        cost.append(Query(report.spending.query))
    return (*cost, Paragraph((*when, *again)), Paragraph(ids))


def _cost(report: Report) -> str:
    spent = (
        "unknown: a part of it has no known price"
        if report.cost_nano_usd is None
        else usd(report.cost_nano_usd)
    )
    made = report.spending
    if made is None:
        return f"Cost {spent}."
    calls = f", {many(made.model_calls, 'model call')}" if made.model_calls else ""
    return f"Cost {spent} for {_queries(made.queries)} ({made.rows_read:,} rows read){calls}."


def _queries(count: int) -> str:
    return f"{count:,} {'query' if count == 1 else 'queries'}"
