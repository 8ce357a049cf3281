"""Many series taken on together say what each of them says by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.detect.ensemble import Ensemble
from streams.detect.findings import Finding
from streams.detect.series import Series
from streams.detect.settings import DetectRules, Method
from streams.detect.tables import Columns
from tests.unit.streams.detect.kpi_shapes import NORMAL, T0, Values

seeds = st.integers(0, 100_000)
rules = st.builds(
    DetectRules,
    method=st.sampled_from(Method),
    season_s=st.sampled_from([0.0, 600.0, 86_400.0]),
    persist_s=st.sampled_from([0.0, 20.0]),
)
steps = st.sampled_from([1_000, 10_000, 60_000])
NOISY = ("gaussian", "ar_0.9", "student_t3", "lognormal", "daily_5", "random_walk")
"""Where a series is as good as constant, the last digit of a sum decides what is far off."""


@dataclass(frozen=True)
class Told:
    at_ms: list[int]
    values: list[Values]


def _told(seed: int, kinds: Sequence[str], step_ms: int, length: int = 420) -> Told:
    """A series of each kind: with holes, repeated and missing stretches of time, spikes and shifts."""
    rng = np.random.default_rng(seed)
    at = T0 + np.arange(length) * step_ms
    at[rng.integers(0, length) :] += step_ms * int(rng.choice([0, 3, 50, 900]))
    at[length - 5 :] -= step_ms * int(rng.choice([0, 2]))
    values = []
    for kind in kinds:
        one = np.array(NORMAL[kind](rng, length, step_ms / 1000), float)
        begin = int(rng.integers(100, length))
        one[begin : begin + int(rng.integers(1, 120))] += rng.choice([0.0, 3.0, -9.0, 40.0]) * (one.std() + 1)
        one[rng.random(length) < rng.choice([0.0, 0.1])] = rng.choice([np.nan, np.inf])
        values.append(one)
    return Told(np.sort(at).tolist(), values)


def _alone(told: Told, rules: DetectRules, chunk: int) -> list[list[Finding]]:
    found = []
    for values in told.values:
        series = Series(rules)
        starts = range(0, len(told.at_ms), chunk)
        fed = (series.feed(told.at_ms[i : i + chunk], values[i : i + chunk].tolist()) for i in starts)
        found.append([one for some in fed for one in some])
    return found


def _together(told: Told, rules: DetectRules, chunk: int) -> list[list[Finding]]:
    ensemble = Ensemble(rules)
    slots = np.array([ensemble.add() for _ in told.values])
    found: list[list[Finding]] = [[] for _ in told.values]
    for i in range(0, len(told.at_ms), chunk):
        at = np.array(told.at_ms[i : i + chunk])
        columns = Columns(
            slots,
            np.full(slots.size, at.size),
            np.tile(at, slots.size),
            np.concatenate([values[i : i + chunk] for values in told.values]),
        )
        for number, some in ensemble.feed(columns).items():
            found[number] += some
    return found


@settings(deadline=None, max_examples=25)
@given(seed=seeds, rules=rules, step_ms=steps)
def test_sample_by_sample_they_are_the_same_to_the_last_digit(
    seed: int, rules: DetectRules, step_ms: int
) -> None:
    told = _told(seed, tuple(NORMAL), step_ms)
    for together, alone in zip(_together(told, rules, 1), _alone(told, rules, 1), strict=True):
        assert _when(together) == _when(alone)
        for one, other in zip(together, alone, strict=True):
            assert _numbers(one) == pytest.approx(_numbers(other), rel=1e-9, abs=1e-12, nan_ok=True)


@settings(deadline=None, max_examples=40)
@given(seed=seeds, rules=rules, step_ms=steps, chunk=st.sampled_from([2, 7, 20, 90, 420]))
def test_in_columns_they_tell_the_same_at_the_same_times(
    seed: int, rules: DetectRules, step_ms: int, chunk: int
) -> None:
    told = _told(seed, NOISY, step_ms)
    together, alone = _together(told, rules, chunk), _alone(told, rules, chunk)
    assert list(map(_when, together)) == list(map(_when, alone))


def _numbers(found: Finding) -> list[float]:
    return [math.nan if one is None else one for one in (found.value, found.expected, found.size)]


def _when(found: list[Finding]) -> list[tuple[str, bool, int, int, bool]]:
    return [(one.kind.value, one.firing, one.started_ms, one.at_ms, one.adopted) for one in found]


@settings(deadline=None, max_examples=25)
@given(seed=seeds, rules=rules, order=st.permutations(range(len(NOISY))), parts=st.integers(1, 4))
def test_who_is_taken_on_with_whom_does_not_matter(
    seed: int, rules: DetectRules, order: list[int], parts: int
) -> None:
    told = _told(seed, NOISY, 10_000)
    whole = _together(told, rules, 20)
    for part in range(parts):
        chosen = order[part::parts]
        some = _together(Told(told.at_ms, [told.values[number] for number in chosen]), rules, 20)
        assert list(map(_when, some)) == [_when(whole[number]) for number in chosen]
