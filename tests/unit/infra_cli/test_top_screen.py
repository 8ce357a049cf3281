"""What `tocsin top` shows of a look: on every terminal, with and without colours, with and without knowledge."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from infra.cli.top.look import (
    OPENED_AT_MOST,
    Investigating,
    Look,
    OpenIncident,
    Part,
    Problem,
    Process,
    Rates,
    Spending,
    StageLag,
)
from infra.cli.top.screen import Screen, ago, money

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
CALM = Look(
    at=NOW,
    name="prod",
    url="https://tocsin.example.com",
    tenant="acme",
    status="ready",
    version="1",
    parts=(Part("broker", True, 1.0, "3 groups"), Part("redis", True, 1.0, "answers")),
    processes=(Process("redis", "ready", 0), Process("land", "ready", 0), Process("stream", "ready", 2)),
    lag=(StageLag("intake", 0, "alarms.raw"), StageLag("land", 12_345, "kpis.raw")),
    rates=Rates(12.4, 0.25, 45_000.0, "rows"),
    incidents=(),
    opened_in_10_min=3,
    investigations=(),
    spending=Spending(2_500_000_000, 5_000_000, 30_000_000_000, 100_000_000_000, 0),
)


def incident(number: int, title: str = "") -> OpenIncident:
    return OpenIncident(
        f"inc_{number}",
        title or f"trouble {number}",
        "critical",
        "grew",
        NOW - timedelta(seconds=number),
        number + 2,
        number,
    )


def investigating(number: int) -> Investigating:
    began = NOW - timedelta(seconds=number)
    return Investigating(
        f"inv_{number}",
        f"inc_{number}",
        f"trouble {number}",
        "running",
        "gather",
        "kpis of [cart]",
        0.4,
        1 + number % 2,
        began,
        NOW,
    )


def shown(look: Look, width: int = 140, height: int = 40, *, fit: bool = True, colours: bool = False) -> str:
    text = io.StringIO()
    console = Console(
        file=text,
        width=width,
        height=height,
        force_terminal=colours,
        color_system="standard" if colours else None,
    )
    console.print(Screen(look, fit=fit))
    return text.getvalue()


def words(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_calm_installation_is_told_in_figures() -> None:
    lines = words(shown(CALM))
    assert lines[0] == "tocsin top prod tenant acme ready 12:00:00Z"
    assert lines[1] == "broker ok redis ok land up stream up (restarts: 2)"
    page = "\n".join(lines)
    assert "land 12,345 kpis.raw" in page
    assert "alarms in 12/s" in page
    assert "evidence out 0.25/s" in page
    assert "incidents opened 3 in 10 min" in page
    assert "rows landed 45,000/s" in page
    assert "last hour $2.50" in page
    assert "today $0.0050" in page
    assert "of its budget $100.00 (30 %)" in page
    assert lines[-3:] == ["Open incidents 0", "", "Investigations 0"]


def test_what_is_not_well_is_a_word_not_only_a_colour() -> None:
    parts = (Part("broker", False, 1.0, "no answer within 2 s"),)
    sick = replace(CALM, status="not_ready", parts=parts, processes=(Process("land", "gave_up", 9),))
    page = shown(sick)
    assert "not ready" in page
    assert "broker DOWN no answer within 2 s" in page
    assert "land GAVE UP (restarts: 9)" in page


def test_what_is_not_known_is_not_zero() -> None:
    dark = Look(
        at=NOW,
        name="prod",
        url="u",
        tenant="acme",
        status=None,
        problems=(Problem("health", "prod cannot be reached"), Problem("costs", "prod cannot be reached")),
    )
    page = shown(dark)
    assert "no answer" in page
    assert "health, costs: prod cannot be reached" in page
    assert page.count("?") == 6
    assert " 0" not in page.replace("12:00:00Z", "")
    assert "Open incidents" not in page


def test_a_key_that_may_not_see_costs_sees_the_rest() -> None:
    page = shown(replace(CALM, spending=None, problems=(Problem("costs", "this key may not"),)))
    assert "costs: this key may not" in page
    assert "alarms in" in page


def test_entries_without_a_price_are_told() -> None:
    spent = Spending(None, None, None, 100_000_000_000, 1_200)
    page = "\n".join(words(shown(replace(CALM, spending=spent))))
    assert "without a price 1,200" in page
    assert "this month ?" in page
    assert "of its budget $100.00" in page
    assert "%)" not in page


def test_more_incidents_than_are_counted_are_told_as_more() -> None:
    assert "500+ in 10 min" in shown(replace(CALM, opened_in_10_min=OPENED_AT_MOST))
    assert "499 in 10 min" in shown(replace(CALM, opened_in_10_min=OPENED_AT_MOST - 1))


def test_titles_are_text_whatever_is_in_them() -> None:
    page = shown(replace(CALM, incidents=(incident(1, "[bold]x[/nothing] \\[y]"),)))
    assert "[bold]x[/nothing] \\[y]" in page


def test_a_low_terminal_shows_the_first_and_how_many_more() -> None:
    many = replace(
        CALM,
        incidents=tuple(map(incident, range(60))),
        more_incidents=True,
        investigations=tuple(map(investigating, range(9))),
    )
    page = shown(many, 120, 40)
    assert len(page.splitlines()) <= 40
    assert "Open incidents 60+" in page
    assert "trouble 0" in page
    assert "... and" in page
    assert "inv_8" in page
    whole = shown(many, 120, 40, fit=False)
    assert "trouble 59" in whole
    assert "... and" not in whole


def test_a_narrow_terminal_leaves_columns_out_before_it_leaves_rows_out() -> None:
    look = replace(CALM, incidents=(incident(1),), investigations=(investigating(3),))
    assert "inc_1" in shown(look, 140)
    assert "inc_1" not in shown(look, 80)
    assert "grew" in shown(look, 80)
    narrow = shown(look, 50)
    assert "grew" not in narrow
    assert "trouble 1" in narrow
    assert "running (2)" in narrow


def test_colours_are_for_terminals() -> None:
    look = replace(CALM, incidents=(incident(1),))
    assert "\x1b[" in shown(look, colours=True)
    assert "\x1b[" not in shown(look)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0s"),
        (0, "0s"),
        (59, "59s"),
        (61, "1m01s"),
        (3_599, "59m59s"),
        (3_660, "1h01m"),
        (90_000, "1d01h"),
    ],
)
def test_ages_are_short(seconds: int, told: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == told


@pytest.mark.parametrize(
    ("nano_usd", "told"),
    [
        (None, "?"),
        (0, "$0.00"),
        (1, "<$0.0001"),
        (150_000, "$0.0001"),
        (9_000_000, "$0.0090"),
        (10_000_000, "$0.01"),
        (1_234_560_000_000, "$1,234.56"),
    ],
)
def test_money_is_short_and_a_little_is_not_nothing(nano_usd: int | None, told: str) -> None:
    assert money(nano_usd) == told
