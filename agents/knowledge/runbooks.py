"""Runbooks that speak of this incident."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.analysis.findings import Finding, FindingKind, Source
from agents.knowledge.incident_text import incident_text
from agents.knowledge.similarity import similarities
from agents.ports import Likeness
from schemas.control import Runbook
from schemas.events.incident import Incident

__all__ = ["runbook_findings"]

_ALIKE = 0.1
# A runbook that names one of the incident's services is about it, whatever its words.
_NAMES_SERVICE = 0.3
_MOST = 3
_QUOTED = 200


def runbook_findings(
    incident: Incident, runbooks: Sequence[Runbook], likeness: Likeness = similarities
) -> tuple[Finding, ...]:
    """One finding a runbook that is about these services or alarms, the most fitting first, at most three.

    Blocks as `likeness` does, and raises what it raises.
    """
    scored = [
        (alike + _NAMES_SERVICE * bool(set(book.services) & set(incident.services)), book)
        for alike, book in zip(_alike(incident, runbooks, likeness), runbooks, strict=True)
        if not book.services or set(book.services) & set(incident.services)
    ]
    ranked = sorted(scored, key=lambda pair: (-pair[0], pair[1].runbook_id))
    return tuple(_finding(book, score, incident) for score, book in ranked[:_MOST] if score >= _ALIKE)


def _alike(incident: Incident, runbooks: Sequence[Runbook], likeness: Likeness) -> Iterator[float]:
    """A title counts as much as all the text: who writes it says what the text is about, who writes the text says much."""
    aim = incident_text(incident)
    titles = likeness(aim, [book.title for book in runbooks])
    wholes = likeness(aim, [f"{book.title} {book.body}" for book in runbooks])
    return ((title + whole) / 2 for title, whole in zip(titles, wholes, strict=True))


def _finding(book: Runbook, score: float, incident: Incident) -> Finding:
    service = next((name for name in incident.services if name in book.services), "")
    return Finding(
        source=Source.KNOWLEDGE,
        kind=FindingKind.RUNBOOK,
        service=service,
        subject=f"{book.runbook_id}||{FindingKind.RUNBOOK}",
        statement=f'The runbook "{book.title}" speaks of this',
        score=score,
        data={
            "runbook_id": book.runbook_id,
            "title": book.title,
            "url": book.url,
            "quote": book.body[:_QUOTED],
        },
    )
