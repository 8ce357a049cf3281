"""A report as a Markdown page: the verdict first, then what to do, then why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agents.analysis.findings import CauseKind
from agents.investigation.wording import KIND_WORDS
from schemas.events.evidence import Evidence
from schemas.events.report import Report, ReportedCause, RuledOut, Verdict

__all__ = ["Cites", "Costs", "cited_in_order", "labels", "render"]

_LIMIT = 250_000
_SAID = 600
_VERDICTS: Mapping[Verdict, str] = {
    Verdict.CAUSE_FOUND: "Cause found",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.BENIGN: "Benign",
    Verdict.DATA_UNAVAILABLE: "No data",
}
_SPECIAL = re.compile(r"([\\`*\[\]|<>])")


class Cites(Protocol):
    """Whatever names evidence."""

    @property
    def evidence_ids(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Costs:
    """What the report's cost line says beside the sum."""

    queries: int
    model_calls: int
    rows_read: int
    sql: str


def labels(report: Report) -> dict[str, str]:
    """Return E1, E2, ... for the ids of the evidence the report cites: causes, who was ruled out, the timeline."""
    return _numbered(
        [
            *(i for cause in report.causes for i in cause.evidence_ids),
            *(i for one in report.ruled_out for i in one.evidence_ids),
            *(entry.evidence_id for entry in report.timeline if entry.evidence_id),
        ]
    )


def cited_in_order(
    causes: Iterable[Cites], ruled_out: Iterable[Cites], evidence: Sequence[Evidence]
) -> tuple[tuple[str, Evidence], ...]:
    """Return what these cite, under the labels that the page will give it."""
    known = {one.event_id: one for one in evidence}
    names = _numbered([i for one in (*causes, *ruled_out) for i in one.evidence_ids])
    return tuple((label, known[i]) for i, label in names.items() if i in known)


def _numbered(ids: Iterable[str]) -> dict[str, str]:
    return {evidence_id: f"E{number}" for number, evidence_id in enumerate(dict.fromkeys(ids), start=1)}


def render(report: Report, evidence: Sequence[Evidence], costs: Costs) -> str:
    """Return the page. What others wrote (log lines, titles) is shown as text: it cannot form Markdown of its own."""
    names = labels(report)
    blocks = [
        f"# {_VERDICTS[report.verdict]}: {_plain(report.headline)}",
        _plain(report.summary),
        _do_first(report),
        _why(report, names, evidence),
        _next(report),
        _timeline(report, names),
        _ruled_out(report, names),
        _list("What is missing", [_plain(item) for item in report.missing]),
        _evidence(evidence, names, report.evidence_count),
        _footer(report, costs),
    ]
    return "\n\n".join(block for block in blocks if block)[:_LIMIT] + "\n"


def _do_first(report: Report) -> str:
    return f"**Do first:** {_plain(report.next_steps[0].action)}" if len(report.next_steps) > 1 else ""


def _why(report: Report, names: Mapping[str, str], evidence: Sequence[Evidence]) -> str:
    if not report.causes:
        return ""
    title = "## Why" if report.verdict is Verdict.CAUSE_FOUND else "## Suspects"
    known = {one.event_id: one for one in evidence}
    lines: list[str] = []
    for rank, cause in enumerate(report.causes, start=1):
        head = f"{rank}. **{_plain(cause.service)}**, {_kind(cause)}{_percent(cause.confidence)}: "
        lines.append(f"{head}{_plain(cause.statement)} {_cites(cause.evidence_ids, names)}")
        shown = [
            known[i] for i in cause.evidence_ids if i in known and known[i].statement not in cause.statement
        ]
        lines += [f"   - {_plain(one.statement)} [{names[one.event_id]}]" for one in shown]
    return "\n".join([title, "", *lines])


def _next(report: Report) -> str:
    if not report.next_steps:
        return ""
    lines: list[str] = []
    for number, step in enumerate(report.next_steps, start=1):
        lines.append(f"{number}. {_plain(step.action)}")
        if step.query:
            lines += ["", *_sql(step.query, indent="   "), ""]
    return "\n".join(["## What to do, the safest first", "", *lines]).rstrip()


