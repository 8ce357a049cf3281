"""Own time of a service: what its answers take, less what its own calls take; worked out by hand."""

from __future__ import annotations

import math

import pytest

from agents.analysis.calls import analyse_calls, learned_topology
from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.signals import CallStats, Window
from tests.fakes.about import about

START = 1_700_000_000.0
WINDOW = Window(baseline_start=START - 600, start=START, end=START + 120, alarm_at=START + 60)


def call(
    after_start: float,
    service: str,
    p50: float,
    p95: float | None = None,
    *,
    caller: str = "web",
    count: float = 50.0,
    operation: str = "get",
) -> CallStats:
    return CallStats(START + after_start, service, operation, caller, count, p50, p50 if p95 is None else p95)


def pair(
    service: str, before: float, after: float, caller: str = "web", count: float = 50.0
) -> list[CallStats]:
    return [
        call(-60, service, before, caller=caller, count=count),
        call(60, service, after, caller=caller, count=count),
    ]


# Calls of somebody else, so that enough intervals are known.
USUAL = [call(-60 * minute, "idle", 1.0) for minute in (1, 2, 3)]


def found(*calls: CallStats) -> dict[str, Finding]:
    return {f.service: f for f in analyse_calls([*USUAL, *calls], WINDOW)}


def test_half_as_much_again_is_just_notable() -> None:
    assert found(*pair("cart", 100.0, 150.0))["cart"].score == pytest.approx(1.0)
    assert found(*pair("cart", 100.0, 149.9)) == {}


def test_the_finding_holds_what_its_sentence_quotes() -> None:
    finding = found(*pair("cart", 100.0, 200.0))["cart"]
    assert (finding.source, finding.kind, finding.subject) == (
        Source.KPIS,
        FindingKind.CALL_LATENCY,
        "cart|calls|call_latency",
    )
    assert (finding.score, finding.direction, finding.indicator) == (about(2.0), 1, "")
    assert finding.data == {
        "metric_kind": "latency",
        "before": about(100.0),
        "after": about(200.0),
        "own_ms": about(100.0),
        "calls": 50.0,
        "unit": "ms",
    }


def test_a_typical_call_lies_between_the_median_and_the_slow_ones() -> None:
    finding = found(call(-60, "cart", 10.0, 90.0), call(60, "cart", 50.0, 150.0))["cart"]
    assert (finding.data["before"], finding.data["after"]) == (about(50.0), about(100.0))


def test_what_it_waits_for_is_not_its_own() -> None:
    # 200 ms more, of which the database took 151: 49 of the 100 ms before are not notable, 51 are.
    assert set(found(*pair("cart", 100.0, 300.0), *pair("db", 50.0, 201.0, caller="cart"))) == {"db"}
    told = found(*pair("cart", 100.0, 300.0), *pair("db", 50.0, 199.0, caller="cart"))
    assert told["cart"].data["own_ms"] == pytest.approx(51.0)


def test_faster_calls_of_its_own_do_not_make_it_slower() -> None:
    told = found(*pair("cart", 100.0, 200.0), *pair("db", 500.0, 50.0, caller="cart"))
    assert told["cart"].data["own_ms"] == pytest.approx(100.0)


def test_a_call_made_twice_a_request_counts_twice() -> None:
    told = found(*pair("cart", 100.0, 300.0, count=10.0), *pair("db", 10.0, 60.0, caller="cart", count=20.0))
    assert told["cart"].data["own_ms"] == pytest.approx(100.0)


@pytest.mark.parametrize(("count", "compared"), [(3.9, False), (4.0, True)])
def test_a_handful_of_calls_is_needed_on_both_sides(count: float, compared: bool) -> None:
    many, few = call(-60, "cart", 10.0), call(60, "cart", 99.0, count=count)
    assert bool(found(many, few)) is compared
    few, many = call(-60, "cart", 10.0, count=count), call(60, "cart", 99.0)
    assert bool(found(few, many)) is compared


