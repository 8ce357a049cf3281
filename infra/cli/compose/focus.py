"""The SQL for what one finding says: its metric, its service, its log line or its alarm, and no more than that."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from agents.analysis.earlier_days import DAYS_BEFORE
from agents.analysis.findings import Finding, FindingKind
from agents.analysis.signals import Window
from infra.cli.compose.service_graphs import EDGE_METRICS
from sinks.clickhouse.queries.conditions import Scope
from sinks.clickhouse.queries.delays import delays_query
from sinks.clickhouse.queries.event_figures import (
    calls_query,
    change_query,
    raised_query,
    report_query,
    storm_query,
)
from sinks.clickhouse.queries.figures import (
    Compared,
    Earlier,
    Series,
    Stretch,
    levels_query,
    reporting_query,
)
from sinks.clickhouse.queries.line_figures import Line, Looked, lines_query, requests_query, written_query

__all__ = ["Focus", "of_alarms", "of_calls", "of_changes", "of_kpis", "of_logs", "of_the_past"]

Focus = Callable[[Finding, Window], str]

_OF_CALLS: Final = frozenset({FindingKind.CALL_LATENCY, FindingKind.CALL_FAILURES})
_STATUS: Final = re.compile(r"\s[1-5]xx$")
# Samples are stored by the millisecond.
_HALF: Final = timedelta(microseconds=500)


def of_kpis(tenant: str) -> Focus:
    """Return the maker of queries for findings on KPIs."""
    return partial(_of_kpis, tenant)


def of_calls(tenant: str) -> Focus:
    """Return the maker of queries for findings on calls between services."""
    return partial(_of_calls, tenant)


def of_logs(tenant: str) -> Focus:
    """Return the maker of queries for findings on log lines."""
    return partial(_of_logs, tenant)


def of_alarms(tenant: str) -> Focus:
    """Return the maker of queries for findings on alarms."""
    return partial(_of_alarms, tenant)


def of_changes(tenant: str) -> Focus:
    """Return the maker of queries for findings on changes."""
    return partial(_of_changes, tenant)


def of_the_past(tenant: str) -> Focus:
    """Return the maker of queries for findings on past incidents and runbooks."""
    return partial(_of_the_past, tenant)


def _of_kpis(tenant: str, finding: Finding, window: Window) -> str:
    compared = _compared(tenant, window)
    if finding.kind is FindingKind.CLOCK_AHEAD:
        return _clock(compared, finding)
    if finding.kind is FindingKind.MISSING_DATA:
        return reporting_query(compared, finding.service).rendered()
    first, last = finding.data.get("span_from_s"), finding.data.get("span_to_s")
    if not isinstance(first, (int, float)) or not isinstance(last, (int, float)):
        return ""
    shifted = Stretch(
        compared.start + timedelta(seconds=first) - _HALF, compared.start + timedelta(seconds=last) + _HALF
    )
    if finding.kind is FindingKind.NORMAL:  # said of all metrics of a service
        return levels_query(compared, Series(finding.service), shifted, Earlier({})).rendered()
    series = Series(finding.service, finding.indicator, json.loads(str(finding.data.get("labels", "{}"))))
    days = {name: days for name, days in DAYS_BEFORE.items() if finding.data.get(name) is not None}
    slack = finding.data.get("day_slack_s")
    off = timedelta(seconds=slack) - _HALF if isinstance(slack, (int, float)) else timedelta()
    usual = "usual" if "usual" in finding.data else "before"
    return levels_query(compared, series, shifted, Earlier(days, off), usual).rendered()


def _of_calls(tenant: str, finding: Finding, window: Window) -> str:
    if finding.kind not in _OF_CALLS:
        return ""
    return calls_query(_compared(tenant, window).scope, finding.service, EDGE_METRICS).rendered()


def _of_logs(tenant: str, finding: Finding, window: Window) -> str:
    compared = _compared(tenant, window)
    if finding.kind is FindingKind.CLOCK_AHEAD:
        return _clock(compared, finding)
    looked, lasted = Looked(compared.scope, compared.without), finding.data.get("lasted_s")
    since = _instant(window.end - lasted) if isinstance(lasted, (int, float)) else compared.start
    if finding.kind is FindingKind.NORMAL:
        return written_query(looked, finding.service, since).rendered()
    template = finding.data.get("template")
    if not isinstance(template, str) or finding.onset is None:
        return ""
    line = Line(finding.service, _own_words(template, str(finding.data.get("failure") or "")))
    context = finding.data.get("context")
    if not isinstance(context, str):
        return lines_query(compared.scope, line, _instant(finding.onset)).rendered()
    asked = Line(str(finding.data.get("context_service") or finding.service), _own_words(context, ""))
    return requests_query(looked, line, asked, since).rendered()


def _of_alarms(tenant: str, finding: Finding, window: Window) -> str:
    raised = Scope(tenant, _instant(window.start), _instant(window.end))
    match finding.kind:
        case FindingKind.ALARM_STORM:
            return storm_query(raised).rendered()
        case FindingKind.FIRST_ALARM if finding.onset is not None:
            at = _instant(finding.onset)
            then = Scope(tenant, at - _HALF, at + _HALF)
            return raised_query(then, finding.service, str(finding.data.get("name") or "")).rendered()
        case FindingKind.METRIC_ALARM | FindingKind.SYMPTOM:
            return raised_query(raised, finding.service).rendered()
        case _:
            return ""


def _of_changes(tenant: str, finding: Finding, window: Window) -> str:
    del window  # a change has a name
    change = finding.data.get("change_id")
    return change_query(tenant, change).rendered() if isinstance(change, str) and change else ""


def _of_the_past(tenant: str, finding: Finding, window: Window) -> str:
    del window  # so have a report and a runbook
    if finding.kind is FindingKind.RUNBOOK:
        return "-- the control plane's runbooks"
    report = finding.data.get("investigation_id")
    return report_query(tenant, report).rendered() if isinstance(report, str) else ""


def _clock(compared: Compared, finding: Finding) -> str:
    since = Scope(compared.scope.tenant, compared.start, compared.scope.end)
    return delays_query(since, (finding.service,)).rendered()


def _own_words(template: str, failure: str) -> str:
    """The template without what it says of the trace behind the line, or of its status."""
    line = template.partition(f"{failure} at ")[0] if failure else template
    return _STATUS.sub("", line) or template


def _compared(tenant: str, window: Window) -> Compared:
    return Compared(
        Scope(tenant, _instant(window.baseline_start), _instant(window.end)),
        _instant(window.start),
        tuple(Stretch(_instant(since), _instant(until)) for since, until in window.disturbed),
    )


def _instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, tz=UTC)
