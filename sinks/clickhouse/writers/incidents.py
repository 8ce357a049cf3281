"""incidents: a row per transition."""

from __future__ import annotations

from schemas.events import Incident
from sinks.clickhouse.writers.columns import INT, TEXT, RowPerEvent, computed, enum, instant, plain

__all__ = ["INCIDENTS"]

_KEYWORDS = "Array(LowCardinality(String))"


def _alarm_names(incident: Incident) -> list[str]:
    return sorted({alarm.name for alarm in incident.alarms})


INCIDENTS = RowPerEvent(
    "incidents",
    Incident,
    plain(TEXT, "incident_id", "title", "merged_into"),
    plain(INT, "revision", "alarm_count", "active_count"),
    enum("transition", "severity"),
    instant("opened_at", "updated_at"),
    computed("services", _KEYWORDS, lambda incident: list(incident.services)),
    computed("alarm_names", _KEYWORDS, _alarm_names),
    computed("document", TEXT, Incident.model_dump_json),
)
