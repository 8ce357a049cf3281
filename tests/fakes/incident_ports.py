"""Ports of an investigation that fail, wait, refuse or cancel on the test's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.analysis.findings import Source
from agents.analysis.signals import IncidentData
from agents.investigation.context import InvestigationPorts, RunContext
from agents.investigation.memory import (
    CollectingPublisher,
    MemoryWindows,
    memory_ports,
    request_for,
    settings_for,
)
from agents.investigation.settings import InvestigationSettings
from agents.investigation.state import GraphState
from agents.ports import Admitted, BudgetLevel, Denied, Landed, Published, QueryLimits
from schemas.errors import UnavailableError
from schemas.events.evidence import Evidence
from schemas.events.investigation import InvestigationRequested, InvestigationStatus
from schemas.metrics import Metric

__all__ = [
    "CancelAfter",
    "Door",
    "Landing",
    "LeaseUntil",
    "ListRecorder",
    "StepClock",
    "UnreachableWindows",
    "collected",
    "context_for",
    "evidence_in",
    "quick",
    "state_for",
    "states_and_steps",
]


@dataclass(slots=True)
class StepClock:
    """Time that moves only by sleeping."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, delay_s: float) -> None:
        self.slept.append(delay_s)
        self.seconds += delay_s


@dataclass(slots=True)
class Landing:
    """`Freshness` that answers from a script, the last answer for ever."""

    script: list[Mapping[Source, Landed]]
    asked: int = 0

    async def landed_until(self, tenant: str, sources: Sequence[Source]) -> Mapping[Source, Landed]:
        answer = self.script[min(self.asked, len(self.script) - 1)]
        self.asked += 1
        return {source: state for source, state in answer.items() if source in sources}


@dataclass(slots=True)
class LeaseUntil:
    """Held for so many questions, then lost."""

    questions: int

    async def still_held(self) -> bool:
        self.questions -= 1
        return self.questions >= 0

    def idle(self) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass(slots=True)
class CancelAfter:
    """Cancelled after so many questions."""

    questions: int

    async def reason(self, tenant: str, investigation_id: str) -> str:
        self.questions -= 1
        return "" if self.questions >= 0 else "its alarms cleared"


@dataclass(frozen=True, slots=True)
class Door:
    """Answers as told."""

    answer: Admitted | Denied
    budget: BudgetLevel = BudgetLevel.NORMAL

    async def admit(self, request: InvestigationRequested) -> Admitted | Denied:
        return self.answer

    async def level(self, tenant: str) -> BudgetLevel:
        return self.budget


class UnreachableWindows:
    """Windows over data of which some sources do not answer, for the first so many calls or for ever."""

    def __init__(self, data: IncidentData, failures: Mapping[str, int]) -> None:
        self._windows = MemoryWindows(data)
        self._left = dict(failures)
        self.asked: list[str] = []

    def within(self, limits: QueryLimits) -> UnreachableWindows:
        return self

    def __getattr__(self, name: str) -> Any:
        async def ask(*args: Any) -> Any:
            self.asked.append(name)
            if self._left.get(name, 0) > 0:
                self._left[name] -= 1
                raise UnavailableError(f"ClickHouse does not answer about {name}")
            return await getattr(self._windows, name)(*args)

        return ask


@dataclass(slots=True)
class ListRecorder:
    """Keeps measurements as (metric name, value, labels)."""

    kept: list[tuple[str, float, dict[str, str]]] = field(default_factory=list)

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        self.kept.append((metric.name, amount, labels))

    def gauge(self, metric: Metric, value: float, **labels: str) -> None:
        self.kept.append((metric.name, value, labels))

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        self.kept.append((metric.name, value, labels))


def quick(data: IncidentData, **changes: object) -> InvestigationSettings:
    """Settings for the data whose retries do not wait."""
    return settings_for(data).model_copy(update={"fetch_backoff_s": 0.0, **changes})


def context_for(data: IncidentData, **ports: Any) -> RunContext:
    """The context of a first run over the data, with some ports replaced."""
    request = ports.pop("request", request_for(data))
    clock = ports.pop("clock", StepClock())
    last_try = ports.pop("last_try", True)
    base: InvestigationPorts = replace(memory_ports(data, quick(data)), clock=clock, **ports)
    return RunContext(base, request, clock.now(), last_try=last_try)


def state_for(context: RunContext, **fields: Any) -> GraphState:
    return GraphState(request=context.request, started_at=context.started_at, **fields)


def collected(context: RunContext) -> list[Published]:
    publisher = context.ports.publisher
    assert isinstance(publisher, CollectingPublisher)
    return publisher.order


def states_and_steps(events: Sequence[Published]) -> list[tuple[str, str]]:
    return [(e.state.value, e.step) for e in events if isinstance(e, InvestigationStatus)]


def evidence_in(events: Sequence[Published]) -> list[Evidence]:
    return [event for event in events if isinstance(event, Evidence)]
