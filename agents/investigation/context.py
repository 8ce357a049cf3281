"""What a node is given beside the state: the ports, and the run it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from agents.investigation.settings import InvestigationSettings
from agents.investigation.turn import Turn
from agents.knowledge.similarity import similarities
from agents.llm.gateway import LlmGateway
from agents.place_ports import Gate, Turns
from agents.ports import (
    Admission,
    BudgetLevel,
    Cancellation,
    Clock,
    Freshness,
    History,
    Lease,
    Likeness,
    Publisher,
    Runbooks,
    Standing,
    Windows,
)
from schemas.events.investigation import InvestigationRequested
from schemas.metrics import NullRecorder, Recorder

__all__ = ["InvestigationPorts", "RunContext"]


@dataclass(frozen=True, slots=True)
class InvestigationPorts:
    """Everything outside that an investigation touches. `lease` and `cancellation` belong to one investigation."""

    windows: Windows
    history: History
    runbooks: Runbooks
    freshness: Freshness
    publisher: Publisher
    admission: Admission
    lease: Lease
    cancellation: Cancellation
    clock: Clock
    recorder: Recorder = field(default_factory=NullRecorder)
    gateway: LlmGateway | None = None
    """The way to a model; None is the deterministic mode."""
    gate: Gate | None = None
    """Bounds the working steps; None bounds nothing."""
    turns: Turns | None = None
    """Bounds how many investigations of a tenant work at a time; None bounds nothing."""
    standing: Standing | None = None
    """Whether the request still stands; of one investigation, as `lease`. None: nobody takes it back."""
    likeness: Likeness = similarities
    """By what runbooks are compared with the incident: the words they share, unless told otherwise."""
    settings: InvestigationSettings = field(default_factory=InvestigationSettings)
    candidates: frozenset[str] = frozenset()
    """Who may be named as a cause; empty restricts nobody."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run of the graph. A resumed run has the request and the start of the first, so that its events are the same."""

    ports: InvestigationPorts
    request: InvestigationRequested
    started_at: datetime
    attempt: int = 1
    worker: str = ""
    turn: Turn | None = None
    """This run's among its tenant's; None where nothing bounds them."""
    last_try: bool = True
    """The node will not be tried again: what is unreachable now is reported so."""

    @property
    def settings(self) -> InvestigationSettings:
        return self.ports.settings

    def taken_back(self) -> str:
        """Return why the request was taken back since it was begun; empty while it stands."""
        return self.ports.standing.taken_back if self.ports.standing else ""

    async def gateway(self) -> tuple[LlmGateway, BudgetLevel] | None:
        """Return the way to a model and what the tenant's budget allows now; None if nothing may be asked."""
        if self.ports.gateway is None:
            return None
        level = await self.ports.admission.level(self.request.tenant)
        return None if level is BudgetLevel.DETERMINISTIC else (self.ports.gateway, level)
