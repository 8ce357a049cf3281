"""The moment that divides healthy lines from an incident's own."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.analysis.log_mining.departures import flows_of
from agents.analysis.log_mining.moments import division, hill, usable
from agents.analysis.log_mining.table import tabulated
from agents.analysis.signals import LogRecord, Window

ALARM_AT = 10_000.0
WINDOW = Window(baseline_start=ALARM_AT - 900, start=ALARM_AT - 180, end=ALARM_AT + 240, alarm_at=ALARM_AT)
STEPS = [15.0 * place for place in range(9)]


class TestHill:
    def test_it_is_the_greatest(self) -> None:
        assert hill(STEPS, [0, 1, 2, 6, 2, 1, 0, 0, 0]) == 45.0

    def test_a_peak_of_one_step_gives_way_to_a_hill(self) -> None:
        assert hill(STEPS, [0, 7.7, 0, 0, 5.6, 6.1, 5.6, 0, 0]) == 75.0

    def test_a_peak_that_towers_above_the_hill_does_not(self) -> None:
        assert hill(STEPS, [0, 30.0, 0, 0, 5.6, 6.1, 5.6, 0, 0]) == 15.0

    @pytest.mark.parametrize("place", [0, 8])
    def test_an_end_is_as_good_as_the_middle(self, place: int) -> None:
        told = [0.0] * 9
        told[place] = 5.0
        assert hill(STEPS, told) == STEPS[place]

    def test_of_equal_ones_it_is_the_first(self) -> None:
        assert hill(STEPS, [0.0] * 9) == 0.0

    def test_a_moment_alone_is_it(self) -> None:
        assert hill([42.0], [0.0]) == 42.0

    @given(
        told=st.lists(st.integers(0, 50), min_size=1, max_size=12),
        scale=st.sampled_from([0.25, 2.0, 8.0]),
        shift=st.integers(-20, 20),
    )
    def test_unit_and_clock_do_not_matter(self, told: list[int], scale: float, shift: int) -> None:
        moments = [float(place) for place in range(len(told))]
        moved = hill([one + shift for one in moments], [scale * one for one in told])
        assert moved == hill(moments, [float(one) for one in told]) + shift


class TestUsable:
    def test_they_are_a_quarter_of_a_minute_apart_from_the_start_to_the_alarm(self) -> None:
        moments = usable(tabulated(_lines(-900.0, 240.0, 1.0)), WINDOW)
        assert (moments[0], moments[-1]) == (WINDOW.start, WINDOW.alarm_at)
        assert all(later - earlier == pytest.approx(15.0) for earlier, later in pairwise(moments))

    def test_each_leaves_a_quarter_as_many_healthy_lines_as_others(self) -> None:
        moments = usable(tabulated(_lines(-120.0, 240.0, 1.0)), WINDOW)
        assert moments[0] == ALARM_AT - 45.0
        assert moments[-1] == ALARM_AT

    def test_without_a_healthy_line_there_is_none(self) -> None:
        assert usable(tabulated(_lines(1.0, 240.0, 1.0)), WINDOW) == []


class TestDivision:
    @pytest.mark.parametrize("began", [-165.0, -90.0, 0.0])
    def test_it_is_where_a_line_began(self, began: float) -> None:
        table = tabulated([*_lines(-900.0, 240.0, 2.0), *_lines(began, 240.0, 4.0, "no answer")])
        assert division(table, flows_of(table), usable(table, WINDOW)) == ALARM_AT + began

    def test_requests_that_leave_their_way_come_before_counts(self) -> None:
        """Users ask for something else since the second minute; what was asked fails since the third."""
        asked = [line for start in range(-900, 240, 6) for line in _request(start, answered=start < -60)]
        table = tabulated([*asked, *_lines(-120.0, 240.0, 1.0, "another kind of asking")])
        moment = division(table, flows_of(table), usable(table, WINDOW))
        assert ALARM_AT - 75.0 <= moment <= ALARM_AT - 45.0
        assert division(table, None, usable(table, WINDOW)) == ALARM_AT - 120.0

    def test_one_moment_needs_no_choice(self) -> None:
        assert division(tabulated([]), None, [ALARM_AT]) == ALARM_AT


def _request(start: float, *, answered: bool) -> list[LogRecord]:
    told = ["charging", "charged"] if answered else ["charging"]
    return [
        LogRecord(ALARM_AT + start + place, "pay", words, trace_id=f"{start:06}")
        for place, words in enumerate(told)
    ]


def _lines(since: float, until: float, every: float, message: str = "asked") -> list[LogRecord]:
    count = int((until - since) / every)
    return [LogRecord(ALARM_AT + since + every * place, "pay", message) for place in range(count)]
