from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.detect.detector import Detector
from streams.detect.findings import Finding
from streams.detect.series import Series
from streams.detect.settings import DetectRules
from tests.unit.streams.detect.kpi_shapes import T0, findings, kpi_batch, times

NOW = T0 + 10**10
seeds = st.integers(0, 10_000)
anything = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1.0, math.nan]), st.integers(-9, 9)
)


def _eventful(seed: int) -> list[float]:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, 700)
    values[300] += 60
    values[450:560] += rng.choice([-9.0, 9.0])
    return [float(value) for value in values]


def _when(found: list[Finding]) -> list[tuple[str, bool, int]]:
    return [(one.kind.value, one.firing, one.started_ms) for one in found]


@settings(deadline=None, max_examples=25)
@given(seed=seeds, power=st.integers(-20, 20), sign=st.sampled_from([-1.0, 1.0]))
def test_the_unit_of_a_series_does_not_matter(seed: int, power: int, sign: float) -> None:
    values = _eventful(seed)
    scaled = [sign * math.ldexp(value, power) for value in values]
    assert _when(findings(scaled)) == _when(findings(values))


@settings(deadline=None, max_examples=25)
@given(seed=seeds, shift=st.integers(-1000, 1000))
def test_the_zero_of_a_series_does_not_matter(seed: int, shift: int) -> None:
    values = _eventful(seed)
    assert _when(findings([value + shift for value in values])) == _when(findings(values))


@settings(deadline=None, max_examples=25)
@given(seed=seeds, chunk=st.integers(1, 700), step_s=st.sampled_from([1.0, 10.0, 60.0]))
def test_how_samples_are_cut_into_messages_does_not_matter(seed: int, chunk: int, step_s: float) -> None:
    values = _eventful(seed)
    assert _when(findings(values, step_s, chunk)) == _when(findings(values, step_s, 1))


@settings(deadline=None, max_examples=25)
@given(seed=seeds, repeats=st.lists(st.integers(0, 69), max_size=30))
def test_what_is_delivered_again_changes_nothing(seed: int, repeats: list[int]) -> None:
    values, at = _eventful(seed), times(700, 10.0)
    batches = [kpi_batch({"cpu": values[i : i + 10]}, at[i : i + 10]) for i in range(0, 700, 10)]
    once, again = Detector(DetectRules()), Detector(DetectRules())
    plain = [alarm for batch in batches for alarm in once.apply(0, batch, NOW)]
    disturbed = []
    for number, batch in enumerate(batches):
        disturbed += again.apply(0, batch, NOW)
        for old in repeats:
            if old <= number:
                assert again.apply(0, batches[old], NOW) == []
    assert disturbed == plain


@settings(deadline=None, max_examples=40)
@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 5_000_000), anything), min_size=1, max_size=70), max_size=12
    ),
    season_s=st.sampled_from([0.0, 600.0, 86_400.0]),
)
def test_any_samples_in_any_order_are_survived(
    batches: list[list[tuple[int, float]]], season_s: float
) -> None:
    series = Series(DetectRules(season_s=season_s))
    for batch in batches:
        ordered = sorted(batch, key=lambda one: one[0])
        found = series.feed([T0 + one[0] for one in ordered], [float(one[1]) for one in ordered])
        for one in found:
            assert T0 <= one.started_ms <= one.at_ms
            assert one.value is None or math.isfinite(one.value)


@settings(deadline=None, max_examples=25)
@given(level=st.floats(-1e12, 1e12), count=st.integers(1, 500), chunk=st.integers(1, 100))
def test_a_constant_series_is_silent(level: float, count: int, chunk: int) -> None:
    assert findings([level] * count, 1.0, chunk) == []


@settings(deadline=None, max_examples=25)
@given(names=st.lists(st.integers(0, 40), min_size=1, max_size=120), bound=st.integers(1, 10))
def test_the_number_of_series_is_bounded_and_the_latest_are_kept(names: list[int], bound: int) -> None:
    detector = Detector(DetectRules(max_series=bound))
    for number, name in enumerate(names):
        detector.apply(name % 3, kpi_batch({f"m{name}": [1.0]}, [T0 + 1000 * number]), NOW)
        assert detector.series <= bound
    assert detector.series == min(bound, len(set(names)))
