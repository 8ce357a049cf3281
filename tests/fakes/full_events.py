"""Events with every field filled, with texts that are hard to quote; `changes` replace fields."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.events import (
    AlarmChanged,
    AlarmRaw,
    Audit,
    ChangeKind,
    ChangeRaw,
    CostEntry,
    CostKind,
    DeadLetter,
    Decision,
    Event,
    Evidence,
    Feedback,
    Header,
    Incident,
    IncidentTransition,
    InvestigationRequested,
    InvestigationState,
    InvestigationStatus,
    KpiBatch,
    KpiSamples,
    LogBatch,
    LogLine,
    LogSeverity,
    NextStep,
    Report,
    ReportedCause,
    ReportFigure,
    RequestKind,
    RuledOut,
    ServiceLink,
    Severity,
    Spending,
    TimelineEntry,
    Usage,
    Verdict,
)
from tests.fakes import events

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
AWKWARD = 'it\'s \\ a "test"\n\twith {braces:String}, ünïcødé 🔔 and \0 zero'
LABELS = {"pod": "cart-1", "quote": "'\\", "ünï": "cødé", "empty": ""}

_Maker = Callable[[str], Event]


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def _common(tenant: str) -> dict[str, object]:
    return {"tenant": tenant, "occurred_at": NOON}


def alarm(tenant: str, **changes: object) -> AlarmRaw:
    values: dict[str, object] = {
        "fingerprint": "f-1",
        "severity": Severity.CRITICAL,
        "started_at": NOON,
        "received_at": at(1),
        "entity": "cart-1",
        "host": "node-1",
        "indicator": "error_rate",
        "value": 0.25,
        "summary": AWKWARD,
        "labels": LABELS,
        "url": "http://alerts/1",
    }
    full: dict[str, Any] = _common(tenant) | values | changes
    return events.alarm(**full)


def decision(raw: AlarmRaw, what: Decision = Decision.OPENED, **changes: object) -> AlarmChanged:
    shared = raw.model_dump(exclude={"event_id", "received_at", "url"})
    own = {"alarm_event_id": raw.event_id, "decision": what, "reason": AWKWARD, "decided_at": at(2)}
    return AlarmChanged.model_validate(shared | own | changes)


def incident(tenant: str, incident_id: str = "inc_1", **changes: object) -> Incident:
    names = ("HighLatency", "HighErrorRate", "HighErrorRate")
    members = [alarm(tenant, name=name, fingerprint=f"f-{number}") for number, name in enumerate(names)]
    values: dict[str, object] = {
        "incident_id": incident_id,
        "revision": 1,
        "transition": IncidentTransition.OPENED,
        "title": AWKWARD,
        "severity": Severity.MAJOR,
        "services": ("cart", "checkout"),
        "active_count": 2,
        "updated_at": at(1),
    }
    return events.incident_of(*members, **(values | changes))


def request(tenant: str, investigation_id: str = "inv_1", **changes: object) -> InvestigationRequested:
    values: dict[str, object] = {
        "investigation_id": investigation_id,
        "incident": incident(tenant),
        "kind": RequestKind.TRIGGER,
        "policy": "default@1",
        "reason": AWKWARD,
        "priority": 70,
        "observe_s": 12.5,
        "not_before": at(60),
        "recurrence_of": "inv_0",
        "requested_at": at(3),
    }
    return InvestigationRequested.model_validate(_common(tenant) | values | changes)


def status(tenant: str, investigation_id: str = "inv_1", **changes: object) -> InvestigationStatus:
    values: dict[str, object] = {
        "occurred_at": at(4),
        "investigation_id": investigation_id,
        "incident_id": "inc_1",
        "state": InvestigationState.RUNNING,
        "step": "gather",
        "message": AWKWARD,
        "progress": 0.5,
        "attempt": 2,
        "worker": "w-1",
    }
    return InvestigationStatus.model_validate(_common(tenant) | values | changes)


def evidence(tenant: str, investigation_id: str = "inv_1", **changes: object) -> Evidence:
    values: dict[str, object] = {
        "occurred_at": at(5),
        "investigation_id": investigation_id,
        "incident_id": "inc_1",
        "step": "kpis",
        "finding": "cart|cpu|level_shift",
        "kind": "level_shift",
        "service": "cart",
        "indicator": "cpu",
        "statement": AWKWARD,
        "score": 7.25,
        "direction": -1,
        "onset": at(-30),
        "window_start": at(-600),
        "window_end": at(60),
        "data_fresh_until": at(61),
        "query": "SELECT 'it''s'",
        "data": '{"shift": 7.25}',
    }
    return Evidence.model_validate(_common(tenant) | values | changes)


def figure(**changes: object) -> ReportFigure:
    """A series that rises from about 2 to 8 after its twentieth sample."""
    values: dict[str, object] = {
        "service": "cart",
        "indicator": "cpu",
        "unit": "ms",
        "caption": "cart cpu rose from 2 to 8",
        "evidence_id": "ev_1",
        "start": NOON - timedelta(seconds=300),
        "offsets_s": tuple(15.0 * number for number in range(30)),
        "values": tuple(
            [2.0 + number % 3 / 4 for number in range(20)] + [8.25 + number for number in range(10)]
        ),
        "normal_low": 2.0,
        "normal_high": 2.5,
        "onset": NOON,
        "alarm_at": at(60),
    }
    return ReportFigure.model_validate(values | changes)


def report(tenant: str, investigation_id: str = "inv_1", **changes: object) -> Report:
    cause = ReportedCause(
        service="cart", kind="cpu", indicator="cpu", confidence=0.9, statement=AWKWARD, evidence_ids=("ev_1",)
    )
    doubt = ReportedCause(service="db", kind="slow", statement="maybe", evidence_ids=("ev_2",))
    values: dict[str, object] = {
        "occurred_at": at(10),
        "report_id": "rep_1",
        "investigation_id": investigation_id,
        "incident_id": "inc_1",
        "revision": 1,
        "verdict": Verdict.CAUSE_FOUND,
        "confidence": 0.8,
        "headline": AWKWARD,
        "summary": "summary",
        "causes": (cause, doubt),
        "timeline": (TimelineEntry(at=NOON, service="cart", what="began", evidence_id="ev_3"),),
        "ruled_out": (RuledOut(service="web", reason="calm", evidence_ids=("ev_2", "ev_4")),),
        "missing": ("logs of db",),
        "next_steps": (NextStep(action="roll back", query="SELECT 1"),),
        "services": ("cart", "checkout"),
        "started_at": at(5),
        "finished_at": at(10),
        "mode": "deterministic",
        "recurrence_of": "inv_0",
        "cost_nano_usd": 1_234_567,
        "evidence_count": 4,
        "markdown": "# " + AWKWARD,
        "began_at": at(-3),
        "alarmed_at": NOON,
        "alarm_count": 2,
        "severity": "critical",
        "figures": (figure(),),
        "links": (
            ServiceLink(caller="checkout", callee="cart"),
            ServiceLink(caller="cart", callee="host-1", tie="runs on"),
        ),
        "path": ("cart", "checkout"),
        "spending": Spending(queries=7, rows_read=1_234, model_calls=1, query="SELECT 'costs'"),
        "against": (f"web was abnormal before it {AWKWARD}",),
        "partial": f"the limit of steps was reached {AWKWARD}",
    }
    return Report.model_validate(_common(tenant) | values | changes)


def cost(tenant: str, investigation_id: str = "inv_1", **changes: object) -> CostEntry:
    values: dict[str, object] = {
        "occurred_at": at(6),
        "investigation_id": investigation_id,
        "incident_id": "inc_1",
        "service": "cart",
        "alarm": "HighErrorRate",
        "step": "plan",
        "attempt": 1,
        "kind": CostKind.LLM,
        "provider": "openai",
        "model": "gpt-5",
        "usage": Usage(input_uncached=10, cache_read=20, cache_write=None, output=30, reasoning=0),
        "estimated": True,
        "cost_nano_usd": 5_000,
        "price_version": "2026-11",
        "outcome": "ok",
        "duration_ms": 250,
        "rows_read": 17,
    }
    return CostEntry.model_validate(_common(tenant) | values | changes)


def kpis(tenant: str, **changes: object) -> KpiBatch:
    values: dict[str, object] = {
        "occurred_at": at(2),
        "source": "prometheus",
        "service": "cart",
        "series": (
            KpiSamples(metric="cpu", labels=LABELS, unit="1", times_ms=(1_000, 2_000), values=(0.5, 0.75)),
            KpiSamples(metric="rps", unit="1/s", times_ms=(1_000,), values=(float("nan"),)),
        ),
    }
    return KpiBatch.model_validate(_common(tenant) | values | changes)


def logs(tenant: str, **changes: object) -> LogBatch:
    line = LogLine(
        at=at(1),
        severity=LogSeverity.ERROR,
        message=AWKWARD,
        entity="cart-1",
        trace_id="t1",
        attributes=LABELS,
    )
    values: dict[str, object] = {
        "occurred_at": at(2),
        "source": "otlp",
        "service": "cart",
        "records": (line, LogLine(at=at(2), message="bye")),
    }
    return LogBatch.model_validate(_common(tenant) | values | changes)


def change(tenant: str, **changes: object) -> ChangeRaw:
    values: dict[str, object] = {
        "source": "argo",
        "service": "cart",
        "kind": ChangeKind.DEPLOY,
        "title": AWKWARD,
        "version": "1.4.2",
        "author": "ann",
        "url": "http://ci/1",
        "labels": LABELS,
    }
    return ChangeRaw.model_validate(_common(tenant) | values | changes)


def audit(tenant: str, **changes: object) -> Audit:
    values: dict[str, object] = {
        "principal": "ann",
        "action": "report.read",
        "resource": "rep_1",
        "allowed": True,
        "reason": AWKWARD,
    }
    return Audit.model_validate(_common(tenant) | values | changes)


def feedback(tenant: str, **changes: object) -> Feedback:
    values: dict[str, object] = {
        "occurred_at": at(100),
        "investigation_id": "inv_1",
        "score": 65,
        "comment": AWKWARD,
        "actual_service": "db",
        "by": "ann",
    }
    return Feedback.model_validate(_common(tenant) | values | changes)


def dead_letter(tenant: str, **changes: object) -> DeadLetter:
    values: dict[str, object] = {
        "source_topic": "alarms.raw",
        "source_partition": 3,
        "source_offset": 2**40,
        "message_key": b"\x00\xff key",
        "message_value": b"\x00\x00\x00\x00\x07\xfe\xff not utf-8",
        "headers": (Header(name="ce_id", value=b"\xff\x00"), Header(name="gone", value=None)),
        "stage": "intake",
        "reason": "avro_decode",
        "detail": AWKWARD,
        "retries": 2,
    }
    return DeadLetter.model_validate(_common(tenant) | values | changes)


def everything(tenant: str) -> list[Event]:
    """One full event of each topic."""
    raw = alarm(tenant)
    decided: tuple[_Maker, ...] = (incident, request, status, evidence, report, feedback, cost, audit)
    sent: tuple[_Maker, ...] = (dead_letter, change, kpis, logs)
    return [raw, decision(raw), *(make(tenant) for make in decided + sent)]
