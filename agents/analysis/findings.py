"""What the analysis answers: findings, and causes ranked from them. Frozen, JSON-friendly, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Cause", "CauseKind", "Contribution", "Finding", "FindingKind", "Part", "Ruling", "Source"]

Scalar = str | float | int | bool | None


class Source(StrEnum):
    """Which gathering agent found it."""

    ALARMS = "alarms"
    KPIS = "kpis"
    LOGS = "logs"
    CHANGES = "changes"
    TOPOLOGY = "topology"
    KNOWLEDGE = "knowledge"


class FindingKind(StrEnum):
    """What a finding says. `no_data` and `unreachable` are findings: they say what is not known."""

    LEVEL_SHIFT = "level_shift"
    SPIKE = "spike"
    TREND = "trend"
    SATURATION = "saturation"
    VARIANCE_CHANGE = "variance_change"
    MISSING_DATA = "missing_data"
    NORMAL = "normal"
    FIRST_ALARM = "first_alarm"
    ALARM_STORM = "alarm_storm"
    METRIC_ALARM = "metric_alarm"
    LOG_RATE_CHANGE = "log_rate_change"
    NEW_LOG_TEMPLATE = "new_log_template"
    ERROR_BURST = "error_burst"
    RECENT_CHANGE = "recent_change"
    CALL_LATENCY = "call_latency"
    CALL_FAILURES = "call_failures"
    UPSTREAM_ANOMALY = "upstream_anomaly"
    SYMPTOM = "symptom"
    LEARNED_CALL = "learned_call"
    PAST_INCIDENT = "past_incident"
    RUNBOOK = "runbook"
    ANSWER = "answer"
    """What a model asked for: a fact that nobody has judged."""
    CLOCK_AHEAD = "clock_ahead"
    """Stamps from the future were put right."""
    NO_DATA = "no_data"
    UNREACHABLE = "unreachable"


class CauseKind(StrEnum):
    """The class of a cause, in the words an operator uses."""

    CPU = "cpu"
    MEMORY = "memory"
    DISK = "disk"
    NETWORK = "network"
    LATENCY = "latency"
    ERRORS = "errors"
    SATURATION = "saturation"
    DEPLOY = "deploy"
    CONFIG = "config"
    TRAFFIC = "traffic"
    UNKNOWN = "unknown"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(_Frozen):
    """One thing seen. `subject` makes it unique within its source (for example `cart|cpu_usage|level_shift`).

    `score` is a robust, unit-free strength (0 = nothing, about 1 = just notable, no upper bound), or None where
    strength has no meaning. `onset` is unix seconds. `direction` is +1, -1 or 0. `data` holds the figures
    quoted in `statement`, so that a reader (or `verify`) can check the words against them.
    """

    source: Source
    kind: FindingKind
    service: str
    subject: str
    statement: str
    indicator: str = ""
    score: float | None = None
    onset: float | None = None
    direction: Annotated[int, Field(ge=-1, le=1)] = 0
    data: Mapping[str, Scalar] = Field(default_factory=dict)


def nothing_seen(source: Source, statement: str, about: str = "") -> Finding:
    """Return the finding that a source has nothing to say; `about` names what of it, where it has several."""
    kind = FindingKind.NO_DATA
    return Finding(source=source, kind=kind, service="", subject=f"{about}||{kind}", statement=statement)


class Part(StrEnum):
    """Why a finding adds to a cause's score."""

    SHOWN = "shown"
    """The service shows it, and nobody else explains it."""
    EXPLAINS = "explains"
    """Another service shows it, and this one explains it."""
    CHANGED = "changed"
    """It was changed just before it began to show anything."""


class Contribution(_Frozen):
    """What one finding (its `subject`, and the service that shows it) adds to a cause's score."""

    finding: str
    service: str
    amount: Annotated[float, Field(ge=0)]
    part: Part = Part.SHOWN


class Cause(_Frozen):
    """A candidate cause with what supports it: `findings` are subjects of findings, strongest first.

    `contributions` add up to `score`, largest first; none where nothing was found against the service. It is `tied` where
    something is known to tie it to who raised the alarm, or it is not known who that is.
    """

    service: str
    kind: CauseKind
    indicator: str = ""
    confidence: Annotated[float, Field(ge=0, le=1)]
    score: float
    statement: str
    findings: tuple[str, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    tied: bool = True


class Ruling(_Frozen):
    """A service that looked guilty and is not, and why."""

    service: str
    reason: str
    findings: tuple[str, ...] = ()
