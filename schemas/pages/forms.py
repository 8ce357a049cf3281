"""The forms that a report has, and the two ways to write them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never

from schemas.events.evidence import Evidence
from schemas.events.report import Feedback, Report
from schemas.pages.blocks import Document
from schemas.pages.full import full
from schemas.pages.html import write_html
from schemas.pages.links import HERE, PageLinks
from schemas.pages.markdown import write_markdown
from schemas.pages.postmortem import postmortem

__all__ = ["Form", "report_html", "report_markdown"]


class Form(StrEnum):
    REPORT = "report"
    """For whoever has to act."""
    POSTMORTEM = "postmortem"
    """For whoever looks back: a draft, with places for what only people know."""


def report_html(
    report: Report,
    evidence: Sequence[Evidence] = (),
    form: Form = Form.REPORT,
    links: PageLinks = HERE,
    said: Sequence[Feedback] = (),
) -> str:
    """Return a whole HTML page that loads nothing. Findings that are not given are cited by their label only.

    `said` is what people last said of the report.
    """
    return write_html(_document(report, evidence, form, said), links)


def report_markdown(
    report: Report,
    evidence: Sequence[Evidence] = (),
    form: Form = Form.REPORT,
    links: PageLinks = HERE,
    said: Sequence[Feedback] = (),
) -> str:
    """Return a whole page as Markdown, its pictures linked as files of their own."""
    return write_markdown(_document(report, evidence, form, said), links)


def _document(report: Report, evidence: Sequence[Evidence], form: Form, said: Sequence[Feedback]) -> Document:
    match form:
        case Form.REPORT:
            return full(report, evidence, said)
        case Form.POSTMORTEM:
            return postmortem(report, evidence, said)
        case _:
            assert_never(form)
