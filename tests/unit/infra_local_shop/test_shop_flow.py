from __future__ import annotations

import math
from itertools import pairwise
from random import Random
from statistics import fmean, pstdev

import pytest

from infra.local.shop.episodes import script
from infra.local.shop.faults import Fault, FaultKind
from infra.local.shop.flow import NOMINAL, Flow, Vitals
from infra.local.shop.load import DailyLoad, Jitter
from infra.local.shop.stress import Stress, stresses
from infra.local.shop.topology import SHOP


def settled(load: float = 1.0, **stress: Stress) -> dict[str, Vitals]:
    flow = Flow()
    under = {name.replace("_", "-"): one for name, one in stress.items()}
    for _ in range(5):
        flow.step(load, under)
    return flow.step(load, under)


def fault(kind: FaultKind, service: str, strength: float = 0.9) -> Fault:
    return Fault(kind, service, starts_s=30.0, ramp_s=5.0, strength=strength)


def test_calm_services_stay_as_they_are() -> None:
    for name, vitals in settled().items():
        assert vitals.p50_ms == pytest.approx(NOMINAL[name].p50_ms, rel=0.02)
        assert vitals.errors < 0.01


def test_load_flows_down_and_makes_everything_busier() -> None:
    busy = settled(load=1.15)
    for name, vitals in busy.items():
        assert vitals.rate == pytest.approx(1.15 * NOMINAL[name].rate, rel=0.02)
        assert vitals.cpu > NOMINAL[name].cpu
        assert vitals.p50_ms >= NOMINAL[name].p50_ms


def test_latency_adds_up_along_the_calls_and_not_below_them() -> None:
    slow = settled(payment=Stress(delay_ms=100.0))
    rise = {name: slow[name].p50_ms - NOMINAL[name].p50_ms for name in SHOP}
    assert rise["payment"] == pytest.approx(100.0, abs=5)
    assert rise["checkout"] > 80
    assert 5 < rise["api-gateway"] < rise["checkout"]
    assert rise["web-frontend"] > 5
    for name in ("catalog", "user", "orders-db", "search", "search-index"):
        assert rise[name] == pytest.approx(0.0, abs=2), name


def test_slow_answers_turn_into_errors_of_the_caller() -> None:
    stuck = settled(payment=Stress(delay_ms=3000.0))
    assert stuck["payment"].errors < 0.01
    assert stuck["checkout"].timeouts["payment"] > 0.9
    assert stuck["checkout"].errors > 0.8
    assert stuck["web-frontend"].errors > 0.03


def test_a_caller_waits_no_longer_than_its_time_out() -> None:
    stuck = settled(payment=Stress(delay_ms=60_000.0))
    assert stuck["checkout"].p50_ms < 3000


def test_failures_starve_those_called_later_and_bring_retries_to_the_failing() -> None:
    failing = settled(payment=Stress(errors=0.6))
    assert failing["payment"].rate > 1.1 * NOMINAL["payment"].rate
    assert failing["shipping"].rate < 0.7 * NOMINAL["shipping"].rate
    assert failing["orders-db"].rate < NOMINAL["orders-db"].rate
    # The gateway tries failed checkouts again, so what comes before the failing call is called more often.
    assert NOMINAL["inventory"].rate < failing["inventory"].rate < 1.4 * NOMINAL["inventory"].rate


def test_a_slow_database_fills_its_callers_pools_only() -> None:
    slow = settled(catalog_db=Stress(slow=10.0))
    assert slow["catalog"].pool > 0.8
    assert slow["inventory"].pool > 1.5 * NOMINAL["inventory"].pool
    assert slow["checkout"].pool < 0.5
    assert slow["catalog"].pool_wait_ms > NOMINAL["catalog"].pool_wait_ms


def test_a_busy_cpu_makes_requests_queue() -> None:
    hog = settled(search=Stress(cpu=0.55))
    assert hog["search"].cpu > 0.9
    assert hog["search"].p50_ms > 2 * NOMINAL["search"].p50_ms
    assert hog["search-index"].p50_ms == pytest.approx(NOMINAL["search-index"].p50_ms, rel=0.02)