def test_operations_are_compared_in_todays_mixture() -> None:
    told = found(
        call(-60, "cart", 10.0, operation="get", count=90.0),
        call(-60, "cart", 100.0, operation="put", count=10.0),
        call(60, "cart", 10.0, operation="get", count=10.0),
        call(60, "cart", 300.0, operation="put", count=90.0),
    )
    assert told["cart"].data["before"] == pytest.approx(91.0)
    assert told["cart"].data["after"] == pytest.approx(271.0)


def test_several_intervals_are_weighed_by_their_calls() -> None:
    told = found(
        call(-120, "cart", 10.0, count=30.0),
        call(-60, "cart", 50.0, count=10.0),
        call(60, "cart", 200.0, count=40.0),
    )
    assert told["cart"].data["before"] == pytest.approx(20.0)


@pytest.mark.parametrize(
    "broken",
    [
        call(60, "cart", math.nan),
        call(60, "cart", 9e9, math.nan),
        call(60, "cart", 9e9, count=0.0),
        call(60, "cart", 9e9, count=math.nan),
        call(60, "cart", 9e9, caller="cart"),
        call(121, "cart", 9e9),
        call(-601, "cart", 9e9),
    ],
)
def test_what_cannot_be_counted_is_left_out(broken: CallStats) -> None:
    assert found(*pair("cart", 100.0, 100.0), broken) == {}


def test_calls_that_took_no_time_before_are_not_compared() -> None:
    assert found(*pair("cart", 0.0, 100.0)) == {}


def test_the_strongest_comes_first_and_equals_by_name() -> None:
    told = analyse_calls(
        [*USUAL, *pair("b", 100.0, 200.0), *pair("a", 100.0, 200.0), *pair("z", 100.0, 220.0)], WINDOW
    )
    assert [f.service for f in told] == ["z", "a", "b"]


def test_the_first_minutes_of_a_fault_are_no_normal_life() -> None:
    inside = [call(moment, "cart", 10.0) for moment in (0, 20, 40)]
    (nothing,) = analyse_calls([*inside, call(60, "cart", 99.0)], WINDOW)
    assert nothing.kind is FindingKind.NO_DATA


@pytest.mark.parametrize(("minutes", "known"), [((1, 2), False), ((1, 1, 2), False), ((1, 2, 3), True)])
def test_three_intervals_show_what_is_usual(minutes: tuple[int, ...], known: bool) -> None:
    before = [call(-60 * minute, "cart", 10.0) for minute in minutes]
    (told,) = analyse_calls([*before, call(60, "cart", 99.0)], WINDOW)
    assert (told.kind is FindingKind.CALL_LATENCY) is known


def test_what_usually_wanders_must_leave_its_wander() -> None:
    # 100, 140 and 180 ms before: a robust sigma of 59 ms, so that 237 ms more are notable and 20 ms less are not.
    before = [call(-60 * (n + 1), "cart", 100.0 + 40.0 * n) for n in range(3)]
    assert found(*before, call(60, "cart", 140.0 + 237.3))["cart"].score == pytest.approx(1.0, abs=0.01)
    assert found(*before, call(60, "cart", 140.0 + 235.0)) == {}


def test_the_windows_end_belongs_to_it() -> None:
    assert set(found(call(-600, "cart", 10.0), call(120, "cart", 99.0))) == {"cart"}


def test_what_is_learned_leaves_out_nobody_and_no_loop() -> None:
    learned = learned_topology(
        [call(0, "web", 1.0, caller=""), call(0, "db", 1.0, caller="cart"), call(0, "db", 1.0, caller="db")]
    )
    assert learned.calls == {"cart": frozenset({"db"})}
    assert learned.nodes == {"web", "cart", "db"}
    assert learned_topology([]).calls == {}


def test_nobody_to_blame_is_said_with_a_subject_of_its_own() -> None:
    (finding,) = analyse_calls([], WINDOW)
    assert finding.subject == "calls||no_data"
    assert (
        finding.statement
        == "No calls were recorded in the window, or too few before it to know what is usual"
    )
