"""The alarm agent: the order of the storm, who was first, who only joined in."""

from __future__ import annotations

from collections.abc import Sequence

from agents.analysis.alarms import analyse_alarms
from agents.analysis.findings import Finding
from agents.analysis.signals import AlarmRecord, Window
from agents.investigation.context import RunContext
from agents.investigation.nodes.gathering import GatherDelta, GatherOrder, gather
from agents.investigation.state import UNKNOWN_SERVICE, first_service
from schemas.events.alarm import AlarmStatus
from schemas.events.incident import IncidentAlarm
from schemas.events.investigation import RequestKind

__all__ = ["gather_alarms", "incident_alarms", "with_incident"]


async def gather_alarms(order: GatherOrder, context: RunContext) -> GatherDelta:
    """Read the landed alarms; the incident's own are added, landed or not.

    Not where a person asks: what happened long ago has landed, and that somebody wants to know is no alarm.
    """
    asked = context.request.kind is RequestKind.MANUAL
    own = () if asked else incident_alarms(context.request.incident.alarms)

    def analyse(landed: Sequence[AlarmRecord], window: Window) -> tuple[Finding, ...]:
        return analyse_alarms(with_incident(landed, own), window, first_service(context.request))

    return await gather(order, context, context.ports.windows.alarms, analyse)


def incident_alarms(alarms: Sequence[IncidentAlarm]) -> tuple[AlarmRecord, ...]:
    """Return the incident's alarms as the analysis takes them; one without a service tells nothing."""
    return tuple(
        AlarmRecord(
            time=alarm.started_at.timestamp(),
            service=alarm.service,
            name=alarm.name,
            severity=alarm.severity.value,
            entity=alarm.entity,
            host=alarm.host,
            indicator=alarm.indicator,
            detail=alarm.summary,
            cleared=alarm.status is AlarmStatus.CLEARED,
        )
        for alarm in alarms
        if alarm.service != UNKNOWN_SERVICE
    )


def with_incident(landed: Sequence[AlarmRecord], own: Sequence[AlarmRecord]) -> tuple[AlarmRecord, ...]:
    """Return both, by time, an alarm that is in both once, as it landed."""
    seen = {(round(alarm.time, 3), alarm.service, alarm.name, alarm.entity) for alarm in landed}
    fresh = [a for a in own if (round(a.time, 3), a.service, a.name, a.entity) not in seen]
    return tuple(sorted((*landed, *fresh), key=lambda alarm: (alarm.time, alarm.service, alarm.name)))
