from __future__ import annotations

import pytest

from agents.analysis.calls import analyse_calls, learned_topology
from agents.analysis.findings import FindingKind
from agents.analysis.signals import CallStats, Window

START = 1_700_000_000.0
WINDOW = Window(baseline_start=START - 600, start=START, end=START + 120, alarm_at=START + 60)


def calls(
    caller: str, service: str, before: float, after: float, *, count: float = 50, op: str = "get"
) -> list[CallStats]:
    past = [CallStats(START - 60 * i, service, op, caller, count, before, before) for i in (1, 2, 3)]
    return [*past, CallStats(START + 60, service, op, caller, count, after, after)]


def test_the_called_service_answers_for_its_own_time() -> None:
    told = [*calls("", "web", 100, 300), *calls("web", "cart", 50, 250), *calls("cart", "db", 10, 10)]
    (finding,) = analyse_calls(told, WINDOW)
    assert finding.kind is FindingKind.CALL_LATENCY
    assert finding.service == "cart"
    assert finding.data["own_ms"] == pytest.approx(200)
    assert finding.statement == (
        "Calls to cart took 250 ms instead of 50 ms; 200 ms of the rise are its own, not of those it calls"
    )


def test_several_calls_for_one_request_are_counted() -> None:
    told = [*calls("", "web", 100, 300, count=10), *calls("web", "db", 5, 25, count=100)]
    assert [f.service for f in analyse_calls(told, WINDOW)] == ["db"]


def test_another_mixture_of_operations_is_no_slow_down() -> None:
    quick, slow = calls("web", "cart", 5, 5, count=100), calls("web", "cart", 500, 500, count=10, op="export")
    more_exports = [CallStats(START + 90, "cart", "export", "web", 500, 500, 500)]
    assert analyse_calls([*quick, *slow, *more_exports], WINDOW) == ()


def test_an_operation_never_seen_before_is_not_compared() -> None:
    new = [CallStats(START + 90, "cart", "import", "web", 50, 9000, 9000)]
    assert analyse_calls([*calls("web", "cart", 5, 5), *new], WINDOW) == ()


def test_one_interval_is_never_sure() -> None:
    (finding,) = analyse_calls(calls("web", "cart", 1, 10_000), WINDOW)
    assert finding.score == 3.0


@pytest.mark.parametrize("told", [[], calls("web", "cart", 5, 50)[:3], calls("web", "cart", 5, float("nan"))])
def test_one_sided_or_unknown_times_are_no_data(told: list[CallStats]) -> None:
    assert [f.kind for f in analyse_calls(told, WINDOW)] == [FindingKind.NO_DATA]


def test_the_graph_is_learned_from_calls() -> None:
    told = [*calls("", "web", 1, 1), *calls("web", "cart", 1, 1), *calls("cart", "cart", 1, 1)]
    learned = learned_topology(told)
    assert learned.calls == {"web": frozenset({"cart"})}
    assert learned.nodes == {"web", "cart"}
