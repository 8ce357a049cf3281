"""The report as a Markdown page: the verdict first, then what to do, then why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from schemas.events.evidence import Evidence
from schemas.events.report import Report
from schemas.pages import numbered, report_markdown

__all__ = ["Cites", "cited_in_order", "render"]


class Cites(Protocol):
    """Whatever names evidence."""

    @property
    def evidence_ids(self) -> tuple[str, ...]: ...


def cited_in_order(
    causes: Iterable[Cites], ruled_out: Iterable[Cites], evidence: Sequence[Evidence]
) -> tuple[tuple[str, Evidence], ...]:
    """Return what these cite, under the labels that the page will give it."""
    known = {one.event_id: one for one in evidence}
    names = numbered(i for one in (*causes, *ruled_out) for i in one.evidence_ids)
    return tuple((label, known[i]) for i, label in names.items() if i in known)


def render(report: Report, evidence: Sequence[Evidence]) -> str:
    """Return the page, as it is kept with the report. What others wrote is shown as text: it cannot form Markdown of its own."""
    return report_markdown(report, evidence)
