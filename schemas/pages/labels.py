"""E1, E2, ...: the short names that a report gives the evidence it cites. They are the same in every form."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.events.report import Report

__all__ = ["cited_ids", "labels", "numbered"]


def labels(report: Report) -> dict[str, str]:
    """Return the label of each evidence id that the report cites."""
    return numbered(cited_ids(report))


def cited_ids(report: Report) -> tuple[str, ...]:
    """Return what the report cites, in order: by causes, for who was ruled out, in the timeline, in pictures."""
    ids = [
        *(i for cause in report.causes for i in cause.evidence_ids),
        *(i for one in report.ruled_out for i in one.evidence_ids),
        *(entry.evidence_id for entry in report.timeline),
        *(figure.evidence_id for figure in report.figures),
    ]
    return tuple(dict.fromkeys(i for i in ids if i))


def numbered(ids: Iterable[str]) -> dict[str, str]:
    """Return E1, E2, ... for the ids in order of first mention."""
    return {evidence_id: f"E{number}" for number, evidence_id in enumerate(dict.fromkeys(ids), start=1)}
