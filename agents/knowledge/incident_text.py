"""An incident in words, to be compared with what was written before."""

from __future__ import annotations

from schemas.events.incident import Incident
from schemas.events.report import Report

__all__ = ["incident_text", "report_text"]


def incident_text(incident: Incident) -> str:
    """Return title, services and alarms of an incident, each alarm's words once."""
    alarms = dict.fromkeys(f"{a.name} {a.indicator} {a.summary}" for a in incident.alarms)
    return " ".join([incident.title, *incident.services, *alarms])


def report_text(report: Report) -> str:
    """Return what a report says of its incident: services, headline, summary and causes."""
    causes = (f"{cause.service} {cause.kind} {cause.indicator} {cause.statement}" for cause in report.causes)
    return " ".join([report.headline, report.summary, *report.services, *causes])
