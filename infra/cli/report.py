"""`tocsin report`: what was found, for the screen, for a ticket, for a file that is forwarded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer
from rich.markdown import Markdown

from infra.cli.console import emit, err, out
from infra.cli.context import load_settings
from infra.cli.options import AsJson, DataDir, TenantName
from infra.cli.remote.client import ApiClient, ask_api
from infra.cli.remote.completion import investigation_ids
from infra.cli.remote.here import ask_here
from infra.cli.remote.options import ApiKeyText, ApiUrl, ContextName, remote_of
from infra.cli.remote.reading import Row, report_of, report_text_of
from infra.cli.tables import Since, since
from schemas.errors import InvalidRequestError
from schemas.events import Evidence, Feedback, Report
from schemas.pages import HERE, Form, figure_svg, report_html, report_markdown, sketch_svg
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import Scope
from sinks.clickhouse.queries.feedback import latest_feedback
from sinks.clickhouse.queries.investigations import evidence_of
from sinks.clickhouse.queries.reports import get_report, list_reports

__all__ = ["ReportFormat", "for_terminal", "report", "show_report"]

_FINDINGS: Final = 10_000
_PICTURE: Final = re.compile(r"^ *!\[.*\]\(\S*\)\n(?:\*(.*)\*\n)?", re.MULTILINE)
_BARE_TITLE: Final = re.compile(r"^## .*\n+(?=## |\Z)", re.MULTILINE)


class ReportFormat(StrEnum):
    PAGE = "page"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"


_BY_SUFFIX: Final = {
    ".html": ReportFormat.HTML,
    ".htm": ReportFormat.HTML,
    ".md": ReportFormat.MARKDOWN,
    ".json": ReportFormat.JSON,
}

_Investigation = Annotated[
    str,
    typer.Argument(
        help="The investigation's id; the latest when left out.", autocompletion=investigation_ids
    ),
]
_Form = Annotated[Form, typer.Option("--form", help="A report to act by, or the draft of a postmortem.")]
_Wanted = Annotated[
    ReportFormat | None,
    typer.Option("--format", help="How to print it.", show_default="page, or as --out ends"),
]
_OutFile = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", help="Write it to this file (.html, .md, .json); Markdown's pictures go beside it."
    ),
]


@dataclass(frozen=True, slots=True)
class _Found:
    """A report, what it rests on, and what people said of it."""

    report: Report
    evidence: tuple[Evidence, ...] = ()
    said: tuple[Feedback, ...] = ()


@dataclass(frozen=True, slots=True)
class _Told:
    """A report in one form and format; JSON as it is. `pictures` are the files that a Markdown page refers to."""

    whole: Report | Row
    text: str
    pictures: Mapping[str, str] = field(default_factory=dict)


def report(
    investigation: _Investigation = "",
    form: _Form = Form.REPORT,
    wanted: _Wanted = None,
    out_file: _OutFile = None,
    window: Since = "30d",
    context: ContextName = "",
    url: ApiUrl = "",
    key: ApiKeyText = "",
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show the report of an investigation, or write it to a file that needs nothing else."""
    shape = _shape(wanted, out_file, as_json=as_json)
    settings = load_settings(data, tenant)
    endpoint = remote_of(settings, context, url, key, data, tenant)
    if endpoint is not None:
        told = ask_api(endpoint, lambda api: _told_there(api, investigation, window, form, shape))
    else:
        scope = Scope(settings.tenant, *since(window))
        found = ask_here(settings, lambda tables: _found_here(tables, scope, investigation))
        told = _told_here(found, form, shape)
    if out_file is None:
        _print(told, shape)
    else:
        _write(told, shape, out_file)


def show_report(found: Report, shape: ReportFormat, *, as_json: bool) -> None:
    """Print a report: a page for people, Markdown, HTML, or JSON."""
    chosen = ReportFormat.JSON if as_json else shape
    _print(_told_here(_Found(found), Form.REPORT, chosen), chosen)


def for_terminal(markdown: str) -> str:
    """Return the page without its pictures, captions that only say again what stands elsewhere, and titles above nothing."""
    elsewhere = _PICTURE.sub("", markdown)

    def caption(found: re.Match[str]) -> str:
        return f"*{found[1]}*\n" if found[1] and found[1] not in elsewhere else ""

    return _BARE_TITLE.sub("", _PICTURE.sub(caption, markdown))


