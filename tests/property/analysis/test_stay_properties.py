"""What stayed away does not hang on units, clocks, names or the order of series, and never on one day alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.analysis.earlier_days import DAY_S, DAYS_BEFORE
from agents.analysis.findings import Finding
from agents.analysis.fusion import rank_causes
from agents.analysis.kpi import analyse_kpis
from agents.analysis.signals import KpiSeries, Topology, Window

T0 = 20 * DAY_S
WINDOW = Window(T0, T0 + 400.0, T0 + 515.0, T0 + 460.0)
STRETCH = np.arange(0.0, 520.0, 10.0)
quick = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 10**6)
stored = st.sets(st.sampled_from(tuple(DAYS_BEFORE.values())))


def drawn(seed: int, days: Sequence[int]) -> list[KpiSeries]:
    """Two metrics; some days they rise or fall in the window, now and then a sample is missing."""
    rng = np.random.default_rng(seed)
    usual = {0, *days}
    kpis = []
    for metric in ("request_rate", "cpu_seconds"):
        level, noise = rng.uniform(1.0, 1e3), rng.uniform(0.0, 0.1)
        moves = {ago: rng.choice([1.0, 1.0, 2.0, 4.0, 0.3]) for ago in sorted(usual)}
        ordered = sorted(usual, reverse=True)
        times = np.concatenate([T0 + STRETCH - ago * DAY_S for ago in ordered])
        values = np.concatenate(
            [
                level * np.where(STRETCH >= 420.0, moves[ago], 1.0) * rng.normal(1.0, noise, STRETCH.size)
                for ago in ordered
            ]
        )
        values[rng.random(values.size) < 0.02] = np.nan
        kpis.append(KpiSeries("cart", metric, times, values, "things"))
    return kpis


def found(kpis: Sequence[KpiSeries], window: Window = WINDOW) -> tuple[Finding, ...]:
    return analyse_kpis(kpis, window, {one.service for one in kpis})


def told(findings: Sequence[Finding]) -> list[tuple[object, ...]]:
    return [(one.subject, one.kind, one.direction, one.data.get("agreeing_days")) for one in findings]


@quick
@given(seeds, stored, st.sampled_from([1e-6, 0.37, 1e7]))
def test_the_unit_does_not_matter(seed: int, days: set[int], scale: float) -> None:
    kpis = drawn(seed, sorted(days))
    plain, scaled = found(kpis), found([replace(one, values=one.values * scale) for one in kpis])
    assert told(plain) == told(scaled)
    assert all(
        math.isclose(one.score or 0.0, other.score or 0.0, rel_tol=1e-6)
        for one, other in zip(plain, scaled, strict=True)
    )


@quick
@given(seeds, stored, st.integers(-(10**6), 10**6))
def test_what_the_clock_says_does_not_matter(seed: int, days: set[int], hours: int) -> None:
    later = 3600.0 * hours
    kpis = drawn(seed, sorted(days))
    plain = found(kpis)
    moved = found([replace(one, times=one.times + later) for one in kpis], WINDOW.later(later))
    assert told(plain) == told(moved)
    assert [(one.onset or 0.0) + later for one in plain if one.onset] == [
        one.onset for one in moved if one.onset
    ]


@quick
@given(seeds, stored)
def test_names_and_order_do_not_matter(seed: int, days: set[int]) -> None:
    kpis = drawn(seed, sorted(days))
    assert found(kpis) == found(kpis[::-1])
    renamed = found([replace(one, service="zeta") for one in kpis])
    assert [one.score for one in found(kpis)] == [one.score for one in renamed]


@quick
@given(seeds, st.sampled_from(tuple(DAYS_BEFORE.values())))
def test_one_day_alone_makes_no_incident(seed: int, day: int) -> None:
    kpis = drawn(seed, [day])
    calm = [replace(one, values=np.where(one.times >= T0, np.float64(7.0), one.values)) for one in kpis]
    findings = found(calm)
    assert all((one.score or 0.0) <= 1.0 for one in findings)
    assert not rank_causes(findings, Topology(), "cart", "", frozenset()).abnormal


@quick
@given(seeds, stored)
def test_what_no_day_did_is_not_missed(seed: int, days: set[int]) -> None:
    kpis = drawn(seed, sorted(days))
    flat = [replace(one, values=np.full(one.times.size, 3.0)) for one in kpis]
    assert all("agreeing_days" not in one.data for one in found(flat))
