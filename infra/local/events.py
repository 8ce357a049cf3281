"""What a supervisor tells about its processes: a closed union, one value per thing that happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Exited", "GaveUp", "ProcessEvent", "Ready", "Restarting", "Started", "Stopped"]


@dataclass(frozen=True, slots=True)
class Started:
    """The process runs; it is not yet ready."""

    name: str
    pid: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Ready:
    """Its probe succeeded `after_s` seconds after it started."""

    name: str
    pid: int
    at: datetime
    after_s: float


@dataclass(frozen=True, slots=True)
class Exited:
    """It ended without being asked to. `code` is the exit status, or minus the signal that killed it."""

    name: str
    pid: int
    at: datetime
    code: int
    last_lines: str


@dataclass(frozen=True, slots=True)
class Restarting:
    """It will be started again in `delay_s` seconds; `attempt` counts from 1 since it last ran stably."""

    name: str
    at: datetime
    attempt: int
    delay_s: float
    because: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """It failed `attempts` times in a row and stays down; what depends on it waits."""

    name: str
    at: datetime
    attempts: int
    because: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """It ended on request; `forced` when only SIGKILL helped."""

    name: str
    pid: int
    at: datetime
    forced: bool


ProcessEvent = Started | Ready | Exited | Restarting | GaveUp | Stopped
