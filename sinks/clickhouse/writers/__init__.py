"""One writer per table; `WRITERS` finds it by the bare name of the topic that lands there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sinks.clickhouse.writers.alarm_decisions import ALARM_DECISIONS
from sinks.clickhouse.writers.alarms import ALARMS
from sinks.clickhouse.writers.audit import AUDIT
from sinks.clickhouse.writers.changes import CHANGES
from sinks.clickhouse.writers.columns import Stamp, TableWriter
from sinks.clickhouse.writers.costs import COSTS
from sinks.clickhouse.writers.dead_letters import DEAD_LETTERS
from sinks.clickhouse.writers.evidence import EVIDENCE
from sinks.clickhouse.writers.feedback import FEEDBACK
from sinks.clickhouse.writers.incidents import INCIDENTS
from sinks.clickhouse.writers.investigation_requests import INVESTIGATION_REQUESTS
from sinks.clickhouse.writers.investigation_status import INVESTIGATION_STATUS
from sinks.clickhouse.writers.kpis import KPIS
from sinks.clickhouse.writers.logs import LOGS
from sinks.clickhouse.writers.reports import REPORTS

__all__ = ["WRITERS", "Stamp", "TableWriter"]

_ALL: tuple[TableWriter, ...] = (
    ALARMS,
    ALARM_DECISIONS,
    AUDIT,
    CHANGES,
    COSTS,
    DEAD_LETTERS,
    EVIDENCE,
    FEEDBACK,
    INCIDENTS,
    INVESTIGATION_REQUESTS,
    INVESTIGATION_STATUS,
    KPIS,
    LOGS,
    REPORTS,
)

WRITERS: Final[Mapping[str, TableWriter]] = {writer.event.TOPIC: writer for writer in _ALL}
"""Every topic of the catalogue has its table."""
