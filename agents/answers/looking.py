"""What would tell more, where the evidence does not cover a question."""

from __future__ import annotations

from collections.abc import Iterable

from agents.analysis.findings import Source
from agents.answers.material import Material
from agents.answers.question import Asked
from schemas.events.report import NextStep

__all__ = ["next_queries"]

_MOST = 5
_BY_DEFAULT = (Source.KPIS, Source.LOGS, Source.CHANGES)


def next_queries(asked: Asked, material: Material) -> tuple[NextStep, ...]:
    """Return what to look at next: the named services by themselves, the sources in question again, the report's own advice."""
    report = material.report
    at = material.around.strftime("%Y-%m-%dT%H:%M:%SZ")
    closer = [
        NextStep(action=f"Look at {name} by itself: tocsin investigate --service {name} --at {at}")
        for name in asked.services
    ]
    sources = asked.sources or _BY_DEFAULT
    again = [
        NextStep(action=f"Look through the {source.value} of that time yourself", query=query)
        for source in sources
        if (query := _query(source, material))
    ]
    advised = [step for step in report.next_steps if step.query]
    widened = [NextStep(action=f"Ask for another look: tocsin investigate {report.incident_id}")]
    return tuple(_distinct([*closer, *again, *advised, *widened]))[:_MOST]


def _query(source: Source, material: Material) -> str:
    return next((one.query for one in material.evidence if one.step == source and one.query), "")


def _distinct(steps: Iterable[NextStep]) -> list[NextStep]:
    found: dict[str, NextStep] = {}
    for step in steps:
        found.setdefault(step.query or step.action, step)
    return list(found.values())
