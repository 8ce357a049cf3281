from __future__ import annotations

import gc
import math
import sys
from enum import Enum
from itertools import pairwise

import numpy as np
import pytest

from streams.detect.findings import Finding, Kind
from streams.detect.series import Series
from streams.detect.settings import DetectRules
from tests.unit.streams.detect.kpi_shapes import NORMAL, T0, Values, autoregressive, daily, findings, times

STEPS_S = (1.0, 10.0, 60.0)
ONSET = 900
LENGTH = 1_080


def _noise(seed: int) -> Values:
    return np.random.default_rng(seed).normal(100, 1, LENGTH)


def _after() -> Values:
    return (np.arange(LENGTH) >= ONSET).astype(float)


def _first(found: list[Finding]) -> Finding:
    assert found
    assert found[0].firing
    return found[0]


def _sample_of(at_ms: int, step_s: float) -> float:
    return (at_ms - T0) / 1000 / step_s


@pytest.mark.parametrize("kind", NORMAL)
def test_normal_series_are_quiet(kind: str) -> None:
    """Measured: 0 to 2 false alarms (random walk) in 28 series-days of each kind, at most 0.072 a series-day."""
    false = 0
    for step_s, days in ((10.0, 1), (60.0, 6)):
        for seed in range(4):
            count = int(days * 86_400 / step_s)
            found = findings(NORMAL[kind](np.random.default_rng(seed), count, step_s), step_s, chunk=1_000)
            false += sum(one.firing for one in found)
    assert false <= 2


@pytest.mark.parametrize("step_s", STEPS_S)
@pytest.mark.parametrize("size", [3.0, -4.0, 8.0, 30.0])
def test_a_sustained_shift_is_told_once_where_it_began(size: float, step_s: float) -> None:
    for seed in range(5):
        found = findings(_noise(seed) + size * _after(), step_s)
        told = _first(found)
        assert sum(one.firing for one in found) == 1
        assert told.kind is Kind.LEVEL_SHIFT
        assert abs(_sample_of(told.started_ms, step_s) - ONSET) <= 10
        assert told.value is not None
        assert told.expected is not None
        assert math.copysign(1, told.value - told.expected) == math.copysign(1, size)


def test_a_large_shift_is_told_after_the_time_it_must_persist() -> None:
    told = _first(findings(_noise(1) + 30 * _after(), 1.0, chunk=5))
    assert told.started_ms == T0 + ONSET * 1000
    assert told.at_ms - told.started_ms == 20_000


def test_a_shift_in_noise_with_memory_is_told() -> None:
    values = autoregressive(np.random.default_rng(3), LENGTH, 0.9) + 6 * _after()
    assert _first(findings(values, 10.0)).kind is Kind.LEVEL_SHIFT


@pytest.mark.parametrize("step_s", STEPS_S)
@pytest.mark.parametrize("size", [25.0, -25.0])
def test_a_spike_is_told_when_it_has_come_back_and_clears(size: float, step_s: float) -> None:
    values = _noise(2)
    values[ONSET] += size
    fired, cleared = findings(values, step_s)
    assert fired.kind is Kind.SPIKE
    assert (_sample_of(fired.started_ms, step_s), _sample_of(fired.at_ms, step_s)) == (ONSET, ONSET + 1)
    assert fired.value == pytest.approx(values[ONSET])
    assert (cleared.firing, cleared.started_ms) == (False, fired.started_ms)


def test_spikes_that_repeat_are_told_ever_more_rarely() -> None:
    values = np.random.default_rng(5).normal(0, 1, 6_000)
    values[500::100] += 30
    fired = [one for one in findings(values, 10.0) if one.firing]
    assert 1 <= len(fired) <= 3


@pytest.mark.parametrize("step_s", [1.0, 10.0])
@pytest.mark.parametrize("slope", [0.05, 0.2])
def test_a_leak_is_told(slope: float, step_s: float) -> None:
    values = _noise(4) + slope * np.maximum(0, np.arange(LENGTH) - ONSET)
    told = _first(findings(values, step_s))
    assert told.value is not None
    assert told.expected is not None
    assert told.value > told.expected


def test_a_slow_leak_that_never_jumps_is_told_as_a_trend() -> None:
    count = 9_000
    ramp = 0.004 * np.maximum(0, np.arange(count) - 5_000)
    told = _first(findings(np.random.default_rng(6).normal(100, 1, count) + ramp, 1.0))
    assert told.kind is Kind.TREND
    assert 4_000 <= _sample_of(told.started_ms, 1.0) <= 6_500
    assert told.value is not None
    assert told.expected == pytest.approx(100, abs=3)