def _shape(wanted: ReportFormat | None, out_file: Path | None, *, as_json: bool) -> ReportFormat:
    """What to make of it. Raises InvalidRequestError for a file that says nothing of it."""
    if as_json:
        return ReportFormat.JSON
    if wanted is not None:
        return wanted
    if out_file is None:
        return ReportFormat.PAGE
    if out_file.suffix.lower() not in _BY_SUFFIX:
        raise InvalidRequestError(
            f"what shall {out_file.name} hold?", cure="End it in .html, .md or .json, or say --format."
        )
    return _BY_SUFFIX[out_file.suffix.lower()]


async def _found_here(clickhouse: ClickHouse, scope: Scope, investigation: str) -> _Found:
    wanted = investigation
    if not wanted:
        latest = await list_reports(clickhouse, scope, limit=1)
        wanted = latest.rows[0].investigation_id if latest.rows else "latest"
    found = await get_report(clickhouse, tenant=scope.tenant, investigation_id=wanted)
    evidence = await evidence_of(clickhouse, tenant=scope.tenant, investigation_id=wanted, limit=_FINDINGS)
    said = await latest_feedback(clickhouse, tenant=scope.tenant, investigation_ids=(wanted,))
    return _Found(found, evidence.rows, said.rows)


def _told_here(found: _Found, form: Form, shape: ReportFormat) -> _Told:
    whole = found.report
    if shape is ReportFormat.JSON:
        return _Told(whole, "")
    if shape is ReportFormat.HTML:
        return _Told(whole, report_html(whole, found.evidence, form, said=found.said))
    kept = whole.markdown if form is Form.REPORT and not found.said else ""
    drawn = {f"figures/{number}.svg": figure_svg(one, number) for number, one in enumerate(whole.figures, 1)}
    pictures = {**drawn, "topology.svg": sketch_svg(whole)}
    text = kept or report_markdown(whole, found.evidence, form, said=found.said)
    return _Told(whole, text, _placed(whole.investigation_id, pictures))


async def _told_there(
    api: ApiClient, investigation: str, window: str, form: Form, shape: ReportFormat
) -> _Told:
    """The same from an API, which renders it: it may be of another version."""
    found = await report_of(api, investigation, since(window)[0])
    if shape is ReportFormat.JSON:
        return _Told(found, "")
    # An API of before there were forms knows no such question.
    name, asked = str(found["investigation_id"]), {} if form is Form.REPORT else {"form": form.value}
    if shape is ReportFormat.HTML:
        return _Told(found, await report_text_of(api, name, asked | {"format": "html"}))
    text = await report_text_of(api, name, asked | {"format": "markdown"})
    if shape is ReportFormat.PAGE:
        return _Told(found, text)
    files = [
        *(f"figures/{number}.svg" for number, _ in enumerate(found.get("figures", ()), 1)),
        "topology.svg",
    ]
    pictures = {
        file: await report_text_of(api, name, {}, f"/{file}") for file in files if f"/{file})" in text
    }
    return _Told(found, text, _placed(name, pictures))


def _placed(investigation_id: str, pictures: Mapping[str, str]) -> dict[str, str]:
    """The pictures by where a page beside them looks for them."""
    return {HERE.to_picture(investigation_id, name): picture for name, picture in pictures.items()}


def _print(told: _Told, shape: ReportFormat) -> None:
    if shape is ReportFormat.JSON:
        emit(told.whole)
    elif shape is ReportFormat.PAGE:
        out.print(Markdown(for_terminal(told.text)))
    else:
        typer.echo(told.text.removesuffix("\n"))


def _write(told: _Told, shape: ReportFormat, out_file: Path) -> None:
    out_file.parent.mkdir(parents=True, exist_ok=True)
    if shape is ReportFormat.JSON:
        whole = told.whole.model_dump(mode="json") if isinstance(told.whole, Report) else told.whole
        out_file.write_bytes(orjson.dumps(whole) + b"\n")
    else:
        out_file.write_text(told.text, encoding="utf-8")
    beside = told.pictures if shape is ReportFormat.MARKDOWN else {}
    for place, picture in beside.items():
        file = out_file.parent / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(picture, encoding="utf-8")
    err.print(f"written: {out_file}", highlight=False, markup=False)
