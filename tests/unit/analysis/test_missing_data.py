"""Which series are missed, since when, and how notable that is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.analysis.absences import Absence, reporting
from agents.analysis.grids import grids_of
from agents.analysis.signals import FloatArray, KpiSeries, Window
from tests.fakes.about import about

START = 1_000.0
WINDOW = Window(baseline_start=0.0, start=START, end=START + 100.0, alarm_at=START + 50.0)


def at(*times: float | FloatArray, metric: str = "m") -> KpiSeries:
    moments = np.concatenate([np.atleast_1d(one) for one in times]).astype(np.float64)
    return KpiSeries("cart", metric, moments, np.ones(moments.size))


def until(end: float, step: float = 10.0, first: float = 0.0) -> KpiSeries:
    return at(np.arange(first, end, step))


def absence(series: KpiSeries, window: Window = WINDOW) -> Absence | None:
    found = reporting(grids_of([series]), window).absent
    return found[0] if found else None


def test_a_series_that_stops_is_missed_since_its_next_sample_was_due() -> None:
    gone = absence(until(START))
    assert gone is not None
    assert (gone.since, gone.score, gone.stopped) == (START, about(110 / 30), True)
    assert (gone.service, gone.metric) == ("cart", "m")


def test_it_may_stop_in_the_middle() -> None:
    gone = absence(until(START + 45))
    assert gone is not None
    assert (gone.since, gone.score) == (START + 50, about(2.0))


@pytest.mark.parametrize(("end", "missed"), [(101.0, False), (80.1, False), (75.0, True)])
def test_a_silence_of_three_samples_is_one(end: float, missed: bool) -> None:
    assert (absence(until(START + end)) is not None) is missed


def test_a_missing_sample_is_no_sample() -> None:
    whole = until(START + 101)
    holes = np.where(whole.times >= START, math.nan, whole.values)
    assert absence(KpiSeries("cart", "m", whole.times, holes)) is not None


def test_what_was_silent_for_as_long_before_has_not_stopped() -> None:
    paused = at(np.arange(0.0, 500.0, 10.0), np.arange(550.0, START, 10.0))
    gone = absence(paused)
    # Three times its longest pause is 180 s; it is silent for 110.
    assert gone is not None
    assert not gone.stopped


def test_holes_are_missed_where_half_of_the_samples_are() -> None:
    thin = absence(at(np.arange(0.0, START, 10.0), START + np.array([0.0, 30.0, 60.0, 90.0])))
    assert thin is not None
    assert (thin.stopped, thin.since, thin.score) == (False, START, about(1.2))
    assert absence(at(np.arange(0.0, START, 10.0), START + np.arange(0.0, 100.0, 16.0))) is None


@pytest.mark.parametrize("healthy", [0, 1, 5])
def test_too_few_healthy_samples_tell_nothing(healthy: int) -> None:
    assert absence(until(START, first=START - 10.0 * healthy)) is None
    assert absence(until(START, first=START - 60.0)) is not None


def test_less_than_three_due_samples_tell_nothing() -> None:
    assert absence(until(START, step=40.0)) is None
    three = Window(baseline_start=0.0, start=START, end=START + 120.0, alarm_at=START + 50.0)
    assert absence(until(START, step=40.0), three) is not None


def test_what_reports_now_and_then_is_not_missed() -> None:
    assert absence(at(np.arange(0.0, 60.0, 10.0), np.arange(600.0, 660.0, 10.0))) is None


def test_samples_before_the_baseline_do_not_tell_the_step() -> None:
    late = Window(baseline_start=960.0, start=START, end=START + 100.0, alarm_at=START + 50.0)
    assert absence(until(START), late) is None


def test_each_pattern_of_holes_has_its_own_answer() -> None:
    times = np.arange(0.0, START + 100.0, 10.0)
    whole, thin = np.ones_like(times), np.where(times >= START, math.nan, 1.0)
    kpis = [KpiSeries("cart", str(n), times, values) for n, values in enumerate((whole, thin, whole, thin))]
    found = reporting(grids_of(kpis), WINDOW)
    assert found.regular == {"cart": 4}
    assert [one.metric for one in found.absent] == ["1", "3"]
