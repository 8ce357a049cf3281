"""Properties of the calibration error: honest forecasters have none, and it never leaves [0, 1]."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.evaluation.calibration import calibration

TOLD = st.lists(st.tuples(st.floats(0, 1, allow_nan=False), st.booleans()), max_size=60)


@given(TOLD)
def test_every_answer_is_in_one_bin_and_the_error_is_a_share(told: list[tuple[float, bool]]) -> None:
    found = calibration(told)
    assert sum(one.count for one in found.bins) == found.count == len(told)
    assert len(found.bins) == 10
    if told:
        assert found.error is not None
        assert found.brier is not None
        assert 0.0 <= found.error <= 1.0
        assert 0.0 <= found.brier <= 1.0


@given(TOLD, st.randoms(use_true_random=False))
def test_order_does_not_matter(told: list[tuple[float, bool]], chance: random.Random) -> None:
    mixed = told.copy()
    chance.shuffle(mixed)
    assert calibration(mixed).error == pytest.approx(calibration(told).error)


@given(TOLD.filter(bool))
def test_twice_the_same_answers_have_the_same_error(told: list[tuple[float, bool]]) -> None:
    assert calibration(told * 2).error == pytest.approx(calibration(told).error)


@given(st.integers(0, 10))
def test_who_is_right_as_often_as_it_says_is_honest(tenths: int) -> None:
    told = [(tenths / 10, number < tenths) for number in range(10)]
    assert calibration(told).error == pytest.approx(0.0, abs=1e-9)


def test_always_sure_and_never_right_is_the_worst() -> None:
    found = calibration([(1.0, False)] * 3)
    assert (found.error, found.brier) == (1.0, 1.0)
    assert found.bins[-1].count == 3


def test_by_hand() -> None:
    found = calibration([(0.95, True), (0.95, False), (0.25, False), (0.21, True)])
    assert found.error == pytest.approx(0.5 * abs(0.95 - 0.5) + 0.5 * abs(0.23 - 0.5))


def test_nothing_told_is_not_zero() -> None:
    found = calibration([])
    assert found.error is None
    assert found.brier is None


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_a_confidence_is_a_share(wrong: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        calibration([(wrong, True)])
