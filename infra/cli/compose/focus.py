"""The SQL for what one finding says: its metric, its service or its log line, and no more than that."""

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
from sinks.clickhouse.queries.conditions import Scope
from sinks.clickhouse.queries.delays import delays_query
from sinks.clickhouse.queries.figures import (
    Compared,
    Earlier,
    Series,
    Stretch,
    levels_query,
    lines_query,
    reporting_query,
)

__all__ = ["Focus", "of_kpis", "of_logs"]

Focus = Callable[[Finding, Window], str]

_STATUS: Final = re.compile(r"\s[1-5]xx$")
# Samples are stored by the millisecond.
_HALF: Final = timedelta(microseconds=500)


def of_kpis(tenant: str) -> Focus:
    """Return the maker of queries for findings on KPIs."""
    return partial(_of_kpis, tenant)


def of_logs(tenant: str) -> Focus:
    """Return the maker of queries for findings on log lines."""
    return partial(_of_logs, tenant)


def _of_kpis(tenant: str, finding: Finding, window: Window) -> str:
    compared = _compared(tenant, window)
    if finding.kind is FindingKind.NORMAL:
        return ""  # said of all metrics of a service
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
    series = Series(finding.service, finding.indicator, json.loads(str(finding.data.get("labels", "{}"))))
    days = {name: days for name, days in DAYS_BEFORE.items() if finding.data.get(name) is not None}
    slack = finding.data.get("day_slack_s")
    off = timedelta(seconds=slack) - _HALF if isinstance(slack, (int, float)) else timedelta()
    usual = "usual" if "usual" in finding.data else "before"
    return levels_query(compared, series, shifted, Earlier(days, off), usual).rendered()


def _of_logs(tenant: str, finding: Finding, window: Window) -> str:
    if finding.kind is FindingKind.CLOCK_AHEAD:
        return _clock(_compared(tenant, window), finding)
    template = finding.data.get("template")
    if not isinstance(template, str) or finding.onset is None:
        return ""
    scope = _compared(tenant, window).scope
    line = _own_words(template, str(finding.data.get("failure") or ""))
    return lines_query(scope, finding.service, line, _instant(finding.onset)).rendered()


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
