"""Vitals as measurements: which metrics, how noisy, where they end, and how they are batched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import fmean, pstdev

import pytest

from infra.local.shop.flow import NOMINAL
from infra.local.shop.kpis import KpiCollector, Meter
from infra.local.shop.topology import SHOP

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVERYWHERE = {
    "request_rate",
    "error_rate",
    "latency_p50_ms",
    "latency_p95_ms",
    "cpu_usage",
    "cpu_steal",
    "memory_bytes",
    "disk_used_ratio",
    "disk_io_wait",
    "net_retransmits",
    "threads",
}
UNITS = {
    "request_rate": "1/s",
    "error_rate": "1",
    "latency_p50_ms": "ms",
    "latency_p95_ms": "ms",
    "cpu_usage": "1",
    "cpu_steal": "1",
    "memory_bytes": "By",
    "gc_pause_ms": "ms",
    "disk_used_ratio": "1",
    "disk_io_wait": "1",
    "pool_in_use": "1",
    "pool_wait_ms": "ms",
    "net_retransmits": "1/s",
    "threads": "1",
}


class Still(Random):
    """A source of randomness that never trembles."""

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        return mu


class Wild(Random):
    """One whose noise is always the same many deviations."""

    def __init__(self, deviations: float) -> None:
        super().__init__()
        self.deviations = deviations

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        return self.deviations


def test_without_noise_a_measurement_is_the_vital_to_six_digits() -> None:
    vitals = NOMINAL["catalog"]
    measured = Meter(Still()).measure(SHOP["catalog"], vitals, 1.0)
    assert measured == {
        name: float(f"{value:.6g}")
        for name, value in {
            "request_rate": vitals.rate,
            "error_rate": vitals.errors,
            "latency_p50_ms": vitals.p50_ms,
            "latency_p95_ms": vitals.p95_ms,
            "cpu_usage": vitals.cpu,
            "cpu_steal": vitals.steal,
            "memory_bytes": vitals.memory,
            "gc_pause_ms": vitals.gc_ms,
            "disk_used_ratio": vitals.disk,
            "disk_io_wait": vitals.io_wait,
            "pool_in_use": vitals.pool,
            "pool_wait_ms": vitals.pool_wait_ms,
            "net_retransmits": vitals.retransmits,
            "threads": vitals.threads,
        }.items()
    }


@pytest.mark.parametrize("name", sorted(SHOP))
def test_a_service_has_the_metrics_of_its_kind(name: str) -> None:
    service = SHOP[name]
    wanted = set(EVERYWHERE)
    wanted |= set() if service.store else {"gc_pause_ms"}
    wanted |= {"pool_in_use", "pool_wait_ms"} if service.pooled else set()
    assert set(Meter(Random(1)).measure(service, NOMINAL[name], 1.0)) == wanted


def test_what_is_exhausted_does_not_tremble() -> None:
    full = replace(NOMINAL["catalog"], cpu=1.0, pool=1.0)
    for seed in range(20):
        measured = Meter(Random(seed)).measure(SHOP["catalog"], full, 1.0)
        assert (measured["cpu_usage"], measured["pool_in_use"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    "metric", [name for name, unit in UNITS.items() if unit == "1" and name != "threads"]
)
def test_a_share_never_is_more_than_the_whole(metric: str) -> None:
    nearly = replace(
        NOMINAL["catalog"], errors=0.99, cpu=0.99, steal=0.99, disk=0.9999, io_wait=0.99, pool=0.99
    )
    assert Meter(Wild(10.0)).measure(SHOP["catalog"], nearly, 1.0)[metric] == 1.0


def test_noise_never_turns_a_figure_around() -> None:
    measured = Meter(Wild(-1e6)).measure(SHOP["catalog"], NOMINAL["catalog"], 1.0)
    for value in measured.values():
        assert value > 0
    assert measured["threads"] == pytest.approx(0.1 * NOMINAL["catalog"].threads)


@pytest.mark.parametrize(
    ("metric", "deviation"),
    [
        ("request_rate", 0.04),
        ("latency_p95_ms", 0.07),
        ("cpu_usage", 0.05),
        ("memory_bytes", 0.012),
        ("gc_pause_ms", 0.15),
        ("threads", 0.03),
    ],
)
def test_each_metric_trembles_as_much_as_it_says(metric: str, deviation: float) -> None:
    meter = Meter(Random(7))
    values = [meter.measure(SHOP["catalog"], NOMINAL["catalog"], 60.0)[metric] for _ in range(2_000)]
    assert pstdev(values) / fmean(values) == pytest.approx(deviation, rel=0.12)


def test_metrics_tremble_each_for_themselves() -> None:
    meter = Meter(Random(3))
    one = [meter.measure(SHOP["catalog"], NOMINAL["catalog"], 60.0) for _ in range(500)]
    cpu, rate = ([tick[name] for tick in one] for name in ("cpu_usage", "request_rate"))
    mean_cpu, mean_rate = fmean(cpu), fmean(rate)
    together = fmean((a - mean_cpu) * (b - mean_rate) for a, b in zip(cpu, rate, strict=True))
    assert abs(together) < 0.15 * pstdev(cpu) * pstdev(rate)


def test_a_cut_holds_what_was_gathered_since_the_last_one() -> None:
    collector = KpiCollector("acme")
    assert collector.cut() == ()
    for second in range(3):
        collector.add(START + timedelta(seconds=second), {"cart": {"cpu_usage": second / 10}})
    (batch,) = collector.cut()
    assert (batch.tenant, batch.service, batch.source) == ("acme", "cart", "shop")
    assert batch.occurred_at == START + timedelta(seconds=2)
    (series,) = batch.series
    begin = round(START.timestamp() * 1000)
    assert (series.times_ms, series.values) == ((begin, begin + 1000, begin + 2000), (0.0, 0.1, 0.2))
    assert series.labels == {"host": SHOP["cart"].host, "instance": "cart-0"}
    assert collector.cut() == ()


def test_services_are_cut_apart_and_units_are_told() -> None:
    collector = KpiCollector("acme")
    meter = Meter(Random(1))
    collector.add(START, {name: meter.measure(SHOP[name], NOMINAL[name], 1.0) for name in SHOP})
    batches = collector.cut()
    assert [one.service for one in batches] == list(SHOP)
    assert {series.metric: series.unit for one in batches for series in one.series} == UNITS
