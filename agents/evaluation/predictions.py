"""Recorded incidents through the investigation graph, and what it answered in the form that a scorer reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from agents.evaluation.cases import Case
from agents.investigation.memory import memory_ports, request_for, settings_for
from agents.investigation.outcomes import Cancelled, Postponed, Refused, Reported
from agents.investigation.run import Investigations
from schemas.errors import IntegrityError
from schemas.events import Report

__all__ = ["Prediction", "predict"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one case: everybody suspected, the likeliest first, also whom the report leaves out."""

    case: str
    services: tuple[str, ...]
    indicators: tuple[str, ...]
    """`<service>_<metric>`."""
    seconds: float
    """Wall time of the investigation, without reading the case."""
    report: Report


async def predict(case: Case, elapsed: Callable[[], float] = time.perf_counter) -> Prediction:
    """Investigate one case over memory adapters: the same graph and nodes as in production, no model, no network.

    Raises:
        IntegrityError: the graph ended without a report.
    """
    settings = settings_for(case.data)
    begun = elapsed()
    outcome = await Investigations(settings).investigate(
        request_for(case.data, case=case.case_id), memory_ports(case.data, settings)
    )
    seconds = elapsed() - begun
    match outcome:
        case Reported(report=report, ranking=ranking):
            services = tuple(dict.fromkeys(cause.service for cause in ranking.causes))
            return Prediction(case.case_id, services, ranking.indicators, seconds, report)
        case Refused() | Postponed() | Cancelled():
            raise IntegrityError(f"{case.case_id} ended without a report: {outcome}")
