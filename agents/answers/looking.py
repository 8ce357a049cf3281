"""What would tell more, where the evidence does not cover a question."""

from __future__ import annotations

from collections.abc import Iterable

from agents.analysis.findings import FindingKind, Source
from agents.answers.material import Material
from agents.answers.question import Asked
from schemas.events.evidence import Evidence
from schemas.events.report import NextStep

__all__ = ["next_queries"]

_MOST = 5
# Findings of these have queries of their own, but for those that speak of everything.
_FOCUSED = frozenset({Source.KPIS, Source.LOGS})
_OF_ALL = frozenset({FindingKind.NORMAL, FindingKind.NO_DATA})
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
    again = [step for source in sources if (step := _again(source, material)) is not None]
    advised = [step for step in report.next_steps if step.query]
    widened = [NextStep(action=f"Ask for another look: tocsin investigate {report.incident_id}")]
    return tuple(_distinct([*closer, *again, *advised, *widened]))[:_MOST]


def _again(source: Source, material: Material) -> NextStep | None:
    """All that was looked at of a source; where no query shows that, what is most out of the ordinary."""
    # Calls between services are measured apart, and few have them.
    shown = [one for one in material.evidence if one.step == source and one.query and not _of_calls(one)]
    whole = next((one for one in shown if one.kind in _OF_ALL or source not in _FOCUSED), None)
    if whole is not None:
        return NextStep(action=f"Look through the {source.value} of that time yourself", query=whole.query)
    loudest = max(shown, key=lambda one: one.score or 0.0, default=None)
    if loudest is None:
        return None
    return NextStep(action=f"Look again at the {source.value}: {loudest.statement}", query=loudest.query)


def _of_calls(one: Evidence) -> bool:
    return one.finding.startswith("calls|") or "|calls|" in one.finding


def _distinct(steps: Iterable[NextStep]) -> list[NextStep]:
    found: dict[str, NextStep] = {}
    for step in steps:
        found.setdefault(step.query or step.action, step)
    return list(found.values())
