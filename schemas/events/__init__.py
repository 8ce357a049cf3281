"""The events of every topic."""

from schemas.events.alarm import AlarmChanged, AlarmRaw, AlarmStatus, Decision, Severity
from schemas.events.base import Event, Record
from schemas.events.evidence import Evidence
from schemas.events.incident import Incident, IncidentAlarm, IncidentTransition
from schemas.events.investigation import (
    InvestigationRequested,
    InvestigationState,
    InvestigationStatus,
    RequestKind,
)
from schemas.events.ledger import Audit, CostEntry, CostKind, DeadLetter, Header, Usage
from schemas.events.report import (
    Feedback,
    NextStep,
    Report,
    ReportedCause,
    ReportFigure,
    RuledOut,
    ServiceLink,
    Spending,
    TimelineEntry,
    Verdict,
)
from schemas.events.telemetry import (
    ChangeKind,
    ChangeRaw,
    KpiBatch,
    KpiSamples,
    LogBatch,
    LogLine,
    LogSeverity,
)

__all__ = [
    "AlarmChanged",
    "AlarmRaw",
    "AlarmStatus",
    "Audit",
    "ChangeKind",
    "ChangeRaw",
    "CostEntry",
    "CostKind",
    "DeadLetter",
    "Decision",
    "Event",
    "Evidence",
    "Feedback",
    "Header",
    "Incident",
    "IncidentAlarm",
    "IncidentTransition",
    "InvestigationRequested",
    "InvestigationState",
    "InvestigationStatus",
    "KpiBatch",
    "KpiSamples",
    "LogBatch",
    "LogLine",
    "LogSeverity",
    "NextStep",
    "Record",
    "Report",
    "ReportFigure",
    "ReportedCause",
    "RequestKind",
    "RuledOut",
    "ServiceLink",
    "Severity",
    "Spending",
    "TimelineEntry",
    "Usage",
    "Verdict",
]
