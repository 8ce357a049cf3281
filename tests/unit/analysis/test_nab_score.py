"""The benchmark's arithmetic, on corpora small enough to reckon by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.evaluation.nab import (
    PROFILES,
    STANDARD,
    NabProfile,
    Recording,
    nab_gain,
    nab_most,
    nab_score,
    probation,
)

LENGTH = 1_000
WINDOW = (500, 599)


def _recording(*detections: int, windows: tuple[tuple[int, int], ...] = (WINDOW,)) -> Recording:
    scores = np.zeros(LENGTH)
    scores[list(detections)] = 1.0
    return Recording(scores, windows)


def _sigmoid(position: float) -> float:
    return 2 / (1 + math.exp(5 * position)) - 1


def _at(recording: Recording, profile: NabProfile = STANDARD) -> float:
    return nab_score([recording], profile, threshold=1.0).normalised


def test_who_detects_each_window_at_its_start_and_nothing_else_has_100() -> None:
    assert _at(_recording(500)) == pytest.approx(100.0)
    two = _recording(300, 700, windows=((300, 350), (700, 703)))
    assert _at(two) == pytest.approx(100.0)


def test_who_never_detects_has_0() -> None:
    assert nab_score([_recording()], threshold=1.0).normalised == 0.0
    nothing = nab_score([_recording(), _recording()], threshold=1.0)
    assert (nothing.raw, nothing.hit, nothing.windows, nothing.threshold) == (-2.0, 0, 2, math.inf)


def test_a_window_is_worth_less_the_later_it_is_detected() -> None:
    """From the published definition: position -1 at the left edge, -1/width at the last sample."""
    for at, position in ((500, -1.0), (550, -0.5), (599, -0.01)):
        raw = nab_score([_recording(at)], threshold=1.0).raw
        assert raw == pytest.approx(_sigmoid(position) / _sigmoid(-1.0))


def test_only_the_earliest_detection_in_a_window_counts() -> None:
    assert _at(_recording(520, 521, 590)) == pytest.approx(_at(_recording(520)))


def test_false_detections_cost_more_the_farther_behind_a_window_they_are() -> None:
    before = nab_score([_recording(500, 200)], threshold=1.0)
    assert before.raw == pytest.approx(1 - 0.11)
    assert before.false == 1
    near = nab_score([_recording(500, 609)], threshold=1.0).raw
    assert near == pytest.approx(1 + 0.11 * _sigmoid(10 / 99))
    far = nab_score([_recording(500, 950)], threshold=1.0).raw
    assert far == pytest.approx(1 - 0.11)


def test_profiles_weigh_differently() -> None:
    low_false = NabProfile(false=0.22)
    assert nab_score([_recording(500, 200)], low_false, threshold=1.0).raw == pytest.approx(1 - 0.22)
    low_miss = NabProfile(miss=2.0)
    assert nab_score([_recording()], low_miss, threshold=1.0).raw == -2.0
    assert _at(_recording(500), low_miss) == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("length", "rows"), [(1_000, 150), (4_032, 604), (5_000, 750), (22_695, 750), (1, 0)]
)
def test_the_beginning_is_not_scored(length: int, rows: int) -> None:
    assert probation(length) == rows


def test_what_is_detected_in_the_beginning_neither_costs_nor_counts() -> None:
    assert _at(_recording(500, 0, 149)) == pytest.approx(100.0)
    assert _at(_recording(500, 150)) < 100.0
    early = Recording(_recording(50).scores, ((10, 60), WINDOW))
    found = nab_score([early], threshold=1.0)
    assert (found.hit, found.windows) == (0, 2)


def test_the_best_threshold_is_found_for_the_corpus() -> None:
    """One series needs a low threshold, another has louder noise: neither alone decides."""
    quiet, loud = np.zeros(LENGTH), np.zeros(LENGTH)
    quiet[500], loud[500], loud[200], loud[201] = 0.4, 0.9, 0.5, 0.3
    best = nab_score([Recording(quiet, (WINDOW,)), Recording(loud, (WINDOW,))])
    assert (best.threshold, best.hit, best.false) == (0.4, 2, 1)
    assert best.raw == pytest.approx(2 - 0.11)


def test_rather_nothing_than_noise() -> None:
    noise = _recording(*range(160, 400))
    assert nab_score([noise]).normalised == 0.0
    assert math.isinf(nab_score([noise]).threshold)


def test_without_a_window_there_is_no_score() -> None:
    with pytest.raises(ValueError, match="nothing to detect"):
        nab_score([_recording(windows=())])


corpora = st.lists(
    st.tuples(st.integers(0, 10_000), st.lists(st.integers(160, 900), max_size=3)), min_size=1, max_size=4
)


@settings(deadline=None, max_examples=60)
@given(corpus=corpora, power=st.integers(-3, 3))
def test_only_the_order_of_scores_matters_and_no_threshold_is_better(
    corpus: list[tuple[int, list[int]]], power: int
) -> None:
    recordings = [_drawn(seed, starts) for seed, starts in corpus]
    best = nab_score(recordings)
    scaled = [Recording(math.ldexp(1.0, power) * one.scores - 5, one.windows) for one in recordings]
    assert nab_score(scaled).raw == pytest.approx(best.raw)
    assert best.normalised <= 100.0 + 1e-9
    for threshold in (0.0, 0.25, 0.5, 0.75, 1.0):
        assert nab_score(recordings, threshold=threshold).raw <= best.raw + 1e-9


def _drawn(seed: int, starts: list[int]) -> Recording:
    scores = np.random.default_rng(seed).integers(0, 5, LENGTH) / 4
    windows = tuple((start, start + 20) for start in sorted({start // 40 * 40 for start in [*starts, 400]}))
    return Recording(scores, windows)


corpora = st.lists(
    st.tuples(
        st.lists(st.integers(0, LENGTH - 1), max_size=12),
        st.sampled_from([(), (WINDOW,), ((10, 60), (300, 350)), ((120, 180), (700, 703))]),
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=50)
@given(
    corpora=corpora,
    profile=st.sampled_from(sorted(PROFILES)),
    threshold=st.sampled_from([0.5, 1.0, 2.0]),
)
def test_gains_add_up_to_the_score(
    corpora: list[tuple[list[int], tuple[tuple[int, int], ...]]], profile: str, threshold: float
) -> None:
    """Also of what is detected, or lies, in the probation."""
    recordings = [_recording(WINDOW[0], windows=(WINDOW,))]
    recordings += [_recording(*detections, windows=windows) for detections, windows in corpora]
    rules = PROFILES[profile]
    gain = sum(nab_gain([one], threshold, rules) for one in recordings)
    most = sum(nab_most([one], rules) for one in recordings)
    score = nab_score(recordings, rules, threshold=threshold).normalised
    assert 100 * gain / most == pytest.approx(score)
