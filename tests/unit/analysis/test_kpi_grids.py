"""Series as matrices, tidied."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.analysis.grids import Grid, grids_of
from agents.analysis.signals import KpiSeries, Window


def series(times: list[float], values: list[float], service: str = "cart") -> KpiSeries:
    return KpiSeries(service, "m", np.array(times, dtype=np.float64), np.array(values, dtype=np.float64))


def the_grid(*kpis: KpiSeries) -> Grid:
    (grid,) = grids_of(kpis)
    return grid


def test_series_with_equal_times_share_a_grid_whether_or_not_they_share_the_array() -> None:
    one, same, other = series([1, 2], [5, 6], "a"), series([1, 2], [7, 8], "b"), series([1, 3], [9, 9], "c")
    shared = KpiSeries("d", "m", one.times, one.values)
    first, second = grids_of([one, shared, other, same])
    assert [one.service for one in first.series] == ["a", "d", "b"]
    assert first.values.tolist() == [[5, 6], [5, 6], [7, 8]]
    assert [one.service for one in second.series] == ["c"]


def test_samples_are_brought_in_order() -> None:
    grid = the_grid(series([3, 1, 2], [30, 10, 20]))
    assert (grid.times.tolist(), grid.values.tolist()) == ([1, 2, 3], [[10, 20, 30]])


def test_of_samples_at_one_time_the_last_holds() -> None:
    grid = the_grid(series([2, 1, 2, 1], [20, 10, 21, 11]))
    assert (grid.times.tolist(), grid.values.tolist()) == ([1, 2], [[11, 21]])


@pytest.mark.parametrize("moment", [math.nan, math.inf, -math.inf])
def test_a_sample_at_no_time_is_none(moment: float) -> None:
    grid = the_grid(series([1, moment, 2], [10, 15, 20]))
    assert (grid.times.tolist(), grid.values.tolist()) == ([1, 2], [[10, 20]])
    assert the_grid(series([moment], [1])).values.shape == (1, 0)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e308, -1e306])
def test_what_no_measurement_can_be_is_missing(value: float) -> None:
    assert np.isnan(the_grid(series([1, 2], [value, 1])).values[0]).tolist() == [True, False]


def test_the_series_themselves_are_not_written_to() -> None:
    kpi = series([2, 1], [math.inf, 1])
    the_grid(kpi)
    assert kpi.values.tolist() == [math.inf, 1]


def test_columns_have_their_start_and_not_their_end() -> None:
    grid = the_grid(series([0, 10, 20, 30, 40], [1, 2, 3, 4, 5]))
    window = Window(10.0, 20.0, 40.0, 30.0)
    assert grid.healthy(window).tolist() == [[2]]
    assert grid.times[grid.incident(window)].tolist() == [20, 30]
    assert grid.times[grid.columns(11.0, 9.0)].tolist() == []


def test_what_is_healthy_leaves_out_disturbed_spans() -> None:
    grid = the_grid(series([0, 10, 20, 30, 40], [1, 2, 3, 4, 5]))
    window = Window(0.0, 40.0, 50.0, 45.0, disturbed=((10.0, 20.0), (29.0, 31.0)))
    assert grid.healthy(window).tolist() == [[1, 3]]


def test_nothing_is_no_grid() -> None:
    assert grids_of([]) == []
    assert the_grid(series([], [])).values.shape == (1, 0)