def _timeline(report: Report, names: Mapping[str, str]) -> str:
    if not report.timeline:
        return ""
    day = report.timeline[0].at
    rows = [
        f"| {entry.at:%H:%M:%S} | {_plain(entry.service)} | {_plain(_without(entry.service, entry.what))} {_cites((entry.evidence_id,), names)} |"
        for entry in report.timeline
    ]
    return "\n".join(
        [f"## Timeline ({day:%Y-%m-%d}, UTC)", "", "| at | service | what |", "|---|---|---|", *rows]
    )


def _ruled_out(report: Report, names: Mapping[str, str]) -> str:
    """Those with the same reason in one line: a storm has many victims of one thing."""
    groups: dict[str, list[RuledOut]] = {}
    for one in report.ruled_out:
        groups.setdefault(_without(one.service, one.reason), []).append(one)
    return _list(
        "Ruled out",
        [
            f"**{_plain(', '.join(one.service for one in group))}**: {_plain(reason)} "
            f"{_cites([i for one in group for i in one.evidence_ids], names)}"
            for reason, group in groups.items()
        ],
    )


def _without(service: str, text: str) -> str:
    """The sentence without the service it begins with, where that stands beside it anyway."""
    return text.removeprefix(f"{service}: ").removeprefix(f"{service} ") if service else text


def _list(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}", "", *(f"- {line}" for line in lines)]) if lines else ""


def _evidence(evidence: Sequence[Evidence], names: Mapping[str, str], count: int) -> str:
    cited = sorted(
        (one for one in evidence if one.event_id in names), key=lambda one: int(names[one.event_id][1:])
    )
    if not cited:
        return ""
    lines = [
        f"- **{names[one.event_id]}** {one.step}: {_plain(one.statement)}{_fresh(one)} `{one.event_id}`"
        for one in cited
    ]
    more = (
        f"\n\nFurther findings in the evidence of this investigation: {count - len(cited)}."
        if count > len(cited)
        else ""
    )
    return "\n".join(["## Evidence", "", *lines]) + more


def _footer(report: Report, costs: Costs) -> str:
    seconds = (report.finished_at - report.started_at).total_seconds()
    took = f"{seconds:.0f} s" if seconds >= 1 else "under a second"
    by = "by statistics alone" if report.mode == "deterministic" else f"by statistics and {report.mode}"
    calls = f", {costs.model_calls} model calls" if costs.model_calls else ""
    spent = (
        "unknown: a part of it has no known price"
        if report.cost_nano_usd is None
        else _usd(report.cost_nano_usd)
    )
    again = f" Answered from memory of `{report.recurrence_of}`." if report.recurrence_of else ""
    lines = [
        "## Cost",
        "",
        f"{spent} for {costs.queries} queries ({costs.rows_read:,} rows read){calls}.",
        f"Investigated in {took} {by}.{again}",
        "",
        *_sql(costs.sql),
        "",
        f"Tenant {_plain(report.tenant)}, incident `{report.incident_id}`, investigation `{report.investigation_id}`.",
    ]
    return "\n".join(lines)


def _usd(nano: int) -> str:
    if 0 < nano < 1_000:
        return "<$0.000001"
    return f"${nano / 1e9:.6f}" if nano < 10_000_000 else f"${nano / 1e9:.2f}"


def _kind(cause: ReportedCause) -> str:
    return KIND_WORDS[CauseKind(cause.kind)] if cause.kind in set(CauseKind) else _plain(cause.kind)


def _percent(confidence: float | None) -> str:
    return "" if confidence is None else f", {confidence * 100:.0f} %"


def _cites(ids: Iterable[str], names: Mapping[str, str]) -> str:
    known = [names[i] for i in ids if i in names]
    return f"[{', '.join(known)}]" if known else ""


def _fresh(one: Evidence) -> str:
    return f" (data until {one.data_fresh_until:%H:%M:%S})" if one.data_fresh_until else ""


def _sql(query: str, indent: str = "") -> list[str]:
    body = query.replace("```", "'''").strip().splitlines()
    return [f"{indent}```sql", *(f"{indent}{line}" for line in body), f"{indent}```"]


def _plain(text: str) -> str:
    """One line, bounded, in which nothing is markup."""
    line = " ".join(text.split())
    short = line if len(line) <= _SAID else f"{line[:_SAID]}..."
    return _SPECIAL.sub(r"\\\1", short)
