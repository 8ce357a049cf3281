"""An evaluation as one self-contained page: the summary first, then what went wrong, then everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from agents.evaluation.diagram import reliability_svg
from agents.evaluation.page_style import STYLE
from agents.evaluation.results import CaseResult, EvaluationReport, NamedCause, ScenarioResult, Spent
from agents.evaluation.wording import (
    FEEDBACK_COLUMNS,
    criterion_words,
    feedback_row,
    money,
    percent,
    seconds,
    share,
    summary_line,
)

__all__ = ["html_page"]


def html_page(report: EvaluationReport) -> str:
    """Return the page. It loads nothing, and follows the reader's light or dark."""
    sections = [
        _head(report),
        _cards(report),
        _errors(report),
        _groups(report),
        _failures(report.scenarios),
        _datasets(report),
        _reliability(report),
        _feedback(report),
        _scenarios(report.scenarios),
        _cases(report.cases),
        _about(report),
    ]
    body = "\n".join(section for section in sections if section)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Tocsin evaluation</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main>\n{body}\n</main></body></html>\n"
    )


def _head(report: EvaluationReport) -> str:
    cut = "<p class=bad>Interrupted: not everything was asked.</p>" if report.about.interrupted else ""
    return f"<h1>Tocsin evaluation</h1><p class=lead>{escape(summary_line(report))}</p>{cut}"


def _cards(report: EvaluationReport) -> str:
    totals, about = report.totals, report.about
    if not totals.incidents:
        return ""
    cards = [
        ("right", share(totals.passed, totals.incidents)),
        ("errors", str(totals.errors)),
        ("model", about.model),
        ("median, slowest", f"{seconds(totals.median_seconds)}, {seconds(totals.slowest_seconds)}"),
        ("cost", money(totals.cost_nano_usd)),
    ]
    cards += [
        (f"calibration error, {one.of}", f"{one.calibration.error:.3f} (n={one.calibration.count})")
        for one in report.reliability
        if one.calibration.error is not None
    ]
    if totals.attempts:
        cards += [
            ("attempts at the model", f"{totals.attempts}, {totals.failed_attempts} failed"),
            ("tokens in, out", f"{totals.input_tokens:,}, {totals.output_tokens:,}"),
            ("its claims that passed", share(totals.published_claims, totals.claims)),
            ("its claims made less sure", share(totals.capped_claims, totals.claims)),
            ("its queries refused", share(totals.refused_queries, totals.queries)),
        ]
    told = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in cards)
    return f"<dl class=cards>{told}</dl>"


def _errors(report: EvaluationReport) -> str:
    scenarios = [(f"{one.name} (seed {one.seed})", one.error) for one in report.scenarios if one.error]
    rows = [*scenarios, *((one.case, one.error) for one in report.cases if one.error)]
    return _section(
        "Errors: not answered", _table(("incident", "error"), (map(escape, row) for row in rows)), rows
    )


def _failures(scenarios: Sequence[ScenarioResult]) -> str:
    """One article a scenario, with each seed for which it was not as expected."""
    bad = [one for one in scenarios if not one.passed and not one.error]
    names = dict.fromkeys(one.name for one in bad)
    told = "".join(_failure([one for one in bad if one.name == name]) for name in names)
    return _section("Not as expected", told, bad)


def _failure(draws: Sequence[ScenarioResult]) -> str:
    first = draws[0]
    return (
        f"<article><h3>{escape(first.name)} <small>{escape(first.group)}</small></h3>"
        f"<p>{escape(first.title)}</p>{''.join(map(_draw, draws))}</article>"
    )


def _draw(one: ScenarioResult) -> str:
    rows = "".join(
        f"<tr><th>{criterion_words(check.criterion)}</th><td>expected {escape(check.expected)}</td>"
        f"<td class=bad>said {escape(check.said)}</td></tr>"
        for check in one.checks
        if not check.met
    )
    return (
        f"<p>{_link(one.page, f'seed {one.seed}')} <q>{escape(one.headline)}</q> "
        f"<span class=dim>{escape(one.truth)}</span></p><table>{rows}</table>"
    )


def _groups(report: EvaluationReport) -> str:
    groups = _table(
        ("group", "incidents", "right", "", "not", "errors"),
        (
            (
                escape(o.group),
                str(o.incidents),
                percent(o.passed / o.incidents),
                _meter(o.passed, o.incidents),
                str(o.failed),
                str(o.errors),
            )
            for o in report.groups
        ),
    )
    criteria = _table(
        ("criterion", "met", "", "asked"),
        (
            (
                criterion_words(o.criterion),
                percent(o.met / o.asked),
                _meter(o.met, o.asked),
                str(o.asked),
            )
            for o in report.criteria
        ),
    )
    return _section("By kind of incident", f"<div class=pair>{groups}{criteria}</div>", report.groups)


