from __future__ import annotations

import pytest

from agents.analysis.words import clock, figure, from_to, span, times_as_much


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.5, "0.5"),
        (12.3456, "12.3"),
        (999.4, "999"),
        (999.6, "1000"),
        (1000.0, "1,000"),
        (1234567.8, "1,234,568"),
        (999_999_999.0, "999,999,999"),
        (1e9, "1e+09"),
        (2.5e12, "2.5e+12"),
        (0.0001, "0.0001"),
        (0.00012345, "0.000123"),
        (0.000099, "9.9e-05"),
        (-12.3456, "-12.3"),
        (-4321.0, "-4,321"),
        (100.0, "100"),
        (120.0, "120"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_three_digits_say_enough(value: float, text: str) -> None:
    assert figure(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.4, "0 s"),
        (45.0, "45 s"),
        (89.9, "90 s"),
        (90.0, "2 min"),
        (150.0, "2 min"),
        (600.0, "10 min"),
        (5399.0, "90 min"),
        (5400.0, "1.5 h"),
        (86400.0, "24.0 h"),
        (-45.0, "45 s"),
        (-600.0, "10 min"),
    ],
)
def test_a_length_of_time_is_told_in_its_own_unit(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (1.0, 3.14, " (3.1x)"),
        (2.0, 2.0, " (1.0x)"),
        (10.0, 4.0, " (1/2.5)"),
        (3.0, 2.0, " (1/1.5)"),
        (0.0, 4.0, ""),
        (4.0, 0.0, ""),
        (-1.0, 4.0, ""),
        (4.0, -1.0, ""),
    ],
)
def test_a_ratio_is_told_where_it_says_something(before: float, after: float, text: str) -> None:
    assert times_as_much(before, after) == text


@pytest.mark.parametrize(
    ("before", "after", "unit", "share", "text"),
    [
        (0.1, 0.2, "1", False, "from 0.1 to 0.2"),
        (0.1, 0.2, "", True, "from 10 % to 20 %"),
        (-0.1, 0.2, "", True, "from -0.1 to 0.2"),
        (0.1, 1.01, "", True, "from 0.1 to 1.01"),
        (1.01, 0.1, "", True, "from 1.01 to 0.1"),
        (0.1, -0.2, "", True, "from 0.1 to -0.2"),
        (5.0, 6.0, "MB", True, "from 5 to 6 MB"),
    ],
)
def test_a_change_reads_as_percent_only_between_none_and_all(
    before: float, after: float, unit: str, share: bool, text: str
) -> None:
    assert from_to(before, after, unit, share=share) == text


@pytest.mark.parametrize(("moment", "text"), [(0.0, "00:00:00"), (86399.9, "23:59:59"), (1.7e9, "22:13:20")])
def test_a_moment_is_told_in_utc(moment: float, text: str) -> None:
    assert clock(moment) == text
