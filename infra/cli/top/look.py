"""What `tocsin top` sees at one moment. None, also inside, is what is not known: not allowed to the key, or not answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

__all__ = [
    "OPENED_AT_MOST",
    "Investigating",
    "Look",
    "OpenIncident",
    "Part",
    "Problem",
    "Process",
    "Rates",
    "Spending",
    "StageLag",
]

OPENED_AT_MOST: Final = 500
"""Incidents that are counted: a page of the API, also in a storm."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that the API needs; `detail` is empty for a key that may not see it."""

    name: str
    ready: bool
    latency_ms: float
    detail: str

    @classmethod
    def of(cls, name: str, row: dict[str, Any]) -> Self:
        return cls(name, row["ready"], row["latency_ms"], row["detail"])


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the stack on this machine."""

    name: str
    status: str
    restarts: int


@dataclass(frozen=True, slots=True)
class StageLag:
    """How many messages a stage has still to handle, and the topic with most of them."""

    stage: str
    messages: int
    topic: str


@dataclass(frozen=True, slots=True)
class Rates:
    """Per second, over the last half minute. `landed` counts rows where the roles' metrics tell, else messages."""

    alarms_per_s: float | None = None
    evidence_per_s: float | None = None
    landed_per_s: float | None = None
    landed_unit: str = "rows"


@dataclass(frozen=True, slots=True)
class OpenIncident:
    incident_id: str
    title: str
    severity: str
    transition: str
    opened_at: datetime
    alarm_count: int
    active_count: int

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        return cls(
            row["incident_id"],
            row["title"],
            row["severity"],
            row["transition"],
            datetime.fromisoformat(row["opened_at"]),
            row["alarm_count"],
            row["active_count"],
        )


@dataclass(frozen=True, slots=True)
class Investigating:
    """An investigation that has not ended; `progress` from 0 to 1."""

    investigation_id: str
    incident_id: str
    title: str
    state: str
    step: str
    message: str
    progress: float
    attempt: int
    requested_at: datetime
    last_at: datetime

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        return cls(
            row["investigation_id"],
            row["incident_id"],
            row["title"],
            row["state"],
            row["step"],
            row["message"],
            row["progress"],
            row["attempt"],
            datetime.fromisoformat(row["requested_at"]),
            datetime.fromisoformat(row["last_at"]),
        )


@dataclass(frozen=True, slots=True)
class Spending:
    """Integer 10^-9 USD; None where no entry has a price. Entries without one are counted, never summed as free."""

    last_hour_nano_usd: int | None
    today_nano_usd: int | None
    month_nano_usd: int | None
    monthly_budget_nano_usd: int | None
    unpriced_this_month: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be seen, and why."""

    section: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    at: datetime
    name: str
    """The context, or the address."""
    url: str
    tenant: str
    status: str | None
    """ready, not_ready or stopping; None: no answer."""
    version: str = ""
    parts: tuple[Part, ...] = ()
    processes: tuple[Process, ...] = ()
    """Empty for an installation elsewhere."""
    lag: tuple[StageLag, ...] | None = None
    rates: Rates | None = None
    incidents: tuple[OpenIncident, ...] | None = None
    """Open ones: the most severe first, of those the newest."""
    more_incidents: bool = False
    opened_in_10_min: int | None = None
    """Counted up to OPENED_AT_MOST."""
    investigations: tuple[Investigating, ...] | None = None
    """Running, waiting and queued ones, those at work first."""
    more_investigations: bool = False
    spending: Spending | None = None
    problems: tuple[Problem, ...] = ()
