"""reports: what an investigation concluded."""

from __future__ import annotations

from schemas.events import Report
from sinks.citations import cited_evidence
from sinks.clickhouse.writers.columns import (
    INT,
    KEYWORD,
    MAYBE_FLOAT,
    MAYBE_INT,
    TEXT,
    RowPerEvent,
    computed,
    enum,
    instant,
    plain,
)

__all__ = ["REPORTS"]

_TEXTS = "Array(String)"

REPORTS = RowPerEvent(
    "reports",
    Report,
    plain(TEXT, "investigation_id", "incident_id", "headline", "recurrence_of"),
    computed("report_id", TEXT, lambda report: report.report_id or report.event_id),
    plain(INT, "revision", "evidence_count"),
    enum("verdict"),
    plain(MAYBE_FLOAT, "confidence"),
    computed("cause_services", _TEXTS, lambda report: [cause.service for cause in report.causes]),
    computed("cause_kinds", _TEXTS, lambda report: [cause.kind for cause in report.causes]),
    computed(
        "cause_confidences",
        "Array(Nullable(Float64))",
        lambda report: [cause.confidence for cause in report.causes],
    ),
    computed("evidence_ids", _TEXTS, lambda report: sorted(cited_evidence(report))),
    computed("services", "Array(LowCardinality(String))", lambda report: list(report.services)),
    instant("started_at", "finished_at"),
    plain(KEYWORD, "mode"),
    plain(MAYBE_INT, "cost_nano_usd"),
    computed("document", TEXT, Report.model_dump_json),
)