def _datasets(report: EvaluationReport) -> str:
    rows = []
    for one in report.datasets:
        verdicts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in one.verdicts.items())
        for what, scores in (("service", one.service), ("indicator", one.indicator)):
            if what == "service" or scores:
                figures = (
                    [f"{value:.3f}" for value in (scores.ac1, scores.ac3, scores.avg5, scores.mrr)]
                    if scores
                    else ["-"] * 4
                )
                rows.append(
                    (
                        escape(one.dataset),
                        str(one.cases),
                        what,
                        *figures,
                        seconds(one.median_seconds),
                        escape(verdicts),
                    )
                )
    columns = ("data", "cases", "what", "AC@1", "AC@3", "Avg@5", "MRR", "median", "verdicts")
    return _section("Recorded incidents", _table(columns, rows), rows)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _reliability(report: EvaluationReport) -> str:
    figures = "".join(
        f"<figure>{reliability_svg(one.calibration, escape(one.of))}<figcaption>{escape(_capital(one.of))}: expected calibration error "
        f"<b>{one.calibration.error or 0:.3f}</b>, Brier score {one.calibration.brier or 0:.3f}, "
        f"{one.calibration.count} answers. The bar is how often they were right, the shade how far that is from what they said.</figcaption></figure>"
        for one in report.reliability
    )
    return _section("Is it as sure as it should be?", f"<div class=pair>{figures}</div>", report.reliability)


def _feedback(report: EvaluationReport) -> str:
    rows = [map(escape, feedback_row(one)) for one in report.feedback]
    asked = "<p>Would acting on the report have fixed it?</p>"
    return _section("What people said", asked + _table(FEEDBACK_COLUMNS, rows), report.feedback)


def _scenarios(scenarios: Sequence[ScenarioResult]) -> str:
    rows = [
        (
            _mark(one.passed, one.error),
            _link(one.page, one.name),
            str(one.seed),
            escape(one.group),
            escape((one.verdict or "").replace("_", " ")),
            _causes(one.causes),
            *_spent(one.spent),
        )
        for one in scenarios
    ]
    columns = ("", "scenario", "seed", "group", "verdict", "causes", "steps", "time", "cost")
    return _section("All scenarios", _table(columns, rows), rows)


def _cases(cases: Sequence[CaseResult]) -> str:
    rows = [
        (
            "-" if not one.scored else _mark(one.rank == 1, one.error),
            _link(one.page, one.case),
            escape((one.verdict or "").replace("_", " ")),
            _sure(one.confidence),
            escape(", ".join(one.services[:3])),
            escape(one.truth),
            str(one.rank or "-"),
            *_spent(one.spent),
        )
        for one in cases
    ]
    columns = ("", "case", "verdict", "", "first three", "label", "rank", "steps", "time", "cost")
    return _section("All cases", _table(columns, rows), rows)


def _about(report: EvaluationReport) -> str:
    about = report.about
    seeds = f", seeds {', '.join(map(str, about.seeds))}" if about.seeds else ""
    return (
        f"<footer><code>{escape(about.command)}</code><br>{about.made_at:%Y-%m-%d %H:%M} UTC, model "
        f"{escape(about.model)}{seeds}<br>{escape(about.machine)}</footer>"
    )


def _section(title: str, body: str, content: Sequence[object]) -> str:
    return f"<section><h2>{title}</h2>{body}</section>" if content else ""


def _table(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Cells are HTML."""
    head = "".join(f"<th>{name}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _link(page: str, name: str) -> str:
    return f'<a href="{escape(page)}">{escape(name)}</a>' if page else escape(name)


def _mark(good: bool, error: str) -> str:
    if error:
        return '<span class=bad title="error">!</span>'
    return (
        '<span class=good title="as expected">✓</span>'
        if good
        else '<span class=bad title="not as expected">✗</span>'
    )


def _meter(part: int, whole: int) -> str:
    return f'<span class=meter><i style="width:{100 * part / whole:.0f}%"></i></span>'


def _sure(confidence: float | None) -> str:
    return "" if confidence is None else f"<span class=dim>{percent(confidence)}</span>"


def _causes(causes: Sequence[NamedCause]) -> str:
    return ", ".join(
        f"{escape(one.service)} <span class=dim>{escape(one.kind)}</span> {_sure(one.confidence)}"
        for one in causes[:3]
    )


def _spent(spent: Spent | None) -> tuple[str, str, str]:
    if spent is None:
        return "-", "-", "-"
    took = seconds(spent.seconds).replace(" ", "&nbsp;")
    return str(spent.steps), took, money(spent.cost_nano_usd)
