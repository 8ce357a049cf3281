"""Whether a series varies otherwise than before."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.analysis.grids import grids_of
from agents.analysis.robust import row_quantiles
from agents.analysis.signals import FloatArray, KpiSeries, Window
from agents.analysis.spread import Spread, spreads

HEALTHY, INSIDE = 480, 40
WINDOW = Window(baseline_start=0.0, start=4_800.0, end=5_200.0, alarm_at=5_000.0)
TIMES = 10.0 * np.arange(float(HEALTHY + INSIDE))


def saw(width: float, samples: int) -> FloatArray:
    """Samples that run evenly over `width` about 100, again and again."""
    return 100.0 + width * (np.arange(samples) % 10 / 9 - 0.5)


def of(before: FloatArray, after: FloatArray, metric: str = "queue_bytes") -> list[Spread]:
    (grid,) = grids_of([KpiSeries("cart", metric, TIMES, np.append(before, after))])
    return spreads(grid, [0], WINDOW)


def the_spread(before: FloatArray, after: FloatArray, metric: str = "queue_bytes") -> Spread:
    (found,) = of(before, after, metric)
    return found


def test_swinging_more_is_told_with_the_width_of_the_middle_four_fifths() -> None:
    found = the_spread(saw(9.0, HEALTHY), saw(180.0, INSIDE))
    assert (found.row, found.direction) == (0, 1)
    assert found.before == pytest.approx(7.2, abs=0.5)
    assert found.after == pytest.approx(144.0, abs=10.0)
    # On average a quantile is 40 farther from the median; a fifth of the level would be notable.
    assert found.score == pytest.approx(2.0, abs=0.3)


def test_freezing_is_told_as_varying_less() -> None:
    found = the_spread(saw(400.0, HEALTHY), saw(0.0, INSIDE))
    assert found.score > 1.0
    assert (found.direction, found.after) == (-1, 0.0)


def test_the_same_swing_at_another_level_is_none() -> None:
    assert the_spread(saw(90.0, HEALTHY), saw(90.0, INSIDE) + 500.0).score < 0.1


def test_what_swung_before_may_swing() -> None:
    past = saw(9.0, HEALTHY)
    past[200:260] = saw(180.0, 60)
    assert the_spread(past, saw(180.0, INSIDE)).score < 1.0


def test_it_may_begin_within_the_window() -> None:
    later = np.append(saw(9.0, INSIDE // 2), saw(300.0, INSIDE // 2))
    found = the_spread(saw(9.0, HEALTHY), later)
    assert found.score > 1.0
    assert TIMES[found.start] == 5_000.0


@pytest.mark.parametrize("inside", [[100.0] * 5, [100.0, math.nan] * 2 + [math.nan] * 36])
def test_too_few_samples_tell_nothing(inside: list[float]) -> None:
    times = np.append(TIMES[:HEALTHY], np.linspace(4_800.0, 5_190.0, len(inside)))
    (grid,) = grids_of([KpiSeries("cart", "m", times, np.append(saw(9.0, HEALTHY), inside))])
    assert spreads(grid, [0], WINDOW) == []


def test_a_short_past_tells_nothing() -> None:
    short = Window(4_500.0, WINDOW.start, WINDOW.end, WINDOW.alarm_at)
    (grid,) = grids_of([KpiSeries("cart", "m", TIMES, np.append(saw(9.0, HEALTHY), saw(180.0, INSIDE)))])
    assert spreads(grid, [0], short) == []
    assert spreads(grid, [], WINDOW) == []


def test_quantiles_lie_between_samples_and_leave_missing_ones_out() -> None:
    table = np.array([[4.0, 1.0, 3.0, 2.0], [math.nan, 7.0, math.nan, 8.0], [math.nan] * 4])
    found = row_quantiles(table, np.array([0.0, 0.5, 1.0]))
    assert found[:2].tolist() == [[1.0, 2.5, 4.0], [7.0, 7.5, 8.0]]
    assert np.isnan(found[2]).all()
    assert np.isnan(row_quantiles(np.empty((1, 0)), np.array([0.5]))).all()
