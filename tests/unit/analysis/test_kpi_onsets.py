"""When shifts began, and between which samples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from agents.analysis.onsets import Onset, onsets
from agents.analysis.signals import Window

START = 1_000.0
WINDOW = Window(baseline_start=0.0, start=START, end=START + 105.0, alarm_at=START + 50.0)
NAN = math.nan


def onset(values: Sequence[float], before: float = 0.0, after: float = 1.0, first: float = START) -> Onset:
    times = first + 10.0 * np.arange(float(len(values)))
    (found,) = onsets(
        times, np.array([values], dtype=np.float64), np.array([before]), np.array([after]), WINDOW
    )
    return found


@pytest.mark.parametrize(
    ("values", "at"),
    [
        ([0, 0.32, 0.34, 0.9, 1], 20),
        ([0, 1 / 3, 1, 1], 10),
        ([0, 1, 0, 0, 1, 1], 40),
        ([0, 1, 0, 1, 0], 10),
        ([0, 0, 1], 20),
        ([0, 1, NAN, 1], 10),
        ([1, 1], 0),
    ],
)
def test_it_is_the_first_sample_a_third_of_the_way_that_is_not_alone(values: list[float], at: float) -> None:
    assert onset(values).at == START + at


def test_a_fall_is_told_as_a_rise() -> None:
    assert onset([9, 9, 5, 1], 9.0, 1.0).at == START + 20


def test_only_the_window_is_looked_at() -> None:
    assert onset([1, 1, 0, 1, 1], first=START - 20).at == START + 10
    assert onset([*[0.0] * 11, 1.0, 1.0]).at == START
    assert onset([*[0.0] * 10, 1.0, 1.0]).at == START + 100


@pytest.mark.parametrize("values", [[], [NAN, NAN], [0, 0.1]])
def test_without_a_sample_on_the_way_only_the_window_is_known(values: list[float]) -> None:
    found = onset(values)
    assert (found.at, found.by) == (START, WINDOW.end)
    assert found.after <= START


def test_no_way_at_all_has_no_onset() -> None:
    assert onset([5, 5, 5], 5.0, 5.0).by == WINDOW.end


def test_it_began_after_the_last_sample_of_old() -> None:
    found = onset([0, 0, 0, 1, 1], first=START - 20)
    assert (found.after, found.at, found.by) == (START, START + 10, START + 10)
    holes = onset([0, 0, NAN, NAN, 1, 1])
    assert (holes.after, holes.at) == (START + 10, START + 40)


def test_of_what_climbs_it_is_less_sure() -> None:
    found = onset([0, 0.2, 0.4, 0.6, 0.8, 1, 1])
    assert (found.after, found.at, found.by) == (START + 10, START + 20, START + 40)


def test_before_the_first_sample_it_may_have_been_ever_since_the_baseline() -> None:
    assert onset([1, 1, 1]).after == WINDOW.baseline_start


def test_rows_have_their_own_ways_and_holes() -> None:
    times = START + 10.0 * np.arange(5.0)
    values = np.array([[0, 1, 1, 1, 1], [8, 8, NAN, 4, 4], [5, 5, 5, 5, 5]], dtype=np.float64)
    found = onsets(times, values, np.array([0.0, 8.0, 5.0]), np.array([1.0, 4.0, 9.0]), WINDOW)
    assert [one.at - START for one in found] == [10.0, 30.0, 0.0]
