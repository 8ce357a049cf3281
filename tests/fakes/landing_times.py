"""Incidents of which it is known when their data landed, and clocks that were ahead meanwhile."""

from __future__ import annotations

from dataclasses import replace

from agents.analysis.findings import Source
from agents.analysis.signals import IncidentData, KpiSeries, LogRecord

__all__ = ["landed", "stamped_ahead"]


def landed(data: IncidentData, after_s: float = 0.0) -> IncidentData:
    """The incident, everything of which landed so long after it was taken."""
    return replace(
        data,
        kpis=tuple(replace(one, landed=one.times + after_s) for one in data.kpis),
        logs=tuple(replace(one, landed=one.time + after_s) for one in data.logs),
    )


def stamped_ahead(
    data: IncidentData, by_s: float, *services: str, sources: tuple[Source, ...] = (Source.KPIS, Source.LOGS)
) -> IncidentData:
    """The incident as the clocks of these services tell it, of these sources; of no names: everybody's."""

    def concerned(one: KpiSeries | LogRecord, source: Source) -> bool:
        return source in sources and (not services or one.service in services)

    return replace(
        data,
        kpis=tuple(
            replace(one, times=one.times + by_s) if concerned(one, Source.KPIS) else one for one in data.kpis
        ),
        logs=tuple(
            replace(one, time=one.time + by_s) if concerned(one, Source.LOGS) else one for one in data.logs
        ),
    )
