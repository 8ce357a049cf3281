"""Recorded incidents through the investigation graph, and what it answered in the form that a scorer reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from agents.evaluation.answers import Answer, answer
from agents.evaluation.cases import Case
from agents.investigation.memory import memory_ports, settings_for
from agents.llm.gateway import LlmGateway
from schemas.events import Report

__all__ = ["Prediction", "predict"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one case: everybody suspected, the likeliest first, also whom the report leaves out."""

    case: str
    services: tuple[str, ...]
    indicators: tuple[str, ...]
    """`<service>_<metric>`."""
    answer: Answer

    @property
    def report(self) -> Report:
        return self.answer.report

    @property
    def seconds(self) -> float:
        """Wall time of the investigation, without reading the case."""
        return self.answer.seconds


async def predict(
    case: Case, elapsed: Callable[[], float] = time.perf_counter, *, gateway: LlmGateway | None = None
) -> Prediction:
    """Investigate one case over memory adapters: the same graph and nodes as in production, and no network but the model's.

    Raises:
        IntegrityError: the graph ended without a report.
    """
    ports = replace(memory_ports(case.data, settings_for(case.data)), gateway=gateway)
    told = await answer(case.data, ports, case=case.case_id, elapsed=elapsed)
    ranked = [cause.service for cause in told.ranking.causes]
    named = [cause.service for cause in told.report.causes] if told.attempts else []
    return Prediction(case.case_id, tuple(dict.fromkeys([*named, *ranked])), told.ranking.indicators, told)
