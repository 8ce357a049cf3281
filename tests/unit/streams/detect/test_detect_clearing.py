"""When an alarm ends: as promptly as it began, and not before the series is surely back."""

from __future__ import annotations

import numpy as np
import pytest

from streams.detect.findings import Finding, Kind
from streams.detect.openings import Opening, Return
from streams.detect.series import Series
from streams.detect.settings import DetectRules
from tests.unit.streams.detect.kpi_shapes import T0, Values, autoregressive, findings, times

BACK = Return(sample_scale=1.0, means_scale=0.1, persist_ms=20_000, surely_ms=100_000)


def _opened(off: float = 10.0) -> Opening:
    return Opening(Kind.LEVEL_SHIFT, T0, off)


def _cleared_after(opening: Opening, offs: Values | list[float], step_ms: int = 1_000) -> int | None:
    """How many samples it took."""
    for number, off in enumerate(offs):
        if opening.take(T0 + number * step_ms, float(off), BACK):
            return number + 1
    return None


def test_calm_that_lasts_ends_an_alarm() -> None:
    assert _cleared_after(_opened(), [0.5] * 100) == 21


def test_calm_counts_from_the_last_sample_off_the_band() -> None:
    assert _cleared_after(_opened(), [10.0] * 50 + [0.0] * 100) == 71


def test_one_wild_sample_does_not_start_it_over() -> None:
    assert _cleared_after(_opened(), [0.0] * 10 + [500.0] + [0.0] * 50) == 21


@pytest.mark.parametrize("offs", [[1.2] * 500, [30.0, -0.5] * 250, [10.0] * 500, [-10.0] * 500])
def test_what_is_off_on_average_does_not_end(offs: list[float]) -> None:
    assert _cleared_after(_opened(), offs) is None


def test_at_least_three_samples_are_needed() -> None:
    assert _cleared_after(_opened(), [0.0] * 10, step_ms=60_000) == 3


def test_a_small_shift_ends_once_enough_samples_tell_it_apart() -> None:
    """A mean of n is known to 1/sqrt(n): five times that must fit below the two deviations told."""
    assert _cleared_after(_opened(2.0), [0.0] * 100, step_ms=10_000) == 7
    assert _cleared_after(_opened(0.3), [0.0] * 200, step_ms=10_000) == 11, "surely_ms have passed"


def _clears(found: list[Finding]) -> list[int]:
    return [one.at_ms for one in found if not one.firing]


def _episode(rng: np.random.Generator, size: float, onset: int, healed: int, count: int) -> Values:
    at = np.arange(count)
    values: Values = rng.normal(100, 1, count) + size * ((at >= onset) & (at < healed))
    return values


@pytest.mark.parametrize("size", [5.0, -8.0, 40.0])
@pytest.mark.parametrize(("step_s", "within_s"), [(1.0, 30), (5.0, 40), (10.0, 60), (60.0, 240)])
def test_an_alarm_ends_soon_after_the_heal(size: float, step_s: float, within_s: float) -> None:
    for seed in range(5):
        found = findings(_episode(np.random.default_rng(seed), size, 900, 1_000, 1_200), step_s)
        assert [one.firing for one in found] == [True, False]
        healed_ms = T0 + round(1_000 * step_s * 1_000)
        assert 20_000 <= found[1].at_ms - healed_ms + step_s * 1_000 <= within_s * 1_000


@pytest.mark.parametrize("persist_s", [5.0, 20.0])
def test_history_in_long_steps_does_not_delay_the_end(persist_s: float) -> None:
    """Learned from samples every five seconds, then live every second."""
    rng = np.random.default_rng(2)
    series = Series(DetectRules(persist_s=persist_s))
    assert series.feed(times(600, 5.0), rng.normal(100, 1, 600).tolist()) == []
    start_ms = T0 + 3_000_000
    values, at = _episode(rng, 12.0, 120, 240, 400).tolist(), times(400, 1.0, start_ms)
    found = [one for i in range(0, 400, 5) for one in series.feed(at[i : i + 5], values[i : i + 5])]
    assert [one.firing for one in found] == [True, False]
    assert found[0].started_ms == start_ms + 120_000
    assert persist_s * 1_000 <= found[1].at_ms - (start_ms + 239_000) <= persist_s * 1_000 + 10_000


@pytest.mark.parametrize("step_s", [1.0, 10.0, 60.0])
@pytest.mark.parametrize("size", [3.0, 4.0, 6.0, 20.0])
def test_a_shift_that_stays_does_not_flap(size: float, step_s: float) -> None:
    for seed in range(5):
        count = 900 + round(3_000 / step_s)
        found = findings(_episode(np.random.default_rng(seed), size, 900, count, count), step_s)
        assert _clears(found) == []
        assert len(found) <= 1


def test_a_shift_in_noise_with_memory_does_not_flap() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        values = autoregressive(rng, 1_200, 0.9) + 8 * (np.arange(1_200) >= 900)
        assert sum(one.firing for one in findings(values, 10.0)) == 1


def test_what_remained_of_the_block_is_not_taken_for_normal() -> None:
    """Healing in mid-block leaves the level and the scales as they were."""
    values = _episode(np.random.default_rng(4), 50.0, 900, 1_003, 1_700)
    values[1_500:] += 8
    raised, healed, again = findings(values, 10.0)
    assert (raised.firing, healed.firing, again.firing) == (True, False, True)
    assert healed.value == pytest.approx(100, abs=1.5)
    assert again.expected == pytest.approx(100, abs=1)
    assert again.size is not None
    assert again.size > 4
