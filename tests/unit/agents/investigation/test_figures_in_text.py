"""Which numbers of a sentence stand in the evidence: to the digit, rounded, as percent, as times and dates."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.analysis.words import figure
from agents.investigation.figures import Figures, unsupported
from agents.investigation.number_words import spelled
from tests.fakes.evidence import evidence


def holds(told: str, *shown: str, **data: Any) -> bool:
    known = [evidence("cart", statement=text, onset_s=None) for text in shown]
    return not unsupported(told, Figures([*known, evidence("cart", onset_s=None, **data)]))


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("12", "12.3"),
        ("12.3", "12.34"),
        ("12.4", "12.35"),
        ("0.8", "0.7999"),
        ("1,234", "1234"),
        ("1234", "1,234"),
        ("100", "99.6"),
        ("5", "-5"),
        ("-5", "-5.01"),
        ("1000", "1e3"),
    ],
)
def test_a_number_may_be_rounded_to_the_digits_it_has(told: str, shown: str) -> None:
    assert holds(f"it was {told.split(maxsplit=1)[0]} then", f"it was {shown} then")


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("13", "12.3"),
        ("12.4", "12.34"),
        ("1", "0.8"),
        ("9", "8.5"),
        ("2", "1.8"),
        ("0", "0.4"),
        ("1234", "1235"),
        ("-5", "5"),
        ("5", "50"),
    ],
)
def test_but_by_no_more_than_a_twentieth(told: str, shown: str) -> None:
    assert not holds(f"it was {told} then", f"it was {shown} then")


@pytest.mark.parametrize(
    ("told", "shown", "fits"), [("80 %", "0.8", True), ("150 %", "1.5", False), ("100 %", "1", True)]
)
def test_a_share_may_be_told_in_percent(told: str, shown: str, fits: bool) -> None:
    assert holds(f"{told} of it", f"{shown} of it") is fits


def test_figures_may_stand_in_the_data() -> None:
    assert holds("it took 42 ms", before=42)
    assert not holds("it took 43 ms", before=42)


@pytest.mark.parametrize("told", ["10:42:10", "10:42", "2026-01-01", "10:12", "2026"])
def test_the_moments_of_evidence_are_known(told: str) -> None:
    figures = Figures([evidence("cart", onset_s=0.0)])
    assert (unsupported(f"at {told}", figures) == ()) is (told != "2026")


def test_an_unknown_onset_is_no_moment() -> None:
    assert unsupported("at 10:42:10", Figures([evidence("cart", onset_s=None)])) == ("10:42:10",)


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        ("cart-2 and p95 and http2 are names", ()),
        ("see [E1, E22], E3", ()),
        ("v1.4.2 is a name", ()),
        ("7 of 9 failed", ("7", "9")),
        ("it ended at 7.", ("7",)),
        ("7,8 and 9", ("7,8", "9")),
        ("(7)", ("7",)),
        ("", ()),
    ],
)
def test_only_numbers_that_stand_by_themselves_are_asked_for(told: str, missing: tuple[str, ...]) -> None:
    assert unsupported(told, Figures([])) == missing


def test_parts_of_a_time_or_version_are_no_numbers() -> None:
    assert not holds("42 failed", "at 10:42:10 version 1.42.7")


@settings(deadline=None, max_examples=50)
@given(st.floats(1e-3, 1e6))
def test_what_our_own_sentences_say_of_a_number_is_always_held(value: float) -> None:
    assert holds(f"it rose to {figure(value)} then", value=value)


@settings(deadline=None, max_examples=50)
@given(st.integers(20, 10**6), st.floats(1.06, 10.0))
def test_a_number_far_from_all_evidence_is_never_held(value: int, factor: float) -> None:
    assert not holds(f"it rose to {round(value * factor) + 1} then", value=value)


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ("it failed ninety-five percent of calls", 95),
        ("ninety five per cent", 95),
        ("it rose tenfold", 10),
        ("Twenty pods", 20),
        ("two hundred and fifty requests", 250),
        ("three thousand two hundred and ten lines", 3210),
        ("two dozen services", 24),
        ("one and a half million", 1e6),
        ("thousands of users", 1000),
        ("latency tripled", 3),
        ("traffic halved", 0.5),
        ("five times as slow", 5),
        ("FORTY", 40),
    ],
)
def test_a_number_in_words_is_asked_for_as_one_in_digits(told: str, value: float) -> None:
    assert [read for _, read in spelled(told)] == [value]
    assert holds(told, seen=value)
    assert not holds(told, seen=value * 7.3)
    assert holds(told, told)


@pytest.mark.parametrize(
    "told",
    [
        "one of them",
        "the two services",
        "someone often attends to weight",
        "seventh",
        "milliontown",
        "a second try",
    ],
)
def test_a_small_number_or_a_part_of_a_word_is_no_figure(told: str) -> None:
    assert list(spelled(told)) == []
    assert unsupported(told, Figures([])) == ()


@settings(deadline=None, max_examples=50)
@given(st.text(alphabet="abcdefghinorstuvwxy -", max_size=80))
def test_any_text_is_read(told: str) -> None:
    assert all(value >= 0 for _, value in spelled(told))
