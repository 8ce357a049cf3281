"""What holds of records whatever the series: units, holes, constants and the way samples come do not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.detect.findings import Finding, Kind
from streams.detect.records import Blocks, fresh, take_many
from streams.detect.series import Series
from streams.detect.settings import DetectRules, Method
from tests.unit.streams.detect.kpi_shapes import NORMAL, T0, Values, times

RULES = DetectRules(method=Method.RECORDS)
RECORDING = RULES.records
STEP_S = 300.0
LENGTH = 900
kinds = st.sampled_from([name for name in NORMAL if name != "constant"])
seeds = st.integers(0, 100_000)


def _series(kind: str, seed: int) -> Values:
    rng = np.random.default_rng(seed)
    values = np.array(NORMAL[kind](rng, LENGTH, STEP_S), float)
    begin = int(rng.integers(200, LENGTH))
    values[begin : begin + int(rng.integers(1, 90))] += rng.choice([0.0, -4.0, 9.0]) * (values.std() + 0.1)
    return values


def _told(values: Values, chunk: int = 30, at: list[int] | None = None) -> list[tuple[bool, int, int]]:
    series, found = Series(RULES), list[Finding]()
    at = at or times(len(values), STEP_S)
    for start in range(0, len(at), chunk):
        found += series.feed(at[start : start + chunk], values[start : start + chunk].tolist())
    return [(one.firing, one.started_ms, one.at_ms) for one in found if one.kind is Kind.UNUSUAL]


@settings(deadline=None, max_examples=25)
@given(kind=kinds, seed=seeds, power=st.integers(-30, 30), mirrored=st.booleans())
def test_the_unit_does_not_matter_nor_which_way_is_up(
    kind: str, seed: int, power: int, mirrored: bool
) -> None:
    """Powers of two: not a digit is rounded otherwise."""
    values = _series(kind, seed)
    assert _told((-1 if mirrored else 1) * values * 2.0**power) == _told(values)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, shift=st.sampled_from([-1e3, -7.0, 50.0, 1e4]))
def test_where_zero_is_does_not_matter(seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    here, there = fresh(1), fresh(1)
    for mean, foreseen in rng.standard_t(3, (80, 2)):
        scores = [
            take_many(records, _block(mean + move, foreseen + move), RECORDING).score[0]
            for records, move in ((here, 0.0), (there, shift))
        ]
        assert scores[0] == pytest.approx(scores[1], rel=1e-6, abs=1e-9)


def _block(mean: float, foreseen: float) -> Blocks:
    one = np.array([mean])
    return Blocks(one, one - 1, one + 1, np.array([8]), np.array([foreseen]))


@settings(deadline=None, max_examples=25)
@given(kind=kinds, seed=seeds, chunk=st.sampled_from([1, 7, 47, 300, LENGTH]))
def test_the_same_is_told_however_samples_come(kind: str, seed: int, chunk: int) -> None:
    values = _series(kind, seed)
    assert _told(values, chunk) == _told(values, 30)


@settings(deadline=None, max_examples=25)
@given(value=st.floats(-1e90, 1e90), count=st.integers(1, 600))
def test_a_constant_tells_nothing(value: float, count: int) -> None:
    assert _told(np.full(count, value)) == []


@settings(deadline=None, max_examples=25)
@given(kind=kinds, seed=seeds, share=st.floats(0.0, 0.5), nothing=st.sampled_from([np.nan, np.inf, 1e200]))
def test_what_is_no_number_is_as_if_it_had_not_come(
    kind: str, seed: int, share: float, nothing: float
) -> None:
    values = _series(kind, seed)
    lost = np.random.default_rng(seed).random(LENGTH) < share
    lost[:20] = lost[-1] = False
    at = [one for one, gone in zip(times(LENGTH, STEP_S), lost, strict=True) if not gone]
    assert _told(np.where(lost, nothing, values)) == _told(values[~lost], at=at)


@settings(deadline=None, max_examples=25)
@given(kind=kinds, seed=seeds, gap=st.integers(1, 20_000))
def test_a_gap_ends_nothing_and_news_always_ends(kind: str, seed: int, gap: int) -> None:
    """Firing and clearing alternate; what is told ends after at most some hundred samples."""
    at = np.array(times(LENGTH, STEP_S))
    at[LENGTH // 2 :] += gap * 60_000
    told = _told(_series(kind, seed), at=at.tolist())
    assert [firing for firing, _, _ in told] == [number % 2 == 0 for number in range(len(told))]
    assert all(T0 <= started < at_ms for _, started, at_ms in told)
    if len(told) % 2:
        assert (at > told[-1][2]).sum() <= 120


@settings(deadline=None, max_examples=50)
@given(
    means=st.lists(st.floats(-1e90, 1e90), min_size=1, max_size=60),
    spread=st.floats(0.0, 1e90),
    samples=st.integers(1, 10_000),
)
def test_scores_are_numbers_and_the_state_stays_one(means: list[float], spread: float, samples: int) -> None:
    records = fresh(1)
    for mean in means:
        one = np.array([mean])
        blocks = Blocks(one, one - spread, one + spread, np.array([samples]), np.array([np.nan]))
        with np.errstate(over="ignore"):
            news = take_many(records, blocks, RECORDING)
        assert news.score[0] >= 0
        assert np.isfinite([news.off[0], news.expected[0]]).all()
        assert np.isfinite(news.size[0]) or not news.noise[0]
    assert all(np.isfinite(records[name]).all() for name in ("level", "slow", "squares", "above", "below"))


@settings(deadline=None, max_examples=25)
@given(seed=seeds, count=st.integers(1, 9))
def test_many_are_told_what_each_is_told(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    together, alone = fresh(count), [fresh(1) for _ in range(count)]
    for _ in range(60):
        mean, spread, samples = rng.standard_t(2, count), rng.random(count), rng.integers(1, 40, count)
        blocks = Blocks(
            mean, mean - spread, mean + spread, samples, np.where(rng.random(count) < 0.5, 0, np.nan)
        )
        scores = take_many(together, blocks, RECORDING).score.tolist()
        ones = [_only(blocks, i) for i in range(count)]
        assert scores == [
            take_many(one, block, RECORDING).score[0] for one, block in zip(alone, ones, strict=True)
        ]


def _only(blocks: Blocks, number: int) -> Blocks:
    part = slice(number, number + 1)
    return Blocks(
        blocks.mean[part], blocks.low[part], blocks.high[part], blocks.samples[part], blocks.expected[part]
    )


@settings(deadline=None, max_examples=25)
@given(kind=kinds, seed=seeds, end=st.integers(1, LENGTH), other=st.booleans())
def test_what_was_told_does_not_change_with_what_comes_later(
    kind: str, seed: int, end: int, other: bool
) -> None:
    """Neither by the samples' coming at all, nor by what they are."""
    values, at = _series(kind, seed), times(LENGTH, STEP_S)
    later = values.copy()
    later[end:] = np.random.default_rng(seed).normal(1e3, 1e6, LENGTH - end)
    whole = _told(later if other else values, chunk=1)
    assert _told(values[:end], chunk=1) == [one for one in whole if one[2] <= at[end - 1]]


@settings(deadline=None, max_examples=25)
@given(value=st.floats(), again=st.integers(1, 3))
def test_one_sample_tells_nothing(value: float, again: int) -> None:
    """Also where the same time is told again."""
    assert _told(np.full(again, value), at=[T0] * again) == []
