"""`tocsin top`: figures that stay within what happened, pages that stay within the terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from infra.cli.top.flow import RateWindow, flow_of_topics
from infra.cli.top.look import Investigating, Look, OpenIncident, Part, Problem, StageLag
from infra.cli.top.screen import Screen, ago, money

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
EMPTY = Look(at=NOW, name="prod", url="https://tocsin.example.com", tenant="acme", status="ready")
TITLES = st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=200)


def incident(number: int, title: str) -> OpenIncident:
    return OpenIncident(f"inc_{number:026}", title, "critical", "opened", NOW, 1, 1)


def investigating(number: int, title: str) -> Investigating:
    return Investigating(f"inv_{number:026}", "inc_1", title, "waiting", "wait", title, 0.2, 1, NOW, NOW)


@settings(deadline=None)
@given(
    st.integers(30, 200),
    st.integers(30, 80),
    st.tuples(st.integers(0, 90), st.integers(0, 90)),
    TITLES,
)
def test_no_line_is_wider_and_no_page_higher_than_the_terminal(
    width: int, height: int, rows: tuple[int, int], title: str
) -> None:
    look = replace(
        EMPTY,
        parts=tuple(Part(name, False, 1.0, title[:40]) for name in ("broker", "sql")),
        lag=tuple(StageLag(stage, 10**6, "alarms.raw") for stage in ("intake", "trigger", "land")),
        incidents=tuple(incident(number, title) for number in range(rows[0])),
        investigations=tuple(investigating(number, title) for number in range(rows[1])),
        problems=(Problem("costs", title), Problem("rates", title)),
    )
    console = Console(file=io.StringIO(), width=width, height=height)

    rendered = console.render_lines(Screen(look), console.options)

    assert len(rendered) <= height
    assert all(sum(segment.cell_length for segment in line) <= width for line in rendered)


@given(st.lists(st.tuples(st.floats(0.1, 60), st.floats(0, 1e6)), max_size=40))
def test_a_rate_is_never_negative_and_never_above_the_fastest_moment(
    steps: list[tuple[float, float]],
) -> None:
    window, now, total, fastest = RateWindow(), 0.0, 0.0, 0.0
    window.rates(now, {"alarms": 0, "evidence": 0, "landed": 0}, "rows")
    for seconds, flowed in steps:
        now, total, fastest = now + seconds, total + flowed, max(fastest, flowed / seconds)
        rate = window.rates(now, {"alarms": total, "evidence": 0, "landed": total}, "rows").alarms_per_s
        assert rate is not None
        assert 0 <= rate <= fastest * 1.001 + 1e-6


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 1_000), st.integers(0, 1_000)),
        unique_by=lambda one: one[0],
    )
)
def test_the_lag_of_a_stage_is_that_of_its_topics_together(topics: list[tuple[str, int, int]]) -> None:
    found = flow_of_topics(
        {"topic": name, "messages": held + lag, "consumers": [{"group": "x.tocsin.land", "lag": lag}]}
        for name, held, lag in topics
    )
    assert sum(one.messages for one in found.lag) == sum(lag for *_, lag in topics)
    assert found.totals["landed"] == sum(held for _, held, _ in topics)


@given(st.integers(0, 10**18))
def test_money_that_was_spent_is_never_shown_as_nothing(nano_usd: int) -> None:
    assert (money(nano_usd) == "$0.00") == (nano_usd == 0)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - hypothesis adds the zone
def test_an_age_is_short(since: datetime) -> None:
    assert 2 <= len(ago(since, NOW)) <= 8
