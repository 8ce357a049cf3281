"""How an investigation ends for whoever ran it: a closed union, matched with `assert_never`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from agents.investigation.state import RankedState
from schemas.events.report import Report

__all__ = ["Cancelled", "InvestigationOutcome", "Postponed", "Refused", "Reported"]


@dataclass(frozen=True, slots=True)
class Reported:
    """It ended with a report, which is published."""

    report: Report
    ranking: RankedState = field(default_factory=RankedState)
    """Everything that was ranked, also what the report leaves out."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It may not be made, now or later."""

    reason: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """It may be made at `until`."""

    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Cancelled:
    """It was stopped between two steps."""

    reason: str


InvestigationOutcome: TypeAlias = Reported | Refused | Postponed | Cancelled
