"""Counts of several things before and after: how much of the load went on, and what left the mixture."""

from __future__ import annotations

import math

import pytest

from agents.analysis.composition import Deviation, deviations, load_factor


@pytest.mark.parametrize(
    ("before", "after", "factor"),
    [
        ({}, {}, 1.0),
        ({}, {"new": 9.0}, 1.0),
        ({"a": 10.0}, {"a": 20.0}, 2.0),
        ({"a": 10.0}, {}, 0.0),
        ({"a": 5.0}, {"a": 15.0}, 3.0),
        ({"a": 4.0, "b": 4.0}, {"a": 4.0, "b": 8.0}, 1.5),
        ({"a": 2.0, "b": 2.0}, {"c": 1.0}, 0.25),
    ],
)
def test_the_load_is_that_of_the_things_that_are_many_enough(
    before: dict[str, float], after: dict[str, float], factor: float
) -> None:
    assert load_factor(before, after) == pytest.approx(factor)


def test_rare_things_do_not_carry_the_load() -> None:
    assert load_factor({"main": 100.0, "rare": 4.0}, {"main": 100.0, "rare": 400.0}) == 1.0


def test_what_a_fault_stops_does_not_lower_the_load() -> None:
    assert load_factor({"asked": 100.0, "answered": 100.0}, {"asked": 98.0}) == 0.98


def test_a_quarter_of_the_weight_must_have_gone_on() -> None:
    before = {"small": 24.0, "large": 76.0}
    assert load_factor(before, {"small": 240.0, "large": 76.0}) == 1.0
    assert load_factor({"small": 25.0, "large": 75.0}, {"small": 250.0, "large": 75.0}) == 10.0


def only(before: dict[str, float], after: dict[str, float], factor: float) -> Deviation:
    (found,) = deviations(before, after, factor)
    return found


def test_a_count_as_due_scores_nothing() -> None:
    found = only({"a": 40.0}, {"a": 80.0}, 2.0)
    assert (found.expected, found.observed, found.score) == (80.0, 80.0, 0.0)


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_a_deviation_is_measured_in_its_own_counting_noise(factor: float) -> None:
    found = only({"a": 10.0}, {"a": 100.0}, factor)
    noise = math.sqrt(1.0 + factor)
    sigmas = 2.0 * (math.sqrt(100.375) - math.sqrt(10.0 * factor + 0.375)) / noise
    assert found.score == pytest.approx(sigmas / 4.0)


def test_the_noise_of_a_multiplied_baseline_stops_growing() -> None:
    plain = only({"a": 10.0}, {"a": 0.0}, 4.0)
    larger = only({"a": 5.0}, {"a": 0.0}, 8.0)
    assert plain.expected == larger.expected == 40.0
    assert plain.score == pytest.approx(larger.score)


def test_a_thing_never_seen_before_was_not_expected() -> None:
    found = only({}, {"new": 30.0}, 1.0)
    assert (found.expected, found.observed) == (0.0, 30.0)
    assert found.score > 1


def test_a_thing_that_stopped_is_below_zero() -> None:
    found = only({"gone": 60.0}, {}, 1.0)
    assert (found.expected, found.observed) == (60.0, 0.0)
    assert found.score < -1


def test_ten_new_ones_are_notable_and_two_are_not() -> None:
    assert only({}, {"new": 2.0}, 1.0).score < 1
    assert only({}, {"new": 14.0}, 1.0).score > 1


def test_the_strongest_comes_first_and_equals_by_name() -> None:
    found = deviations({"b": 10.0, "a": 10.0, "c": 50.0}, {"c": 50.0, "new": 90.0}, 1.0)
    assert [d.key for d in found] == ["new", "a", "b", "c"]
    assert found[1].score == found[2].score < 0


def test_without_load_what_was_there_is_not_expected() -> None:
    found = only({"a": 100.0}, {}, 0.0)
    assert (found.expected, found.score) == (0.0, 0.0)


def test_the_load_surely_is_less_by_the_noise_of_what_shows_it() -> None:
    assert load_factor({"a": 100.0}, {"a": 100.0}, surely=True) == pytest.approx(0.9)
    assert load_factor({"a": 10.0}, {"a": 1.0}, surely=True) == 0.0
    assert load_factor({"a": 1e6}, {"a": 1e6}, surely=True) == pytest.approx(0.999)


def test_what_is_missing_is_measured_against_the_least_load() -> None:
    before, after = {"mail": 243.0, "page": 136.0}, {"page": 6.0}
    factor = load_factor(before, after)
    least = load_factor(before, after, surely=True)
    by_factor = {one.key: one for one in deviations(before, after, factor)}
    by_least = {one.key: one for one in deviations(before, after, factor, least=least)}

    assert by_factor["mail"].score < by_least["mail"].score < 0.0
    assert by_least["mail"].expected == by_factor["mail"].expected
    assert by_least["page"] == by_factor["page"]


def test_what_is_hardly_missing_is_not_more_than_expected_by_the_least_load() -> None:
    (found,) = deviations({"a": 100.0}, {"a": 95.0}, 1.0, least=0.9)
    assert found.score == 0.0
    assert found.expected == 100.0
