"""Records: what a series tells where it goes farther than it has gone in its memory."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from streams.detect.detector import Detector
from streams.detect.findings import Finding, Kind
from streams.detect.records import RECORDS, Blocks, fresh, take_many
from streams.detect.series import Series
from streams.detect.settings import DetectRules, Method
from tests.unit.streams.detect.kpi_shapes import T0, Values, findings, kpi_batch, times

RULES = DetectRules(method=Method.RECORDS)
RECORDING = RULES.records
STEP_S = 300.0


def _noise(count: int, seed: int = 5) -> Values:
    """Nothing in it goes farther than the samples that begin it."""
    values = 10 + np.tile(np.random.default_rng(seed).uniform(-1, 1, 100), count // 100)
    values[:40] += np.tile([-3, 3], 20)
    return values


def _told(values: Values, rules: DetectRules = RULES, chunk: int = 50) -> list[Finding]:
    found = findings(values, STEP_S, chunk, rules)
    return [one for one in found if one.kind is Kind.UNUSUAL]


def _at(found: Finding) -> int:
    """Which sample it was told at."""
    return round((found.at_ms - T0) / 1000 / STEP_S)


def test_a_sample_farther_than_any_is_news_at_the_end_of_its_block() -> None:
    values = _noise(2_000)
    values[1_500] = 16.0
    (fired, ended) = _told(values)
    assert fired.firing
    assert 1_500 < _at(fired) <= 1_500 + 9
    assert fired.value == 16.0
    assert fired.expected == pytest.approx(10.0, abs=0.1)
    assert fired.size is not None
    assert fired.size > 5
    assert not ended.firing
    assert ended.started_ms == fired.started_ms
    assert _at(ended) - _at(fired) == pytest.approx(100, abs=18)


def test_news_is_told_downwards_too_though_upwards_more_is_usual() -> None:
    values = _noise(2_000)
    values[60] = 60.0
    values[1_500] = -10.0
    fired = [one for one in _told(values) if one.firing]
    assert [one.value for one in fired if _at(one) > 1_000] == [pytest.approx(-10.0)]


def test_what_recurs_at_the_same_height_is_told_once() -> None:
    values = _noise(3_000)
    values[1_000::200] = 16.0
    assert [one.value for one in _told(values) if one.firing and one.value == pytest.approx(16.0)] == [16.0]


def test_a_small_shift_that_stays_is_news_before_it_is_a_change() -> None:
    values = _noise(3_000)
    values[2_000:] += 1.5
    fired = [one for one in _told(values) if one.firing and one.at_ms >= T0 + 2_000 * STEP_S * 1000]
    assert 2_000 < _at(fired[0]) < 2_100


def test_a_day_that_leaves_out_its_peak_is_news() -> None:
    """No sample is farther from the level than usual: only the daily pattern knows."""
    day = 288
    shape = 50 + 30 * np.sin(2 * np.pi * np.arange(day) / day)
    values = np.tile(shape, 15) + np.random.default_rng(9).normal(0, 1, 15 * day)
    values[13 * day + 20 : 13 * day + 130] = 50
    fired = [_at(one) for one in _told(values) if one.firing]
    assert any(13 * day + 20 < at < 13 * day + 130 for at in fired)


def test_while_a_change_is_told_there_is_no_further_news() -> None:
    values = _noise(2_000)
    values[1_500:] = 60 + 10 * (np.arange(500) // 20)
    found = findings(values, STEP_S, 10, RULES)
    assert {one.kind for one in found} == {Kind.LEVEL_SHIFT}


def test_nobody_is_told_who_asked_for_changes() -> None:
    values = _noise(2_000)
    values[1_500] = 16.0
    assert _told(values, DetectRules()) == []


def test_changes_are_told_the_same_with_and_without_records() -> None:
    values = _noise(3_000)
    values[1_000:1_100] += 8
    values[2_000] += 40
    rest = [one for one in findings(values, STEP_S, 20, RULES) if one.kind is not Kind.UNUSUAL]
    assert rest == findings(values, STEP_S, 20)
    assert rest


def test_a_young_series_is_silent() -> None:
    values = _noise(100)
    values[90] = 500.0
    assert _told(values) == []


def test_the_state_is_small_and_plain() -> None:
    assert RECORDS.itemsize <= 128
    assert sys.getsizeof(Series(RULES).records) < 600


def test_blocks_of_many_samples_do_not_end_the_memory() -> None:
    records = fresh(1)
    for mean in [0.0, 1.0] * 200:
        take_many(records, _block(mean, samples=10_000), RECORDING)
    assert records["level"][0] == pytest.approx(0.5, abs=0.02)
    assert take_many(records, _block(1.0, samples=10_000), RECORDING).score[0] < 1.0
    assert take_many(records, _block(3.0, samples=10_000), RECORDING).score[0] > 1.0


def _block(mean: float, samples: int = 8) -> Blocks:
    one = np.array([mean])
    return Blocks(one, one, one, np.array([samples]), np.array([math.nan]))


def test_one_sample_alone_is_nothing() -> None:
    records = fresh(1)
    assert take_many(records, _block(7.0, samples=1), RECORDING).score.tolist() == [0.0]
    assert np.isfinite(records["level"]).all()


def test_the_alarm_has_an_identity_of_its_own_and_clears() -> None:
    detector = Detector(RULES)
    values = _noise(2_000)
    values[1_500] = 16.0
    at = times(2_000, STEP_S)
    alarms = []
    for start in range(0, 2_000, 10):
        column = {"cpu": values[start : start + 10].tolist()}
        alarms += detector.apply(0, kpi_batch(column, at[start : start + 10]), at[-1])
    fired, cleared = (one for one in alarms if one.name == "KpiUnusual")
    assert fired.fingerprint == cleared.fingerprint
    assert fired.severity.value == "warning"
    assert "farther than it is known to go" in fired.summary
    assert "has gone no farther" in cleared.summary
