"""Who explains whose symptoms, by clues in one word: `web` calls `db` unless another topology is given."""

from __future__ import annotations

from typing import Any

from agents.analysis.clues import Clue
from agents.analysis.findings import CauseKind
from agents.analysis.signals import Topology
from agents.analysis.topology import Explanation, explanations
from tests.fakes.clues import by_service, clue

__all__ = ["CPU", "ERRORS", "LATENCY", "TRAFFIC", "WEB_DB", "busy", "explained", "failing", "share", "slow"]

CPU, LATENCY, ERRORS, TRAFFIC = CauseKind.CPU, CauseKind.LATENCY, CauseKind.ERRORS, CauseKind.TRAFFIC
WEB_DB = Topology(calls={"web": frozenset({"db"})}, nodes=frozenset({"web", "db"}))


def slow(service: str, strength: float = 4.0, **data: Any) -> Clue:
    return clue(service, LATENCY, strength, own=False, **data)


def failing(service: str, strength: float = 4.0) -> Clue:
    return clue(service, ERRORS, strength, own=False)


def busy(service: str, strength: float = 4.0, **data: Any) -> Clue:
    return clue(service, CPU, strength, own=True, **data)


def explained(*clues: Clue, topology: Topology = WEB_DB) -> dict[str, Explanation]:
    return explanations(by_service(*clues), topology)


def share(*clues: Clue, topology: Topology = WEB_DB) -> float:
    """How much of the symptoms of `web` is explained."""
    return explained(*clues, topology=topology)["web"].share