def test_batch_work_takes_the_cpu_but_yields_to_requests() -> None:
    batch = settled(shipping=Stress(batch=0.7))
    assert batch["shipping"].cpu > 0.85
    assert batch["shipping"].p50_ms == pytest.approx(NOMINAL["shipping"].p50_ms, rel=0.02)


def test_extra_requests_served_from_memory_load_nobody_else() -> None:
    peak = settled(recommendation=Stress(extra_rate=NOMINAL["recommendation"].rate))
    assert peak["recommendation"].rate == pytest.approx(2 * NOMINAL["recommendation"].rate, rel=0.02)
    assert peak["recommendation"].p50_ms == pytest.approx(NOMINAL["recommendation"].p50_ms, rel=0.1)
    assert peak["catalog"].rate == pytest.approx(NOMINAL["catalog"].rate, rel=0.02)


def test_only_the_neighbours_of_a_noisy_service_are_starved() -> None:
    under = stresses(fault(FaultKind.NOISY_NEIGHBOUR, "notification"), 1.0)
    assert {name for name, one in under.items() if one.steal > 0} == {"cart", "payment"}
    assert under["notification"].batch > 0.5
    assert under["notification"].steal == 0


@pytest.mark.parametrize("kind", [k for k in FaultKind if k is not FaultKind.NOISY_NEIGHBOUR])
def test_every_other_fault_touches_its_owner_alone(kind: FaultKind) -> None:
    assert set(stresses(fault(kind, "catalog"), 1.0)) == {"catalog"}
    assert stresses(fault(kind, "catalog"), 0.0)["catalog"] == Stress()


def test_kinds_differ_in_what_they_stress() -> None:
    kinds = [k for k in FaultKind if k is not FaultKind.NOISY_NEIGHBOUR]
    assert len({stresses(fault(kind, "catalog"), 1.0)["catalog"] for kind in kinds}) == len(kinds)


def test_a_fault_comes_up_stays_and_recedes() -> None:
    told = script(1, fault(FaultKind.CPU_HOG, "cart"), heal_at_s=60.0, again_at_s=120.0)
    assert told.level(29.9) == 0
    assert told.level(32.5) == pytest.approx(0.5)
    assert told.level(50) == 1
    assert 0 < told.level(63) < 1
    assert told.level(100) == 0
    assert told.level(500) == 1
    assert "cart" not in told.stress(100)


def test_without_a_fault_nobody_is_stressed() -> None:
    for seed in range(20):
        assert script(seed, None).stress(50.0) == {}


def test_oddities_happen_to_unrelated_services_in_some_seeds() -> None:
    struck = fault(FaultKind.CPU_HOG, "catalog")
    odd = [set(script(seed, struck).stress(100.0)) - {"catalog"} for seed in range(60)]
    assert 5 < sum(map(bool, odd)) < 40
    near = {"cart", "api-gateway", "recommendation", "shipping", "catalog-db"}
    assert not any(names & near for names in odd)


def test_the_load_swings_once_a_day() -> None:
    day = DailyLoad(3)
    hours = [day.at(3600.0 * hour) for hour in range(24)]
    assert 0.84 < min(hours) < 0.87
    assert 1.13 < max(hours) < 1.16
    assert day.at(0.0) == pytest.approx(day.at(86_400.0))
    assert DailyLoad(4).at(0.0) != day.at(0.0)


@pytest.mark.parametrize("step_s", [1.0, 5.0])
def test_jitter_is_one_process_at_any_step(step_s: float) -> None:
    jitter = Jitter(Random(5), memory_s=8.0)
    values = [jitter.next("x", step_s) for _ in range(20_000)]
    neighbours = fmean(a * b for a, b in pairwise(values))
    assert fmean(values) == pytest.approx(0.0, abs=0.15)
    assert pstdev(values) == pytest.approx(1.0, abs=0.1)
    assert neighbours == pytest.approx(math.exp(-step_s / 8.0), abs=0.1)
