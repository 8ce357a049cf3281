"""What an investigation needs from outside, as protocols. The composition root joins them to sinks, streams and Redis.

In-memory adapters are in `agents.investigation.memory`. Every method that waits may raise UnavailableError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from schemas.control import Runbook
from schemas.events.evidence import Evidence
from schemas.events.investigation import InvestigationRequested, InvestigationStatus
from schemas.events.ledger import Audit, CostEntry
from schemas.events.report import Feedback, Report

if TYPE_CHECKING:
    from agents.analysis.findings import Finding, Source
    from agents.analysis.signals import (
        AlarmRecord,
        CallStats,
        ChangeRecord,
        KpiSeries,
        LogRecord,
        Topology,
        Window,
    )

__all__ = [
    "Admission",
    "Admitted",
    "BudgetLevel",
    "Cancellation",
    "Clock",
    "Delay",
    "Denied",
    "Fetched",
    "Freshness",
    "History",
    "Landed",
    "Lease",
    "Likeness",
    "Published",
    "Publisher",
    "QueryLimits",
    "Runbooks",
    "Standing",
    "Trouble",
    "Windows",
]

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Fetched(Generic[T_co]):
    """What one query answered, and what it took."""

    items: tuple[T_co, ...]
    query: str
    """The SQL with its parameters filled in, for a person to run again."""
    rows_read: int
    duration_ms: int
    fresh_until: datetime | None = None
    """Event time up to which the source had landed; None where it is not known."""
    truncated: bool = False
    """There was more than the query's limit lets through."""
    one_in: int = 1
    """Where there was more and it was thinned out evenly: one of so many is here."""
    focus: Callable[[Finding, Window], str] | None = None
    """The SQL for what one finding on these says; empty where the whole query alone shows that."""


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """How much one query may return, and how long the store may work on it."""

    rows: int
    """Log lines, changes, alarms, calls."""
    samples: int
    """Of all series of one answer together."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Delay:
    """How soon after its stamp something of one service landed, seconds; negative where that was before it.

    Of each series of its KPIs, or each batch of its log lines, the least; of those the median, the upper of two.
    """

    source: Source
    service: str
    least_s: float
    step_s: float = 0.0
    """Between two samples of a series; 0 of lines."""


class Windows(Protocol):
    """Telemetry of one tenant in [start, end]. `services` None is all of them.

    Raises:
        UnavailableError: the store does not answer; the same call may succeed later.
        TimeLimitError: the store ended the query at its limit of time.
    """

    def within(self, limits: QueryLimits) -> Windows:
        """Return the same telemetry, each query of it within these limits. What is cut by them is `truncated`."""

    async def kpis(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[KpiSeries]: ...

    async def alarms(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[AlarmRecord]: ...

    async def logs(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[LogRecord]: ...

    async def changes(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[ChangeRecord]: ...

    async def calls(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[CallStats]: ...

    async def topology(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[Topology]:
        """Return one topology, or none where it is not known."""

    async def delays(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[Delay]:
        """Return one for each source and service with KPIs or lines stamped then; none where landing is not known."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An incident in which something was wrong indeed: from its first alarm until it was over, None while it lasts."""

    incident_id: str
    since: datetime
    until: datetime | None


class History(Protocol):
    """Past reports and incidents of one tenant."""

    async def report(self, tenant: str, investigation_id: str) -> Report | None:
        """Return the last revision, or None: never made, or past its retention."""

    async def reports_about(
        self, tenant: str, services: Sequence[str], before: datetime, limit: int
    ) -> Fetched[Report]:
        """Return reports whose incident touched any of the services, finished before then, newest first."""

    async def troubles(
        self, tenant: str, services: Sequence[str], start: datetime, end: datetime
    ) -> Fetched[Trouble]:
        """Return the incidents of any of the services within [start, end] that were investigated and not found harmless.

        In the order in which they began.
        """

    async def feedback(self, tenant: str, investigation_ids: Sequence[str]) -> tuple[Feedback, ...]:
        """Return what people said of the reports of these investigations, at least the last word of each person."""


class Runbooks(Protocol):
    async def runbooks(self, tenant: str) -> tuple[Runbook, ...]:
        """Return all runbooks of the tenant."""


class Likeness(Protocol):
    """How texts are compared. The same texts have the same likeness, in whatever order and company of calls."""

    def __call__(self, query: str, documents: Sequence[str], /) -> tuple[float, ...]:
        """Return how alike each document is to the query, from 0 to 1, in the documents' order.

        Blocks: call it in a thread. May raise UnavailableError.
        """


@dataclass(frozen=True, slots=True)
class Landed:
    """How far one source has landed. Either may be None: not known."""

    event_time: datetime | None = None
    """The watermark: the latest event time seen in the landed data."""
    caught_up_to: datetime | None = None
    """Everything produced before this wall-clock time has landed, whatever its event time."""


class Freshness(Protocol):
    async def landed_until(self, tenant: str, sources: Sequence[Source]) -> Mapping[Source, Landed]:
        """Return the state of each source asked for; a source that never lands by itself is absent."""


Published = Evidence | InvestigationStatus | CostEntry | Report | Audit


class Publisher(Protocol):
    async def publish(self, *events: Published) -> None:
        """Return when every event is durable. Publishing an event again is harmless: it has the same id."""


class Lease(Protocol):
    async def still_held(self) -> bool:
        """Return whether this worker may still write for this investigation."""

    def idle(self) -> AbstractContextManager[None]:
        """Return what is entered to wait in: a worker that has to stop cuts the investigation off there at once."""


class Cancellation(Protocol):
    async def reason(self, tenant: str, investigation_id: str) -> str:
        """Return why the investigation shall stop, or an empty text."""


class Standing(Protocol):
    """The request, while it is investigated."""

    @property
    def taken_back(self) -> str:
        """Why it was taken back (its alarms cleared); empty while it stands. The run goes on, and the report notes it."""


class BudgetLevel(StrEnum):
    """How much an investigation may spend, as its tenant's money and limits stand."""

    NORMAL = "normal"
    MODERATE = "moderate"
    """Prefer what is known already: ask no model to plan."""
    AGGRESSIVE = "aggressive"
    """Look at the neighbourhood of the alarm only, once."""
    DETERMINISTIC = "deterministic"
    """As aggressive, and without a model."""


@dataclass(frozen=True, slots=True)
class Admitted:
    level: BudgetLevel = BudgetLevel.NORMAL


@dataclass(frozen=True, slots=True)
class Denied:
    """Not now. `until` says when to try again; None is never."""

    reason: str
    until: datetime | None = None


class Admission(Protocol):
    """A tenant's limits and budget."""

    async def admit(self, request: InvestigationRequested) -> Admitted | Denied:
        """Count the investigation against its tenant's limits, once per investigation id, however often asked."""

    async def level(self, tenant: str) -> BudgetLevel:
        """Return what the budget allows now; it may have changed since the investigation began."""


class Clock(Protocol):
    """Time as an argument."""

    def now(self) -> datetime:
        """Return the wall clock, UTC, aware."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""

    async def sleep(self, delay_s: float) -> None: ...