def test_an_alarm_clears_when_the_level_comes_back() -> None:
    values = _noise(7) + 8 * _after() * (np.arange(LENGTH) < ONSET + 80)
    fired, cleared = findings(values, 1.0)
    assert fired.firing
    assert not cleared.firing
    assert not cleared.adopted
    assert ONSET + 80 <= _sample_of(cleared.at_ms, 1.0) <= ONSET + 110


def test_a_level_that_stays_becomes_normal() -> None:
    count = 4_000
    values = np.random.default_rng(8).normal(0, 1, count) + 10 * (np.arange(count) >= 500)
    values += 10 * (np.arange(count) >= 3_000)
    fired, adopted, again = findings(values, 10.0, rules=DetectRules(adopt_s=3_600))[:3]
    assert (fired.firing, adopted.firing, again.firing) == (True, False, True)
    assert adopted.adopted
    assert again.expected == pytest.approx(10, abs=1)


def test_a_constant_series_that_changes_is_told_without_a_size() -> None:
    told = _first(findings(np.where(np.arange(LENGTH) >= ONSET, 7.0, 5.0), 1.0))
    assert (told.kind, told.size) == (Kind.LEVEL_SHIFT, None)
    assert told.value == pytest.approx(7.0, abs=1e-3)
    assert told.expected == pytest.approx(5.0, abs=1e-3)


def test_yesterday_excuses_today() -> None:
    """A job that lifts the load at the same hour each day is news on the first day, and hardly later."""
    days, step_s = 5, 60.0
    count = int(days * 86_400 / step_s)
    hour = (np.arange(count) * step_s / 3_600) % 24
    values = np.random.default_rng(9).normal(50, 1, count) + 12 * ((hour > 6) & (hour < 8))
    fired = [one for one in findings(values, step_s) if one.firing]
    assert fired
    assert sum(_sample_of(one.started_ms, step_s) >= 1_440 for one in fired) <= 1
    unseasonal = [one for one in findings(values, step_s, rules=DetectRules(season_s=0)) if one.firing]
    assert len(unseasonal) > len(fired)


def test_a_shift_over_a_daily_load_is_told() -> None:
    count = 3 * 1_440
    values = daily(np.random.default_rng(10), count, 60.0, 15) + 12 * (np.arange(count) >= 4_000)
    (told,) = (one for one in findings(values, 60.0) if one.firing)
    assert abs(_sample_of(told.started_ms, 60.0) - 4_000) <= 10


def test_a_new_series_learns_quietly() -> None:
    values = np.random.default_rng(11).normal(0, 1, 55)
    values[30:] += 50
    assert findings(values, 10.0) == []


@pytest.mark.parametrize("values", [[], [1.0], [math.nan], [math.inf, -math.inf], [1e300, 1e308]])
def test_next_to_nothing_is_nothing(values: list[float]) -> None:
    assert findings(values) == []


def test_missing_samples_are_passed_over() -> None:
    values = _noise(12) + 30 * _after()
    values[::7] = math.nan
    values[5::70] = math.inf
    assert _first(findings(values, 1.0)).kind is Kind.LEVEL_SHIFT


def test_after_a_long_gap_the_series_learns_anew() -> None:
    series = Series(DetectRules())
    rng = np.random.default_rng(13)
    assert series.feed(times(500, 1.0), rng.normal(0, 1, 500).tolist()) == []
    later = times(500, 1.0, T0 + 7_200_000)
    assert series.feed(later, rng.normal(50, 1, 500).tolist()) == []


def _bytes_of(root: object) -> int:
    """Everything reachable that belongs to this object alone."""
    shared = (type, DetectRules, Enum)
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, shared) or one is None or isinstance(one, bool):
            continue
        seen[id(one)] = one
        waiting += [ref for ref in gc.get_referents(one) if not callable(ref)]
    return sum(sys.getsizeof(one) for one in seen.values())


def test_a_series_stays_within_its_bound() -> None:
    series = Series(DetectRules())
    sizes = []
    values = np.random.default_rng(14).normal(123.456, 7.8, 20_000)
    values[19_950:] += 200
    at = times(20_000, 60.0)
    for start in range(0, 20_000, 500):
        series.feed(at[start : start + 500], values[start : start + 500].tolist())
        sizes.append(_bytes_of(series))
    assert series.opening is not None
    assert max(sizes) < 2_600, max(sizes)
    assert all(abs(after - before) < 300 for before, after in pairwise(sizes[2:]))
