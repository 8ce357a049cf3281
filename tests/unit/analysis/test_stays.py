"""What happens at this time on other days and not today, and how far one may go by that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from agents.analysis.clues import clues_of, is_bad
from agents.analysis.earlier_days import DAY_S, day_slack
from agents.analysis.findings import Finding, FindingKind
from agents.analysis.fusion import Ranking, rank_causes
from agents.analysis.grids import grids_of
from agents.analysis.kpi import analyse_kpis
from agents.analysis.relevance import arriving
from agents.analysis.signals import KpiSeries, Topology, Window
from agents.analysis.stay_findings import of_one_day, stays_away
from agents.analysis.stays import stayed, undecided

T0 = 20 * DAY_S
WINDOW = Window(T0, T0 + 400.0, T0 + 515.0, T0 + 460.0)
STRETCH = np.arange(0.0, 520.0, 10.0)
EVERY_DAY = {1: 2.0, 2: 2.0, 7: 2.0, 14: 2.0}


def series(
    then: Mapping[int, float], now: float = 1.0, metric: str = "request_rate", level: float = 10.0
) -> KpiSeries:
    """Flat, and from 20 s after the window's begin on so many times as much: by days before, and today."""
    days = [*sorted(then.items(), reverse=True), (0, now)]
    times = np.concatenate([T0 + STRETCH - ago * DAY_S for ago, _ in days])
    values = np.concatenate([np.where(STRETCH >= 420.0, level * times_as, level) for _, times_as in days])
    return KpiSeries("cart", metric, times, values)


def told(*kpis: KpiSeries) -> dict[str, Finding]:
    found = analyse_kpis(kpis, WINDOW, {"cart"})
    return {one.indicator: one for one in found if one.kind is not FindingKind.NORMAL}


def test_a_rise_of_every_day_that_stays_away_is_told_with_its_figures() -> None:
    finding = told(series(EVERY_DAY))["request_rate"]
    assert finding.kind is FindingKind.LEVEL_SHIFT
    assert finding.direction == -1
    assert finding.score == pytest.approx(5.0)
    assert finding.onset == T0 + 420.0
    assert finding.statement == (
        "cart request_rate did not rise from 10 to 20 (2.0x) at 00:07:00, as it did at that time on 4 of 4 earlier days"
    )
    figures = ("usual", "before", "after", "yesterday", "two_days_before", "week_before", "two_weeks_before")
    assert [finding.data[name] for name in figures] == [10.0, 20.0, 10.0, 10.0, 10.0, 10.0, 10.0]
    assert (finding.data["agreeing_days"], finding.data["known_days"]) == (4, 4)
    assert finding.data["day_slack_s"] == 5.0


def test_only_of_services_that_are_compared() -> None:
    found = analyse_kpis([series(EVERY_DAY)], WINDOW, {"checkout"})
    assert [one.kind for one in found] == [FindingKind.NORMAL]
    assert analyse_kpis([series(EVERY_DAY)], WINDOW) == found


@pytest.mark.parametrize(
    ("then", "score"),
    [
        ({1: 2.0, 2: 2.0}, 5.0),
        ({1: 2.0, 7: 2.0}, 5.0),
        ({7: 2.0, 14: 2.0}, 5.0),
        ({1: 1.0, 2: 1.0, 7: 2.0, 14: 2.0}, 5.0),  # Monday
        ({1: 2.0, 2: 2.0, 7: 1.0}, None),  # Saturday
        ({1: 2.0, 2: 2.0, 7: 1.0, 14: 1.0}, None),
        ({1: 1.0, 2: 1.0, 7: 2.0}, None),
        ({1: 9.0, 2: 1.0}, None),
        ({1: 2.0, 2: 0.4, 7: 0.4}, 3.0),
        ({1: 2.0, 2: 0.4}, None),
        ({1: 1.5, 2: 9.0}, 2.5),  # as much as the lesser
        ({1: 1.1, 2: 1.1, 7: 1.1}, None),  # nobody would have cared
        ({}, None),
    ],
)
def test_two_days_have_to_agree_and_this_day_of_the_week_has_a_say(
    then: Mapping[int, float], score: float | None
) -> None:
    found = told(series(then)).get("request_rate")
    assert (found and found.score) == (score and pytest.approx(score))


@pytest.mark.parametrize(
    ("ago", "when"), [(1, "the day before"), (7, "on the one earlier day that is known")]
)
def test_one_day_alone_is_just_notable_at_most_and_convicts_nobody(ago: int, when: str) -> None:
    finding = told(series({ago: 50.0}))["request_rate"]
    assert finding.score == 1.0
    assert finding.statement.endswith(f"as it did at that time {when}")
    assert not stays_away(finding)
    assert of_one_day(finding)
    assert not told(series({ago: 1.6})), "a quarter of three"
    assert not ranked([series({ago: 50.0}, metric=f"m{n}_requests") for n in range(5)]).abnormal


def ranked(kpis: Sequence[KpiSeries]) -> Ranking:
    found = analyse_kpis(kpis, WINDOW, {"cart"})
    return rank_causes(found, Topology(calls={"cart": frozenset({"db"})}), "cart", "", frozenset())


@pytest.mark.parametrize(("now", "away"), [(1.0, True), (1.15, True), (1.9, False), (2.0, False)])
def test_who_comes_at_least_half_as_much_has_not_stayed_away(now: float, away: bool) -> None:
    grid = grids_of([series({1: 1.8, 7: 1.8}, now)])[0]
    assert bool(stayed(grid, WINDOW, {"cart"})) is away


