"""The shift of one series, in units of what would be notable for it; every figure here can be worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from agents.analysis.earlier_days import MIN_BASELINE
from agents.analysis.shifts import NOTABLE_SIGMAS, Shift, measure
from agents.analysis.signals import FloatArray, KpiSeries, Window
from tests.fakes.about import about

NAN = math.nan
HEALTHY, INSIDE = 40, 12
# Twelve samples of ten seconds in the window, the alarm at the seventh.
WINDOW = Window(baseline_start=0.0, start=400.0, end=515.0, alarm_at=460.0)


def series(
    inside: Sequence[float], healthy: Sequence[float] | float = 10.0, metric: str = "memory_bytes"
) -> KpiSeries:
    past = [healthy] * HEALTHY if isinstance(healthy, float) else list(healthy)
    values = np.array([*past, *inside], dtype=np.float64)
    times = np.linspace(400.0 - 10.0 * len(past), 390.0 + 10.0 * len(inside), values.size)
    return KpiSeries("cart", metric, times, values)


def the_shift(
    inside: Sequence[float], healthy: Sequence[float] | float = 10.0, metric: str = "memory_bytes"
) -> Shift:
    (shift,) = measure([series(inside, healthy, metric)], WINDOW)
    return shift


def flat(level: float) -> list[float]:
    return [level] * INSIDE


def test_over_a_quiet_baseline_a_fifth_of_the_level_scores_one() -> None:
    assert the_shift(flat(12.0)).score == pytest.approx(1.0)
    shift = the_shift(flat(15.0))
    assert (shift.before, shift.after, shift.score, shift.direction) == (10.0, 15.0, about(2.5), 1)


def test_a_fall_scores_as_a_rise() -> None:
    shift = the_shift(flat(5.0))
    assert (shift.after, shift.score, shift.direction) == (5.0, about(2.5), -1)


def test_a_negative_level_has_a_size_too() -> None:
    shift = the_shift(flat(-15.0), -10.0)
    assert (shift.score, shift.direction) == (about(2.5), -1)


def test_no_shift_scores_nothing_and_has_no_direction() -> None:
    shift = the_shift(flat(10.0))
    assert (shift.score, shift.direction) == (0.0, 0)


def test_four_robust_sigmas_of_noise_score_one() -> None:
    noisy = [8.0, 12.0] * (HEALTHY // 2)
    step = NOTABLE_SIGMAS * 1.4826 * 2.0
    shift = the_shift(flat(10.0 + step), noisy)
    assert (shift.before, shift.score) == (10.0, about(1.0))


def test_a_single_outlier_does_not_widen_what_is_normal() -> None:
    spoiled = [10.0] * HEALTHY
    spoiled[7] = 1e9
    assert the_shift(flat(15.0), spoiled).score == pytest.approx(2.5)


def strayed(*blocks: int, by: float = 6.0) -> list[float]:
    """A baseline of which these runs of three samples stray; the first of forty samples is in none."""
    past = [10.0] * HEALTHY
    for block in blocks:
        past[1 + 3 * block : 4 + 3 * block] = [10.0 + by] * 3
    return past


@pytest.mark.parametrize(
    ("blocks", "unit"), [((5,), 4.5), ((2, 7), 4.5), ((2, 7, 11), 9.0), ((0,), 4.5), ((12,), 4.5)]
)
def test_how_far_it_wandered_for_as_long_before_is_normal(blocks: tuple[int, ...], unit: float) -> None:
    assert the_shift(flat(28.0), strayed(*blocks)).score == pytest.approx(18.0 / unit)


def test_it_may_have_wandered_the_other_way() -> None:
    assert the_shift(flat(28.0), strayed(3, by=-6.0)).score == pytest.approx(18.0 / 4.5)


def test_a_short_baseline_does_not_tell_how_far_it_wanders() -> None:
    past = [10.0] * 8 + [16.0] * 3
    assert the_shift(flat(28.0), past).score == pytest.approx(9.0)
    past = [10.0] * 9 + [16.0] * 3
    assert the_shift(flat(28.0), past).score == pytest.approx(4.0)


def test_what_was_always_zero_is_measured_by_its_new_height() -> None:
    assert the_shift(flat(0.001), 0.0).score == pytest.approx(2.5)
    assert the_shift(flat(1e9), 0.0).score == pytest.approx(2.5)


def test_what_stays_zero_scores_nothing() -> None:
    assert the_shift(flat(0.0), 0.0).score == 0.0


@pytest.mark.parametrize(
    ("before", "after", "score"),
    [
        (0.0, 0.04, 2.0),
        (0.5, 0.52, 1.0),
        (0.0, 4.0, 2.0),
        (90.0, 98.0, 4.0),
        (200.0, 300.0, 2.5),
    ],
)
def test_failures_are_measured_by_everything_that_can_fail(before: float, after: float, score: float) -> None:
    assert the_shift(flat(after), before, "error_rate").score == pytest.approx(score)


def test_failures_counted_in_a_unit_are_measured_by_their_own_level() -> None:
    counted = replace(series(flat(0.6), 0.5, "error_rate"), unit="1/s")
    assert measure([counted], WINDOW)[0].score == pytest.approx(1.0)
    assert the_shift(flat(0.6), 0.5, "error_rate").score == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("unit", "before", "after", "score"),
    [
        ("1", 0.02, 0.04, 0.4),
        ("%", 2.0, 4.0, 0.4),
        ("", 0.02, 0.04, 5.0),
        ("1", 0.5, 0.6, 1.0),
        ("s", 0.02, 0.04, 5.0),
    ],
)
def test_a_little_of_the_whole_is_little_however_many_times_as_much_it_is(
    unit: str, before: float, after: float, score: float
) -> None:
    waited = replace(series(flat(after), before, "disk_io_wait"), unit=unit)
    assert measure([waited], WINDOW)[0].score == pytest.approx(score)


def test_a_share_of_one_that_stands_a_little_above_it_is_no_percentage() -> None:
    used = replace(series(flat(1.02), 0.35, "cpu_usage"), unit="1")
    assert measure([used], WINDOW)[0].score == pytest.approx((1.02 - 0.35) / (0.2 * 0.35))


def test_a_share_is_told_from_percent_by_the_highest_it_ever_was() -> None:
    past = [0.5] * HEALTHY
    past[3] = 60.0
    assert the_shift(flat(0.9), past, "error_rate").score == pytest.approx(0.2)


@pytest.mark.parametrize(("samples", "measured"), [(MIN_BASELINE - 1, 0), (MIN_BASELINE, 1)])
def test_a_baseline_needs_four_samples(samples: int, measured: int) -> None:
    assert MIN_BASELINE == 4
    assert len(measure([series(flat(15.0), [10.0] * samples)], WINDOW)) == measured
    holes = [10.0] * samples + [NAN] * 20
    assert len(measure([series(flat(15.0), holes)], WINDOW)) == measured


def test_one_sample_in_the_window_is_enough() -> None:
    shift = the_shift([*[NAN] * 11, 15.0])
    assert shift.after == 15.0
    assert measure([series([NAN] * INSIDE)], WINDOW) == []


@pytest.mark.parametrize(
    "empty",
    [
        KpiSeries("cart", "m", np.array([]), np.array([])),
        KpiSeries("cart", "m", np.array([600.0, 610.0]), np.array([1.0, 2.0])),
        KpiSeries("cart", "m", np.arange(0.0, 400.0, 10.0), np.ones(40)),
        KpiSeries("cart", "m", np.arange(400.0, 510.0, 10.0), np.ones(11)),
    ],
)
def test_samples_on_one_side_only_cannot_be_measured(empty: KpiSeries) -> None:
    assert measure([empty], WINDOW) == []


def test_a_window_has_its_start_and_not_its_end() -> None:
    times = np.array([0.0, 10.0, 20.0, 30.0, 400.0])
    (first,) = measure([KpiSeries("cart", "m", times, np.array([1.0, 1, 1, 1, 5]))], WINDOW)
    assert first.after == 5.0
    times = np.array([0.0, 10.0, 20.0, 30.0, 510.0, 515.0])
    (last,) = measure([KpiSeries("cart", "m", times, np.array([1.0, 1, 1, 1, 5, 99]))], WINDOW)
    assert last.after == 5.0


def test_what_is_older_than_the_baseline_is_not_read() -> None:
    late = Window(baseline_start=200.0, start=400.0, end=515.0, alarm_at=460.0)
    past = [99.0] * 20 + [10.0] * 20
    (shift,) = measure([series(flat(15.0), past)], late)
    assert (shift.before, shift.score) == (10.0, about(2.5))


def at(first: int, last: int, level: float = 15.0) -> list[float]:
    """Twelve samples of which these are shifted, the last one excluded."""
    return [level if first <= place < last else 10.0 for place in range(INSIDE)]


@pytest.mark.parametrize(("first", "last"), [(0, 12), (3, 12), (6, 12), (9, 12), (6, 9), (3, 9)])
def test_the_longest_stretch_of_the_full_shift_is_told(first: int, last: int) -> None:
    shift = the_shift(at(first, last))
    assert shift.score == pytest.approx(2.5)
    # Half of a stretch and one sample more make its median.
    assert shift.start - HEALTHY <= first
    assert shift.stop - HEALTHY >= last
    assert 2 * (last - first) > shift.stop - shift.start


def test_a_shift_over_the_whole_window_spans_it() -> None:
    shift = the_shift(flat(15.0))
    assert (shift.start, shift.stop) == (HEALTHY, HEALTHY + INSIDE)


def test_what_was_over_before_the_alarm_did_not_raise_it() -> None:
    assert the_shift(at(0, 3)).score == 0.0
    early = Window(WINDOW.baseline_start, WINDOW.start, WINDOW.end, alarm_at=400.0)
    (shift,) = measure([series(at(0, 3))], early)
    assert (shift.score, shift.stop) == (about(2.5), HEALTHY + 3)


def test_what_began_at_the_alarm_is_found_though_it_begins_at_no_quarter() -> None:
    late = Window(WINDOW.baseline_start, WINDOW.start, WINDOW.end, alarm_at=480.0)
    steps = [10.0] * 8 + [15.0] * 4
    (shift,) = measure([series(steps)], late)
    assert (shift.score, shift.after) == (about(2.5), 15.0)


@pytest.mark.parametrize("samples", [1, 2, 3, 5])
def test_a_window_of_few_samples_is_measured_whole(samples: int) -> None:
    shift = the_shift([15.0] * samples)
    assert (shift.start, shift.stop, shift.score) == (HEALTHY, HEALTHY + samples, about(2.5))


def test_series_of_different_grids_are_each_measured_against_their_own_times() -> None:
    dense, sparse = series(flat(15.0)), series(flat(20.0))
    sparse = KpiSeries("web", "memory_bytes", sparse.times[::2], sparse.values[::2])
    again = KpiSeries("db", "memory_bytes", dense.times.copy(), dense.values)
    found = {shift.series.service: shift for shift in measure([dense, sparse, again], WINDOW)}
    assert found["cart"].score == found["db"].score == pytest.approx(2.5)
    assert found["web"].score == pytest.approx(5.0)
    assert found["web"].start == HEALTHY // 2


def test_a_neighbour_on_the_same_grid_changes_nothing() -> None:
    alone = the_shift(flat(15.0))
    loud = KpiSeries("web", "cpu_usage", series(flat(15.0)).times, _random(7))
    together = [s for s in measure([loud, series(flat(15.0))], WINDOW) if s.series.service == "cart"]
    assert [(s.score, s.before, s.after) for s in together] == [(alone.score, 10.0, 15.0)]


def _random(seed: int) -> FloatArray:
    return np.random.default_rng(seed).uniform(0.0, 1e6, HEALTHY + INSIDE)


def test_nothing_to_measure_is_an_empty_list() -> None:
    assert measure([], WINDOW) == []


DAY_S = 86_400.0
TODAY = Window(DAY_S, DAY_S + 400.0, DAY_S + 515.0, DAY_S + 460.0)


def since_yesterday(then: float, now: float, offset: float = 0.0) -> Shift:
    """The same stretch of both days: flat, and in the window by so much more."""
    stretch = np.arange(0.0, 520.0, 10.0)
    day = [np.where(stretch >= 400.0, 10.0 + moved, 10.0) for moved in (then, now)]
    times = np.concatenate([stretch + offset, stretch + DAY_S])
    (shift,) = measure([KpiSeries("cart", "memory_bytes", times, np.concatenate(day))], TODAY)
    return shift


@pytest.mark.parametrize(
    ("then", "score"), [(0.0, 3.0), (6.0, 0.75), (3.0, 1.875), (60.0, 0.75), (-6.0, 3.0), (-1.0, 3.0)]
)
def test_what_it_did_at_the_same_time_yesterday_weighs_a_quarter(then: float, score: float) -> None:
    shift = since_yesterday(then, 6.0)
    assert (shift.score, shift.yesterday) == (about(score), about(then))
    assert (shift.before, shift.after) == (10.0, 16.0)


def test_a_fall_of_every_day_is_one_too() -> None:
    assert since_yesterday(-6.0, -6.0).score == pytest.approx(0.75)


def test_samples_need_not_come_at_the_same_second_every_day() -> None:
    assert since_yesterday(6.0, 6.0, offset=4.0).score == pytest.approx(0.75)


def test_without_yesterday_nothing_is_known_of_it() -> None:
    assert the_shift(flat(15.0)).yesterday is None
    thin = np.concatenate([[0.0, 10.0, 410.0], np.arange(0.0, 520.0, 10.0) + DAY_S])
    values = np.where(thin >= DAY_S + 400.0, 16.0, 10.0)
    (shift,) = measure([KpiSeries("cart", "memory_bytes", thin, values)], TODAY)
    assert (shift.yesterday, shift.score) == (None, about(3.0))


def test_a_baseline_of_more_than_a_day_has_yesterday_in_it() -> None:
    # Every day at this time it rises for two minutes; the baseline is a day and a half of it.
    times = np.arange(0.0, 1.5 * DAY_S + 520.0, 10.0)
    window = Window(0.0, 1.5 * DAY_S + 400.0, 1.5 * DAY_S + 515.0, 1.5 * DAY_S + 460.0)
    daily = np.where((times - 0.5 * DAY_S - 400.0) % DAY_S < 120.0, 20.0, 10.0)
    (usual,) = measure([KpiSeries("cart", "memory_bytes", times, daily)], window)
    (new,) = measure([KpiSeries("cart", "memory_bytes", times, np.where(times < DAY_S, 10.0, daily))], window)
    assert (usual.yesterday, new.yesterday) == (10.0, 0.0)
    assert usual.score < 1.0 < new.score
