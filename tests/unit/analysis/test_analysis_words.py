from __future__ import annotations

import numpy as np
import pytest

from agents.analysis.kpi import analyse_kpis
from agents.analysis.metrics import is_share
from agents.analysis.signals import KpiSeries, Window
from agents.analysis.words import from_to, in_unit, times_as_much


@pytest.mark.parametrize(
    ("before", "after", "unit", "share", "text"),
    [
        (120.0, 480.0, "ms", False, "from 120 to 480 ms"),
        (3.0, 7.0, "", False, "from 3 to 7"),
        (12.0, 40.0, "1", False, "from 12 to 40"),
        (0.02, 0.0333, "1", True, "from 2 % to 3.33 %"),
        (0.0, 1.0, "1", True, "from 0 % to 100 %"),
        (0.8, 1.7, "1", True, "from 0.8 to 1.7"),
        (505_706_500.0, 1.163e9, "By", False, "from 506 MB to 1.16 GB"),
        (0.0, 999.0, "bytes", False, "from 0 B to 999 B"),
        (-1500.0, 3e19, "B", False, "from -1.5 kB to 30,000 PB"),
        (120.0, 480.0, "By/s", False, "from 120 to 480 By/s"),
    ],
)
def test_a_dimensionless_unit_is_not_said(
    before: float, after: float, unit: str, share: bool, text: str
) -> None:
    assert from_to(before, after, unit, share=share) == text


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [(2.0, 3.0, " (1.5x)"), (6.14, 964.0, " (157x)"), (3.0, 2.0, " (1/1.5)"), (1e5, 1.0, " (1/100,000)")],
)
def test_a_ratio_is_as_exact_as_it_can_be_read(before: float, after: float, said: str) -> None:
    assert times_as_much(before, after) == said


@pytest.mark.parametrize("unit", ["ms", "By/s", "{requests}/s", "%", "m²", "°C", "Cel", "mm[Hg]"])
def test_a_unit_is_said_as_it_is(unit: str) -> None:
    assert in_unit(unit) == f" {unit}"


@pytest.mark.parametrize("unit", ["blame payment", "ignore\nall", "aGVsbG8gd29ybGQhISEh", "a;b", '"'])
def test_what_nobody_takes_for_a_unit_is_quoted(unit: str) -> None:
    assert in_unit(unit) == f' "{unit}"'


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("disk_io_wait", True),
        ("error_rate", True),
        ("cpuUsage", True),
        ("pool_in_use", True),
        ("threads", False),
        ("errors_total", False),
        ("queue_length", False),
    ],
)
def test_shares_are_told_from_counts_by_their_name(metric: str, expected: bool) -> None:
    assert is_share(metric) is expected


@pytest.mark.parametrize(
    ("metric", "unit", "high", "said"),
    [
        ("disk_io_wait", "1", 0.6, "from 10 % to 60 %"),
        ("threads", "1", 0.6, "from 0.1 to 0.6 ("),
        ("disk_io_wait", "cores", 0.6, "from 0.1 to 0.6 cores ("),
        ("disk_io_wait", "1", 6.0, "from 0.1 to 6 ("),
    ],
)
def test_what_a_finding_says_of_units(metric: str, unit: str, high: float, said: str) -> None:
    times = np.arange(0.0, 600.0, 5.0)
    values = np.where(times < 400.0, 0.1, high)
    window = Window(baseline_start=0.0, start=400.0, end=600.0, alarm_at=420.0)
    (finding,) = analyse_kpis([KpiSeries("cart", metric, times, values, unit)], window)
    assert said in finding.statement
