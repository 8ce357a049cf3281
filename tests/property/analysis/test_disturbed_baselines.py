"""What lies in a disturbed span of the baseline is as if it had not been."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.analysis.calls import analyse_calls
from agents.analysis.kpi import analyse_kpis
from agents.analysis.logs import analyse_logs
from agents.analysis.signals import CallStats, KpiSeries, LogRecord, Window
from tests.fakes.incident_data import ALARM_AT, bad_deploy

PLAIN = bad_deploy().window
SPANS = st.tuples(st.floats(0, 800), st.floats(1, 500)).map(
    lambda drawn: (PLAIN.baseline_start + drawn[0], PLAIN.baseline_start + drawn[0] + drawn[1])
)


def window(span: tuple[float, float]) -> Window:
    return replace(PLAIN, disturbed=(span,))


def wild(series: KpiSeries, span: tuple[float, float], value: float) -> KpiSeries:
    inside = (series.times >= span[0]) & (series.times < span[1])
    return replace(series, values=np.where(inside, value, series.values))


@settings(max_examples=25)
@given(SPANS, st.floats(-1e6, 1e6))
def test_measurements_in_it_change_nothing(span: tuple[float, float], value: float) -> None:
    kpis = bad_deploy().kpis
    other = [wild(one, span, value) for one in kpis]
    assert analyse_kpis(kpis, window(span)) == analyse_kpis(other, window(span))


@settings(max_examples=25)
@given(SPANS, st.integers(1, 200))
def test_log_lines_in_it_change_nothing(span: tuple[float, float], many: int) -> None:
    logs = bad_deploy().logs
    first, last = span
    more = [
        LogRecord(
            first + (last - first) * k / many, "cart", "NullPointerException in CartItem.merge", "error"
        )
        for k in range(many)
    ]
    kept = sorted((*logs, *more), key=lambda line: line.time)
    assert analyse_logs(logs, window(span)) == analyse_logs(kept, window(span))


@settings(max_examples=25)
@given(SPANS, st.floats(1, 1e6))
def test_calls_in_it_change_nothing(span: tuple[float, float], slow_ms: float) -> None:
    calls = [
        CallStats(at, "cart", "add", "checkout", 100.0, 10.0, 30.0 if at < ALARM_AT - 40 else 90.0)
        for at in np.arange(PLAIN.baseline_start, PLAIN.end, 30.0).tolist()
    ]
    other = [replace(one, p50_ms=slow_ms) if span[0] <= one.time < span[1] else one for one in calls]
    assert analyse_calls(calls, window(span)) == analyse_calls(other, window(span))


@given(SPANS, st.floats(PLAIN.baseline_start - 100, PLAIN.end + 100))
def test_usual_is_the_baseline_without_its_disturbed_spans(span: tuple[float, float], time: float) -> None:
    usual = window(span).usual(time)
    assert usual == (PLAIN.baseline_start <= time < PLAIN.start and not span[0] <= time < span[1])
    assert PLAIN.usual(time) == (PLAIN.baseline_start <= time < PLAIN.start)
