"""One incident through the investigation graph, and everything that it said and spent on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from agents.analysis.signals import IncidentData
from agents.investigation.context import InvestigationPorts
from agents.investigation.memory import CollectingPublisher, request_for
from agents.investigation.outcomes import Cancelled, Postponed, Refused, Reported
from agents.investigation.run import Investigations
from agents.investigation.settings import InvestigationSettings
from agents.investigation.state import RankedState
from agents.ports import Published
from schemas.errors import IntegrityError
from schemas.events import (
    CostEntry,
    CostKind,
    Evidence,
    InvestigationState,
    InvestigationStatus,
    Report,
    Usage,
)

__all__ = ["Answer", "Tokens", "answer"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of all attempts at a model; `unknown` counts attempts whose provider told none."""

    input: int = 0
    output: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The report, and what was published beside it."""

    report: Report
    ranking: RankedState
    published: tuple[Published, ...]
    seconds: float
    """Wall time of the investigation."""

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """All findings, each as it was published last."""
        return tuple({o.event_id: o for o in self.published if isinstance(o, Evidence)}.values())

    @property
    def steps(self) -> int:
        """Steps of the graph that were done, those of a second look too."""
        done = (one for one in self.published if isinstance(one, InvestigationStatus))
        return len({one.step for one in done if one.state is InvestigationState.RUNNING and one.step})

    @property
    def attempts(self) -> tuple[CostEntry, ...]:
        """The ledger of attempts at a model."""
        costs = {one.event_id: one for one in self.published if isinstance(one, CostEntry)}
        return tuple(one for one in costs.values() if one.kind is CostKind.LLM)

    @property
    def tokens(self) -> Tokens:
        """What the attempts used."""
        used = [one.usage for one in self.attempts]
        known = [usage for usage in used if usage.output is not None or usage.input_uncached is not None]
        return Tokens(sum(map(_input, known)), sum(map(_output, known)), len(used) - len(known))


async def answer(  # noqa: PLR0913 - the same in every evaluation but for one or two
    data: IncidentData,
    ports: InvestigationPorts,
    *,
    tenant: str = "local",
    case: str = "case",
    alarmed: bool = True,
    told_at: datetime | None = None,
    elapsed: Callable[[], float] = time.perf_counter,
) -> Answer:
    """Investigate the data's alarm: the same graph and nodes as in production, over ports that keep what is published.

    Where nobody was `alarmed`, as if somebody asked by hand. `told_at` is when the alarm was told, by our own clock; None where
    that is the alarm's.

    Raises:
        IntegrityError: the graph ended without a report.
        TocsinError: what the ports raise beyond their retries.
    """
    publisher = ports.publisher
    if not isinstance(publisher, CollectingPublisher):
        raise IntegrityError("an evaluation needs ports that keep what is published")
    begun = elapsed()
    request = request_for(data, tenant=tenant, case=case, alarmed=alarmed, told_at=told_at)
    settings = ports.settings
    investigations = _investigations(settings.fetch_attempts, settings.fetch_backoff_s)
    outcome = await investigations.investigate(request, ports)
    seconds = elapsed() - begun
    match outcome:
        case Reported(report=report, ranking=ranking):
            return Answer(report, ranking, tuple(publisher.order), seconds)
        case Refused() | Postponed() | Cancelled():
            raise IntegrityError(f"{case} ended without a report: {outcome}")


@lru_cache(maxsize=8)
def _investigations(attempts: int, backoff_s: float) -> Investigations:
    """The graph, compiled once a process, as in a worker: how to try again is all of the settings that is compiled."""
    return Investigations(InvestigationSettings(fetch_attempts=attempts, fetch_backoff_s=backoff_s))


def _input(usage: Usage) -> int:
    return (usage.input_uncached or 0) + (usage.cache_read or 0) + (usage.cache_write or 0)


def _output(usage: Usage) -> int:
    return (usage.output or 0) + (usage.reasoning or 0)
