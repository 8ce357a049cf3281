"""A report as one HTML page that needs nothing else: readable on a phone at 3 a.m., every text escaped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Final

from schemas.events import Evidence, NextStep, Report, ReportedCause, RuledOut, TimelineEntry, Verdict

__all__ = ["report_page"]

_VERDICTS: Final = {
    Verdict.CAUSE_FOUND: "Cause found",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.BENIGN: "Nothing is wrong",
    Verdict.DATA_UNAVAILABLE: "The data is not there",
}

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2024; --dim: #5b6470; --line: #d9dde3; --paper: #fff; --mark: #b3261e;
  --ok: #1b6e3c; --soft: #f3f5f8 }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --dim: #9aa4b1; --line: #343a42; --paper: #14171a;
  --mark: #ff8a80; --ok: #7bd88f; --soft: #1d2126 } }
body { font: 17px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 46rem;
  margin: 0 auto; padding: 1rem 1rem 4rem; overflow-wrap: anywhere }
h1 { font-size: 1.45rem; line-height: 1.25; margin: .3rem 0 .6rem }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem }
.verdict { font-weight: 700; color: var(--mark); text-transform: uppercase; font-size: .85rem; letter-spacing: .04em }
.benign { color: var(--ok) }
.dim, figcaption, time { color: var(--dim); font-size: .9rem }
ol, ul { padding-left: 1.3rem } li { margin: .45rem 0 }
pre { background: var(--soft); padding: .6rem; overflow-x: auto; font-size: .82rem; white-space: pre-wrap }
details { margin: .4rem 0 } summary { cursor: pointer }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .25rem .6rem .25rem 0;
  vertical-align: top; border-bottom: 1px solid var(--line) }
a { color: inherit }
@media print { details > * { display: block } }
"""


def report_page(report: Report, evidence: Sequence[Evidence]) -> str:
    """Return the page. Findings that are not given are cited by id only."""
    known = {one.event_id: number for number, one in enumerate(evidence, start=1)}
    parts = [
        _head(report),
        _section("What broke", _ordered(_cause(one, known) for one in report.causes)),
        _section("What to do", _ordered(map(_step, report.next_steps))),
        _section("Timeline", _table(_entry(one, known) for one in report.timeline)),
        _section("Ruled out", _bullets(_cleared(one, known) for one in report.ruled_out)),
        _section("What was missing", _bullets(map(_text, report.missing))),
        _section("Evidence", "".join(_finding(one, known[one.event_id]) for one in evidence)),
        _facts(report),
    ]
    title = f"{_VERDICTS[report.verdict]}: {report.headline}"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body><main>{''.join(parts)}"
        "</main></body></html>\n"
    )


def _head(report: Report) -> str:
    kind = "verdict benign" if report.verdict is Verdict.BENIGN else "verdict"
    sure = "" if report.confidence is None else f" · {report.confidence:.0%} sure"
    again = (
        f'<p class="dim">Answered from memory: as in {_text(report.recurrence_of)}.</p>'
        if report.recurrence_of
        else ""
    )
    return (
        f'<div class="{kind}">{_VERDICTS[report.verdict]}{sure}</div><h1>{_text(report.headline)}</h1>'
        f"{_paragraphs(report.summary)}{again}"
    )


def _section(title: str, content: str) -> str:
    """A part that is empty is left out."""
    return f"<section><h2>{title}</h2>{content}</section>" if content else ""


def _cause(cause: ReportedCause, known: Mapping[str, int]) -> str:
    sure = "" if cause.confidence is None else f" ({cause.confidence:.0%})"
    what = " ".join(part for part in (cause.kind, cause.indicator) if part)
    return (
        f"<strong>{_text(cause.service)}</strong>: {_text(what)}{sure}<br>{_text(cause.statement)}"
        f"{_citations(cause.evidence_ids, known)}"
    )


def _step(step: NextStep) -> str:
    query = f"<pre>{_text(step.query)}</pre>" if step.query else ""
    return f"{_text(step.action)}{query}"


def _entry(entry: TimelineEntry, known: Mapping[str, int]) -> str:
    cited = _citations((entry.evidence_id,) if entry.evidence_id else (), known)
    return f"<tr><td>{_time(entry.at)}</td><td>{_text(entry.service)}</td><td>{_text(entry.what)}{cited}</td></tr>"


def _cleared(suspect: RuledOut, known: Mapping[str, int]) -> str:
    cited = _citations(suspect.evidence_ids, known)
    return f"<strong>{_text(suspect.service)}</strong>: {_text(suspect.reason)}{cited}"


def _finding(one: Evidence, number: int) -> str:
    strength = "" if one.score is None else f' <span class="dim">strength {one.score:.1f}</span>'
    fresh = "" if one.data_fresh_until is None else f", data until {_time(one.data_fresh_until)}"
    query = f"<pre>{_text(one.query)}</pre>" if one.query else ""
    return (
        f'<details id="e{number}"><summary>[{number}] {_text(one.statement)}{strength}</summary>'
        f"<figcaption>{_text(one.step)} · {_text(one.kind)} · {_text(one.service)} · {_time(one.window_start)} to "
        f"{_time(one.window_end)}{fresh} · {_text(one.event_id)}</figcaption>{query}</details>"
    )


def _facts(report: Report) -> str:
    cost = "unknown" if report.cost_nano_usd is None else f"${report.cost_nano_usd / 1e9:,.6f}"
    facts = (
        f"{_time(report.started_at)} to {_time(report.finished_at)} UTC",
        f"{report.evidence_count} findings",
        f"cost {cost}",
        f"written by {_text(report.mode)}",
        f"revision {report.revision}",
        _text(report.investigation_id),
        _text(report.incident_id),
    )
    return f'<p class="dim">{" · ".join(facts)}</p>'


def _citations(ids: Iterable[str], known: Mapping[str, int]) -> str:
    cited = [
        f'<a href="#e{known[one]}">[{known[one]}]</a>'
        if one in known
        else f'<span class="dim">{_text(one)}</span>'
        for one in ids
    ]
    return f" {' '.join(cited)}" if cited else ""


def _ordered(items: Iterable[str]) -> str:
    listed = "".join(f"<li>{item}</li>" for item in items)
    return f"<ol>{listed}</ol>" if listed else ""


def _bullets(items: Iterable[str]) -> str:
    listed = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{listed}</ul>" if listed else ""


def _table(rows: Iterable[str]) -> str:
    listed = "".join(rows)
    return f"<table>{listed}</table>" if listed else ""


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_text(part)}</p>" for part in text.split("\n\n") if part.strip())


def _time(at: datetime) -> str:
    return f'<time datetime="{at.isoformat()}">{at:%Y-%m-%d %H:%M:%S}</time>'


def _text(text: str) -> str:
    return escape(text, quote=True)
