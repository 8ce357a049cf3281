"""A week of one series with a daily load: quiet while it repeats, told when it does not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streams.detect.findings import Finding, Kind
from streams.detect.season import BINS, Profile
from tests.unit.streams.detect.kpi_shapes import DAY_S, T0, Values, findings

STEP_S = 60.0
DAY = round(DAY_S / STEP_S)
WEEK = 7 * DAY
MINUTE = np.arange(WEEK)


def _load(seed: int, swing: float = 20.0) -> Values:
    """A daily wave with its first harmonic, a busy hour with sharp edges, and noise of one."""
    turn = 2 * np.pi * MINUTE / DAY
    busy = 10.0 * ((MINUTE % DAY >= 540) & (MINUTE % DAY < 660))
    noise = np.random.default_rng(seed).normal(size=WEEK)
    values: Values = 100 + swing * np.sin(turn) + swing / 3 * np.sin(2 * turn + 1) + busy + noise
    return values


def _fired(values: Values, after_day: float = 0.0) -> list[Finding]:
    from_ms = T0 + round(after_day * DAY_S * 1000)
    return [one for one in findings(values, STEP_S, chunk=60) if one.firing and one.started_ms >= from_ms]


@pytest.mark.parametrize("seed", range(4))
def test_a_week_that_repeats_is_quiet_from_the_third_day(seed: int) -> None:
    assert len(_fired(_load(seed))) <= 5
    assert _fired(_load(seed), after_day=2) == []


@pytest.mark.parametrize("minute", [0, 600, 1_000])
@pytest.mark.parametrize("size", [15.0, -15.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_shift_on_the_sixth_day_is_told_at_any_hour(seed: int, size: float, minute: int) -> None:
    """As a trend where it lies between what the level and the pattern expect."""
    onset = 5 * DAY + minute
    told = _fired(_load(seed) + size * (onset <= MINUTE), after_day=4)
    assert told
    assert told[0].kind in {Kind.LEVEL_SHIFT, Kind.TREND}
    assert 0 <= (told[0].at_ms - T0) / 60_000 - onset <= 45


@pytest.mark.parametrize("slope", [0.1, 0.5])
def test_a_leak_under_a_daily_load_is_told_within_the_hour(slope: float) -> None:
    """It rises no faster than the load itself does in its steepest hour."""
    leak = slope * np.maximum(0, MINUTE - 5 * DAY)
    told = _fired(_load(6) + leak, after_day=5)
    assert told
    assert (told[0].at_ms - T0) / 60_000 - 5 * DAY <= 60


def test_a_busy_hour_that_does_not_come_brings_few_alarms() -> None:
    holiday = (MINUTE >= 5 * DAY + 540) & (MINUTE < 5 * DAY + 660)
    fired = _fired(_load(7) - 10.0 * holiday, after_day=5)
    assert len(fired) <= 3


def test_a_profile_knows_the_rise_between_hours_it_has_seen() -> None:
    period_ms = round(DAY_S * 1000)
    profile = Profile(period_ms)
    width_ms = period_ms // BINS
    for number in range(BINS + 1):
        profile.learn(number * width_ms, float(number % BINS))
    assert profile.rise(0, 0) == 0
    assert profile.rise(2 * width_ms, 7 * width_ms) == pytest.approx(5)
    assert profile.rise(7 * width_ms, period_ms + 2 * width_ms) == pytest.approx(-5)


def test_a_profile_fills_single_bins_from_their_neighbours_and_no_more() -> None:
    period_ms = round(DAY_S * 1000)
    profile = Profile(period_ms)
    width_ms = period_ms // BINS
    for number in (0, 2, 3, 10, 11):
        profile.learn(number * width_ms, float(number))
    assert profile.rise(0, width_ms) == pytest.approx(1)
    assert math.isnan(profile.rise(0, 5 * width_ms))
