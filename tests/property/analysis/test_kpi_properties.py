"""What holds for the scores of any measurements: units, clocks, names and order do not matter, nonsense harms nobody."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.analysis.absences import reporting
from agents.analysis.findings import Finding, FindingKind
from agents.analysis.grids import grids_of
from agents.analysis.kpi import analyse_kpis
from agents.analysis.onsets import onsets
from agents.analysis.shapes import trending
from agents.analysis.shifts import measure
from agents.analysis.signals import FloatArray, KpiSeries, Window
from agents.analysis.spread import spreads

START, STEP = 1_700_000_000.0, 5.0
WINDOW = Window(START - 600, START, START + 118, START + 60)
TIMES = np.arange(START - 600, START + 118, STEP)
METRICS = ("cpu_usage", "memory_bytes", "latency_p95_ms", "error_rate", "request_rate", "pool_in_use")
SERVICES = ("web", "cart", "db", "pay")
# Powers of two: the figures scale to the last bit.
SCALES = st.sampled_from([2.0**-30, 0.25, 8.0, 2.0**40])
seeds = st.integers(0, 2**32 - 1)
quick = settings(deadline=None, max_examples=40)


def drawn(seed: int, many: int = 12) -> list[KpiSeries]:
    """Series of every sort: steps, ramps, bursts, swings, silence and holes, at any level."""
    rng = np.random.default_rng(seed)
    return [
        KpiSeries(SERVICES[place % 4], METRICS[place % 6] + f"_{place}", TIMES, _values(rng), "u")
        for place in range(many)
    ]


def _values(rng: np.random.Generator) -> FloatArray:
    level = 10.0 ** rng.uniform(-2, 4)
    values = level * (1 + rng.uniform(0.01, 0.2) * rng.standard_normal(TIMES.size))
    since = START + rng.uniform(-30, 90) <= TIMES
    past = np.where(since, TIMES - START, 0.0)
    match rng.integers(6):
        case 0:
            values = values + np.where(since, level * rng.uniform(-2, 5), 0.0)
        case 1:
            values = values + level * past / 20
        case 2:
            values = np.where(since, level + (values - level) * 30, values)
        case 3:
            values = np.where(since, np.nan, values)
        case 4:
            values = np.where(rng.uniform(size=TIMES.size) < 0.3, np.nan, values)
        case _:
            pass
    return np.asarray(values, dtype=np.float64)


def told(findings: Sequence[Finding]) -> dict[str, tuple[object, ...]]:
    """What must not change with units and clocks."""
    return {one.subject: (one.kind, one.service, one.indicator, one.direction) for one in findings}


def scores(findings: Sequence[Finding]) -> dict[str, float]:
    return {one.subject: one.score or 0.0 for one in findings}


def assert_same(one: Sequence[Finding], other: Sequence[Finding]) -> None:
    assert told(one) == told(other)
    ours, theirs = scores(one), scores(other)
    assert all(math.isclose(ours[subject], theirs[subject], rel_tol=1e-9) for subject in ours)


@quick
@given(seeds, SCALES)
def test_the_unit_does_not_matter(seed: int, scale: float) -> None:
    # Theirs has a dimension: what has none may be a share of a whole, 1 or 100, and is not scaled.
    kpis = drawn(seed)
    scaled = [replace(one, values=one.values * scale) for one in kpis]
    assert_same(analyse_kpis(kpis, WINDOW), analyse_kpis(scaled, WINDOW))


@quick
@given(seeds, st.integers(-(10**6), 10**6))
def test_what_the_clock_says_does_not_matter(seed: int, hours: int) -> None:
    later = 3600.0 * hours
    moved = [replace(one, times=one.times + later) for one in drawn(seed)]
    window = Window(
        *(at + later for at in (WINDOW.baseline_start, WINDOW.start, WINDOW.end, WINDOW.alarm_at))
    )
    plain, shifted = analyse_kpis(drawn(seed), WINDOW), analyse_kpis(moved, window)
    assert_same(plain, shifted)
    for one, other in zip(plain, shifted, strict=True):
        assert (one.onset is None) == (other.onset is None)
        assert other.onset is None or other.onset == (one.onset or 0.0) + later
        assert one.data == other.data


@quick
@given(seeds, st.permutations(SERVICES))
def test_what_services_are_called_does_not_matter(seed: int, names: Sequence[str]) -> None:
    renamed = dict(zip(SERVICES, (f"{name}-x" for name in names), strict=True))
    plain = analyse_kpis(drawn(seed), WINDOW)
    other = analyse_kpis([replace(one, service=renamed[one.service]) for one in drawn(seed)], WINDOW)
    expected = {
        subject.replace(s, renamed[s], 1): score
        for s in SERVICES
        for subject, score in scores(plain).items()
        if subject.split("|")[0] == s
    }
    assert expected == {subject: score for subject, score in scores(other).items() if subject.split("|")[0]}


@quick
@given(seeds)
def test_a_prefix_before_every_metric_does_not_matter(seed: int) -> None:
    plain = analyse_kpis(drawn(seed), WINDOW)
    other = analyse_kpis([replace(one, metric=f"acme_{one.metric}") for one in drawn(seed)], WINDOW)
    assert sorted(scores(plain).values()) == sorted(scores(other).values())


@quick
@given(seeds, st.randoms(use_true_random=False))
def test_neither_the_order_of_series_nor_of_samples_matters(seed: int, random: object) -> None:
    mixed = drawn(seed)
    assert hasattr(random, "shuffle")
    random.shuffle(mixed)
    order = np.random.default_rng(seed).permutation(TIMES.size)
    shuffled = [replace(one, times=one.times[order], values=one.values[order]) for one in mixed]
    assert analyse_kpis(shuffled, WINDOW) == analyse_kpis(drawn(seed), WINDOW)


@quick
@given(seeds, st.integers(1, 60))
def test_samples_that_come_twice_count_once(seed: int, many: int) -> None:
    again = np.random.default_rng(seed).integers(0, TIMES.size, many)
    twice = [
        replace(
            one, times=np.append(one.times, one.times[again]), values=np.append(one.values, one.values[again])
        )
        for one in drawn(seed)
    ]
    assert analyse_kpis(twice, WINDOW) == analyse_kpis(drawn(seed), WINDOW)


@quick
@given(seeds)
def test_what_is_infinite_was_not_measured(seed: int) -> None:
    kpis = drawn(seed)
    for value in (math.inf, -math.inf):
        spoiled = [replace(one, values=np.where(np.isnan(one.values), value, one.values)) for one in kpis]
        assert analyse_kpis(spoiled, WINDOW) == analyse_kpis(kpis, WINDOW)


@quick
@given(seeds)
def test_series_of_other_services_change_no_score(seed: int) -> None:
    kpis = drawn(seed)
    alone = scores(analyse_kpis([one for one in kpis if one.service == "db"], WINDOW))
    together = scores(analyse_kpis(kpis, WINDOW))
    shared = alone.keys() & together.keys()
    # Where most services fall silent at once none is told to have.
    assert {name for name in alone.keys() ^ shared if name.startswith("db|") and "missing" not in name} <= {
        "db||normal"
    }
    assert all(math.isclose(alone[name], together[name], rel_tol=1e-9) for name in shared)


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.0, -1.0, 5e-324, 1e308])
moments = st.floats(START - 700, START + 200) | st.just(START) | st.sampled_from([math.nan, math.inf])
samples = st.lists(st.tuples(moments, numbers), max_size=80)


@settings(deadline=None, max_examples=150)
@given(st.lists(samples, max_size=3), st.sampled_from(METRICS))
def test_any_samples_are_answered_with_finite_figures(
    series: list[list[tuple[float, float]]], metric: str
) -> None:
    kpis = [
        KpiSeries(f"s{place}", metric, np.array([t for t, _ in one]), np.array([v for _, v in one]))
        for place, one in enumerate(series)
    ]
    with np.errstate(all="ignore"):
        found = analyse_kpis(kpis, WINDOW)
    assert found
    for finding in found:
        figures = [v for v in finding.data.values() if isinstance(v, float)]
        assert all(math.isfinite(value) for value in figures), finding
        assert finding.score is None or (math.isfinite(finding.score) and finding.score >= 0)
        assert finding.onset is None or WINDOW.start <= finding.onset <= WINDOW.end
        assert "nan" not in finding.statement
        assert "inf" not in finding.statement


@quick
@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 80), st.sampled_from(METRICS))
def test_a_constant_series_is_never_notable(level: float, length: int, metric: str) -> None:
    times = START - 300 + STEP * np.arange(float(length))
    found = analyse_kpis([KpiSeries("a", metric, times, np.full(length, level))], WINDOW)
    assert {f.kind for f in found} <= {FindingKind.NORMAL, FindingKind.NO_DATA, FindingKind.MISSING_DATA}
    assert all(f.score == 0.0 for f in found if f.kind is FindingKind.NORMAL)


@quick
@given(seeds, st.floats(1.0, 1e6))
def test_a_higher_level_makes_the_same_shift_no_more_notable(seed: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    values = 10 + rng.standard_normal(TIMES.size) + np.where(TIMES >= START + 30, 20.0, 0.0)
    kpi = KpiSeries("a", "memory_bytes", TIMES, values)
    (plain,), (lifted,) = (measure([one], WINDOW) for one in (kpi, replace(kpi, values=values + offset)))
    assert lifted.score <= plain.score * (1 + 1e-6)


@quick
@given(seeds, st.floats(0.1, 5.0), st.floats(1.01, 3.0))
def test_a_larger_shift_scores_no_less(seed: int, size: float, more: float) -> None:
    rng = np.random.default_rng(seed)
    quiet = 10 + rng.standard_normal(TIMES.size)
    inside = np.where(TIMES >= START, 1.0, 0.0)
    first, second = (
        measure([KpiSeries("a", "memory_bytes", TIMES, quiet + 10 * by * inside)], WINDOW)[0].score
        for by in (size, size * more)
    )
    assert second >= first


@quick
@given(seeds)
def test_what_is_mirrored_is_told_mirrored(seed: int) -> None:
    kpis = drawn(seed)
    for one, other in zip(
        measure(kpis, WINDOW),
        measure([replace(one, values=-one.values) for one in kpis], WINDOW),
        strict=True,
    ):
        assert (one.direction, one.start, one.stop) == (-other.direction, other.start, other.stop)
        assert math.isclose(one.score, other.score, rel_tol=1e-9)


@quick
@given(seeds)
def test_yesterday_never_makes_a_shift_more_notable(seed: int) -> None:
    rng = np.random.default_rng(seed)
    today = drawn(seed)
    past = [
        replace(
            one,
            times=np.append(one.times - 86_400.0, one.times),
            values=np.append(_values(rng), one.values),
        )
        for one in today
    ]
    without = {shift.series.metric: shift.score for shift in measure(today, WINDOW)}
    for shift in measure(past, WINDOW):
        assert without[shift.series.metric] / 4 - 1e-9 <= shift.score <= without[shift.series.metric] + 1e-9


@quick
@given(seeds)
def test_an_onset_lies_between_its_bounds_in_the_window(seed: int) -> None:
    for shift in measure(drawn(seed), WINDOW):
        grid = shift.grid
        before, after = np.array([shift.before]), np.array([shift.after])
        (onset,) = onsets(grid.times, grid.values[[shift.row]], before, after, WINDOW)
        assert onset.after <= onset.at <= onset.by
        assert WINDOW.start <= onset.at
        assert onset.by <= WINDOW.end


@quick
@given(seeds)
def test_spreads_are_finite_and_those_of_noise_are_not_notable(seed: int) -> None:
    rng = np.random.default_rng(seed)
    calm = [
        KpiSeries(
            "a",
            f"memory_{i}",
            TIMES,
            10.0 ** rng.uniform(-3, 6) * (1 + 0.1 * rng.standard_normal(TIMES.size)),
        )
        for i in range(20)
    ]
    (grid,) = grids_of(calm)
    found = spreads(grid, range(20), WINDOW)
    assert len(found) == 20
    assert all(0.0 <= one.score < 1.0 for one in found)


@quick
@given(st.lists(st.integers(-1000, 1000), max_size=40), st.sampled_from([2.0, -3.0, 1000.0]))
def test_a_trend_does_not_depend_on_unit_or_direction(values: list[int], scale: float) -> None:
    plain = np.array(values, dtype=np.float64)
    assert trending(plain) == trending(plain * scale) == trending(plain[::-1])


@quick
@given(st.lists(st.booleans(), min_size=TIMES.size, max_size=TIMES.size))
def test_an_absence_began_in_the_window_and_is_notable(there: list[bool]) -> None:
    values = np.where(there, 1.0, np.nan)
    found = reporting(grids_of([KpiSeries("a", "m", TIMES, values)]), WINDOW)
    for one in found.absent:
        assert one.score >= 1.0
        assert WINDOW.start <= one.since <= WINDOW.end
    assert found.regular.get("a", 0) in {0, 1}
