from __future__ import annotations

import numpy as np
import pytest

from agents.analysis.findings import FindingKind
from agents.analysis.kpi import analyse_kpis
from agents.analysis.signals import FloatArray, KpiSeries, Window

START, STEP = 1_700_000_000.0, 5.0
WINDOW = Window(baseline_start=START - 1800, start=START, end=START + 300, alarm_at=START + 120)
TIMES = np.arange(START - 1800, START + 301, STEP)
INSIDE = TIMES >= START


def series(metric: str, values: FloatArray, service: str = "cart", unit: str = "") -> KpiSeries:
    return KpiSeries(service, metric, TIMES, values, unit)


def noise(level: float, share: float = 0.05, seed: int = 1) -> FloatArray:
    return level * (1 + share * np.random.default_rng(seed).standard_normal(TIMES.size))


def stepped(level: float, to: float, at: float = START + 60, seed: int = 1) -> FloatArray:
    return noise(level, seed=seed) + np.where(at <= TIMES, to - level, 0.0)


def test_a_step_is_told_with_figures_time_and_ratio() -> None:
    (finding,) = analyse_kpis([series("cpu_usage", stepped(0.3, 0.9), unit="cores")], WINDOW)
    assert finding.kind is FindingKind.LEVEL_SHIFT
    assert finding.direction == 1
    assert finding.onset == pytest.approx(START + 60, abs=STEP)
    assert finding.score is not None
    assert finding.score > 1
    assert finding.statement.startswith("cart cpu_usage rose from 0.299 to 0.906 cores (3.0x)")
    assert finding.statement.endswith("at 22:14:20")
    assert finding.data["before"] == pytest.approx(0.3, rel=0.05)
    assert finding.data["after"] == pytest.approx(0.9, rel=0.05)


def test_noise_is_normal_and_keeps_its_strongest_score() -> None:
    kpis = [series(f"latency_p95_ms_{i}", noise(40.0, 0.2, seed=i)) for i in range(40)]
    (finding,) = analyse_kpis(kpis, WINDOW)
    assert finding.kind is FindingKind.NORMAL
    assert finding.score is not None
    assert 0 < finding.score < 1
    assert "all 40 metrics" in finding.statement


def test_daily_load_within_the_baseline_is_normal() -> None:
    wave = 0.5 + 0.2 * np.sin(2 * np.pi * (TIMES - START) / 3600)
    (finding,) = analyse_kpis([series("cpu_usage", wave * noise(1.0, 0.03))], WINDOW)
    assert finding.kind is FindingKind.NORMAL


def test_a_resource_that_moves_with_its_load_is_discounted() -> None:
    kpis = [series("request_rate", stepped(100, 150, seed=2)), series("cpu_usage", stepped(0.4, 0.6, seed=3))]
    found = {f.indicator for f in analyse_kpis(kpis, WINDOW) if f.kind is not FindingKind.NORMAL}
    assert found == {"request_rate"}


def test_a_leak_is_a_trend() -> None:
    leak = noise(200.0, 0.01) + np.where(INSIDE, (TIMES - START) * 1.0, 0.0)
    (finding,) = analyse_kpis([series("memory_bytes", leak)], WINDOW)
    assert finding.kind is FindingKind.TREND
    assert "keeps rising" in finding.statement


def test_a_full_disk_is_saturation() -> None:
    (finding,) = analyse_kpis([series("disk_used_ratio", np.where(INSIDE, 0.99, noise(0.5, 0.01)))], WINDOW)
    assert finding.kind is FindingKind.SATURATION


def test_a_pool_stuck_at_its_ceiling_is_saturation() -> None:
    busy = np.where(INSIDE, 20.0, np.round(noise(6.0, 0.2)))
    (finding,) = analyse_kpis([series("pool_in_use", busy)], WINDOW)
    assert finding.kind is FindingKind.SATURATION


def test_a_series_that_ends_is_missing_data() -> None:
    gone = series("cpu_usage", np.where(INSIDE, np.nan, noise(0.3)))
    kinds = {f.kind for f in analyse_kpis([gone, series("latency_ms", noise(10.0))], WINDOW)}
    assert FindingKind.MISSING_DATA in kinds


@pytest.mark.parametrize("kpis", [[], [series("cpu_usage", np.full(TIMES.size, np.nan))]])
def test_nothing_to_read_is_a_finding_of_its_own(kpis: list[KpiSeries]) -> None:
    assert [f.kind for f in analyse_kpis(kpis, WINDOW)][-1] is FindingKind.NO_DATA


def test_one_sample_says_nothing() -> None:
    lone = KpiSeries("cart", "cpu_usage", np.array([START]), np.array([1.0]))
    (finding,) = analyse_kpis([lone], WINDOW)
    assert finding.kind is FindingKind.NO_DATA


def test_a_constant_series_is_normal() -> None:
    (finding,) = analyse_kpis([series("replicas", np.full(TIMES.size, 3.0))], WINDOW)
    assert finding.kind is FindingKind.NORMAL
    assert finding.score == 0


def test_failures_are_measured_against_all_that_can_fail() -> None:
    few = series("success_rate", np.where(INSIDE, 99.5, 99.9))
    many = series("success_rate", np.where(INSIDE, 90.0, 99.9), service="pay")
    found = {f.service: f.kind for f in analyse_kpis([few, many], WINDOW)}
    assert found["cart"] is FindingKind.NORMAL
    assert found["pay"] is not FindingKind.NORMAL