def test_what_moved_today_is_told_as_that_and_once() -> None:
    (finding,) = told(series(EVERY_DAY, now=0.4)).values()
    assert "fell" in finding.statement
    assert "agreeing_days" not in finding.data


def test_a_fall_that_stays_away() -> None:
    finding = told(series({1: 0.3, 2: 0.3, 7: 0.3}, metric="memory_bytes"))["memory_bytes"]
    assert finding.direction == 1
    assert "did not fall from 10 to 3" in finding.statement
    assert finding.data["metric_kind"] == "memory"
    assert is_bad(finding)


@pytest.mark.parametrize(
    ("metric", "kind", "bad"),
    [
        ("request_rate", "traffic", True),
        ("cpu_usage", "unknown", True),
        ("rows_written_total", "unknown", True),
        ("latency_p95_ms", "latency", False),
        ("error_ratio", "errors", False),
    ],
)
def test_work_that_nobody_does_hurts_and_a_resource_is_not_to_blame(
    metric: str, kind: str, bad: bool
) -> None:
    finding = told(series(EVERY_DAY, metric=metric))[metric]
    assert (finding.data["metric_kind"], is_bad(finding)) == (kind, bad)


def test_what_hangs_on_the_load_and_stayed_away_with_it_is_not_told_apart() -> None:
    alone = told(series(EVERY_DAY, metric="cpu_usage"))
    assert set(alone) == {"cpu_usage"}
    with_load = told(
        *(series(EVERY_DAY, metric=name) for name in ("request_rate", "cpu_usage", "latency_ms"))
    )
    assert set(with_load) == {"request_rate"}
    against = told(series(EVERY_DAY), series({1: 0.3, 7: 0.3}, metric="queue_length"))
    assert set(against) == {"request_rate", "queue_length"}


def test_a_level_that_has_become_lower_since_lets_expect_less() -> None:
    days = series(EVERY_DAY)
    lower = KpiSeries("cart", "request_rate", days.times, np.where(days.times < T0, days.values, 2.0))
    finding = told(lower)["request_rate"]
    assert finding.data["usual"] == 2.0
    assert finding.data["before"] == pytest.approx(4.0)
    gone = KpiSeries("cart", "request_rate", days.times, np.where(days.times < T0, days.values, 0.0))
    assert not told(gone), "it was away before the window already"


def test_noise_of_those_days_counts_too() -> None:
    rng = np.random.default_rng(1)
    days = series({1: 1.5, 2: 1.5, 7: 1.5})
    shaken = np.where(days.times < T0, days.values + rng.normal(0.0, 4.0, days.times.size), days.values)
    assert not told(KpiSeries("cart", "request_rate", days.times, shaken))


def test_where_the_day_before_is_not_known_nothing_is_concluded_from_its_few_samples() -> None:
    days = series({1: 2.0, 2: 2.0})
    thin = np.where((days.times < T0) & (days.times % DAY_S < 380.0), np.nan, days.values)
    assert not told(KpiSeries("cart", "request_rate", days.times, thin))


def test_that_nobody_comes_from_outside_is_nobody_elses_doing() -> None:
    graph = Topology(calls={"cart": frozenset({"db"})})
    clues = clues_of(analyse_kpis([series(EVERY_DAY)], WINDOW, {"cart"}))
    (plain,), (weighed,) = clues["cart"], arriving(clues, graph)["cart"]
    assert weighed.strength == pytest.approx(plain.strength / 0.3)
    ranking = rank_causes([plain.finding], graph, "cart", "", frozenset())
    assert ranking.abnormal
    assert ranking.causes[0].service == "cart"
    assert ranking.causes[0].confidence > 0.5


def test_load_that_stays_away_from_the_caller_too_says_nothing_of_the_callee() -> None:
    graph = Topology(calls={"web": frozenset({"cart"}), "cart": frozenset({"db"})})
    caller, callee = (replace(series(EVERY_DAY), service=name) for name in ("web", "cart"))
    clues = clues_of(analyse_kpis([caller, callee], WINDOW, {"web", "cart"}))
    assert arriving(clues, graph)["cart"] == ()
    alone = {"cart": clues["cart"]}
    assert arriving(alone, graph) == alone, "its caller sends as much as ever, and not to it"


@pytest.mark.parametrize(
    ("then", "open_one"),
    [
        ({1: 2.0}, True),
        ({1: 1.0}, False),
        ({1: 1.0, 7: 2.0}, True),  # another such day may say so
        ({1: 2.0, 7: 2.0}, False),
        ({1: 2.0, 7: 1.0}, False),
        ({1: 2.0, 2: 1.0}, True),
        ({}, False),
    ],
)
def test_more_days_are_asked_for_where_two_do_not_settle_it(
    then: Mapping[int, float], open_one: bool
) -> None:
    (grid,) = grids_of([series(then)])
    assert undecided(grid, WINDOW, {"cart"}) == ({"cart"} if open_one else set())
    assert undecided(grid, WINDOW, set()) == set()


def test_samples_of_a_day_may_be_off_by_half_a_step() -> None:
    (grid,) = grids_of([series(EVERY_DAY)])
    assert day_slack(grid) == 5.0
    (lone,) = grids_of([KpiSeries("cart", "m", np.array([1.0]), np.array([1.0]))])
    assert day_slack(lone) == 0.0
