"""Whose own answers fail: what fails, less what failed further down for it; worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.analysis.call_failures import analyse_failures
from agents.analysis.clues import clues_of
from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.signals import CallStats, Window
from tests.fakes.about import about

START = 1_700_000_000.0
WINDOW = Window(baseline_start=START - 600, start=START, end=START + 120, alarm_at=START + 60)


def call(
    after_start: float, service: str, failed: float, caller: str = "web", count: float = 1000.0
) -> CallStats:
    return CallStats(START + after_start, service, "", caller, count, 10.0, 20.0, failed=failed)


def pair(service: str, before: float, after: float, caller: str = "web") -> list[CallStats]:
    return [call(-60, service, before, caller), call(60, service, after, caller)]


def found(*calls: CallStats) -> dict[str, Finding]:
    return {one.service: one for one in analyse_failures(calls, WINDOW)}


def test_one_in_fifty_is_just_notable() -> None:
    assert found(*pair("cart", 0, 20))["cart"].score == pytest.approx(1.0)
    assert found(*pair("cart", 0, 19)) == {}
    assert found(*pair("cart", 20, 39)) == {}


def test_the_finding_holds_what_its_sentence_quotes() -> None:
    finding = found(*pair("cart", 1, 101))["cart"]
    assert (finding.source, finding.kind, finding.direction) == (Source.KPIS, FindingKind.CALL_FAILURES, 1)
    assert finding.statement == (
        "10.1 % of the calls to cart failed instead of 0.1 %; 10 % are its own, not of those it calls"
    )
    assert finding.data == {
        "metric_kind": "errors",
        "before": about(0.1),
        "after": about(10.1),
        "own_percent": about(10.0),
        "calls": 1000.0,
        "unit": "%",
    }


def test_what_fails_further_down_is_not_its_own() -> None:
    calls = [*pair("cart", 0, 100), *pair("db", 0, 100, caller="cart")]
    assert set(found(*calls)) == {"db"}
    calls = [*pair("cart", 0, 100), *pair("db", 0, 60, caller="cart")]
    assert found(*calls)["cart"].data["own_percent"] == about(4.0)


def test_that_others_below_failed_always_accuses_nobody_today() -> None:
    assert found(*pair("cart", 100, 100), *pair("db", 100, 100, caller="cart")) == {}


def test_few_calls_prove_little() -> None:
    few = [call(-60, "cart", 0, count=20), call(60, "cart", 2, count=20)]
    many = [call(-60, "cart", 0, count=20000), call(60, "cart", 2000, count=20000)]
    assert found(*few) == {}
    assert found(*many)["cart"].score == pytest.approx(5.0)


def test_calls_within_a_service_are_not_counted() -> None:
    assert found(*pair("cart", 0, 500, caller="cart")) == {}


def test_a_service_that_nobody_called_before_has_no_usual_share() -> None:
    assert found(call(60, "cart", 500)) == {}


def test_it_is_a_clue_of_its_own() -> None:
    (clue,) = clues_of(analyse_failures(pair("cart", 0, 300), WINDOW))["cart"]
    assert (clue.kind, clue.own, clue.bad) == (CauseKind.ERRORS, True, True)


@given(st.floats(1, 1e9), st.floats(0, 1), st.floats(0, 1))
def test_scores_are_finite_and_the_loudest_comes_first(count: float, one: float, other: float) -> None:
    calls = [
        call(-60, "a", 0, count=count),
        call(60, "a", one * count, count=count),
        call(-60, "b", 0, count=count),
        call(60, "b", other * count, count=count),
    ]
    scores = [finding.score or 0.0 for finding in analyse_failures(calls, WINDOW)]
    assert scores == sorted(scores, reverse=True)
    assert all(1.0 <= score <= 50.0 + 1e-9 for score in scores)
