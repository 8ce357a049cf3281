"""What holds for the scores of any recorded calls: units, clocks, names and order do not matter, nonsense harms nobody."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.analysis.call_failures import analyse_failures
from agents.analysis.calls import analyse_calls
from agents.analysis.findings import Finding, FindingKind
from agents.analysis.signals import CallStats, Window

START = 1_700_000_000.0
WINDOW = Window(START - 600, START, START + 120, START + 60)
MOMENTS = np.arange(START - 600, START + 120, 30.0).tolist()
EDGES = (("", "web"), ("web", "cart"), ("web", "pay"), ("cart", "db"))
EITHER = (analyse_calls, analyse_failures)
Analysis = Callable[[Sequence[CallStats], Window], tuple[Finding, ...]]
analyses = st.sampled_from(EITHER)
seeds = st.integers(0, 2**32 - 1)
quick = settings(deadline=None, max_examples=40)


def drawn(seed: int) -> list[CallStats]:
    """Calls of every edge, some of which take longer or fail from some moment on."""
    rng = np.random.default_rng(seed)
    found = []
    for caller, service in EDGES:
        slow, bad = rng.choice([0.0, 1.0, 8.0]), rng.choice([0.0, 0.04, 0.5])
        since = START + rng.uniform(-20, 60)
        for at in MOMENTS:
            typical = 10 * rng.uniform(0.9, 1.1) * (1 + slow * (at >= since))
            count = float(rng.integers(50, 90))
            failed = float(rng.binomial(int(count), bad * (at >= since)))
            found.append(CallStats(at, service, "get", caller, count, typical, 2 * typical, failed))
    return found


def scores(findings: Sequence[Finding]) -> dict[str, float]:
    return {one.subject: one.score or 0.0 for one in findings}


def test_something_is_found_in_what_is_drawn() -> None:
    kinds = {one.kind for seed in range(30) for each in EITHER for one in each(drawn(seed), WINDOW)}
    assert kinds == {FindingKind.CALL_LATENCY, FindingKind.CALL_FAILURES}


@quick
@given(seeds, st.sampled_from([2.0**-20, 0.5, 1024.0]))
def test_the_unit_of_time_does_not_matter(seed: int, scale: float) -> None:
    calls = drawn(seed)
    scaled = [replace(one, p50_ms=one.p50_ms * scale, p95_ms=one.p95_ms * scale) for one in calls]
    assert scores(analyse_calls(scaled, WINDOW)) == scores(analyse_calls(calls, WINDOW))


@quick
@given(analyses, seeds, st.integers(-(10**5), 10**5))
def test_what_the_clock_says_does_not_matter(analyse: Analysis, seed: int, hours: int) -> None:
    later = 3600.0 * hours
    moved = [replace(one, time=one.time + later) for one in drawn(seed)]
    window = Window(
        *(at + later for at in (WINDOW.baseline_start, WINDOW.start, WINDOW.end, WINDOW.alarm_at))
    )
    assert analyse(moved, window) == analyse(drawn(seed), WINDOW)


@quick
@given(analyses, seeds)
def test_what_services_are_called_does_not_matter(analyse: Analysis, seed: int) -> None:
    other = {name: f"z{name[::-1]}" if name else "" for edge in EDGES for name in edge}
    renamed = [replace(one, service=other[one.service], caller=other[one.caller]) for one in drawn(seed)]
    plain = {one.service: one.score for one in analyse(drawn(seed), WINDOW)}
    told = {one.service: one.score for one in analyse(renamed, WINDOW)}
    assert {other[name]: score for name, score in plain.items()} == told


@quick
@given(analyses, seeds, st.randoms(use_true_random=False))
def test_the_order_of_calls_does_not_matter(analyse: Analysis, seed: int, random: object) -> None:
    mixed = drawn(seed)
    assert hasattr(random, "shuffle")
    random.shuffle(mixed)
    plain, told = scores(analyse(drawn(seed), WINDOW)), scores(analyse(mixed, WINDOW))
    assert plain.keys() == told.keys()
    assert all(math.isclose(plain[name], told[name], rel_tol=1e-9) for name in plain)


@quick
@given(analyses, st.floats(1.0, 1e5), st.floats(0.0, 1.0), st.integers(0, 40))
def test_what_is_always_the_same_is_never_notable(
    analyse: Analysis, typical: float, failing: float, many: int
) -> None:
    calls = [CallStats(at, "db", "get", "web", 50, typical, typical, 50 * failing) for at in MOMENTS[:many]]
    assert {one.kind for one in analyse(calls, WINDOW)} <= {FindingKind.NO_DATA}


numbers = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, -1.0, 5e-324, 1e308])
anything = st.builds(
    CallStats,
    st.sampled_from(MOMENTS) | numbers,
    st.sampled_from(["web", "db"]),
    st.just("get"),
    st.sampled_from(["", "web", "db"]),
    numbers | st.floats(1, 100),
    numbers | st.floats(1, 100),
    numbers | st.floats(1, 100),
    numbers | st.floats(1, 100),
)


@settings(deadline=None, max_examples=200)
@given(analyses, st.lists(anything, max_size=40))
def test_any_calls_are_answered_with_finite_figures(analyse: Analysis, calls: list[CallStats]) -> None:
    for finding in analyse(calls, WINDOW):
        assert finding.score is None or 1.0 <= finding.score < math.inf
        assert all(math.isfinite(value) for value in finding.data.values() if isinstance(value, float))
        assert "nan" not in finding.statement
        assert "inf" not in finding.statement


@quick
@given(analyses, seeds, st.sampled_from([math.nan, math.inf, -math.inf, 1e308]))
def test_what_is_no_measurement_counts_as_none(analyse: Analysis, seed: int, value: float) -> None:
    nonsense = [replace(one, p50_ms=value, count=value, failed=value) for one in drawn(seed)[::3]]
    assert scores(analyse([*drawn(seed), *nonsense], WINDOW)) == scores(analyse(drawn(seed), WINDOW))


def test_more_failures_than_calls_are_all_of_them() -> None:
    before = [CallStats(at, "db", "get", "web", 50, 5, 9, failed=-3) for at in MOMENTS[:20]]
    after = [CallStats(at, "db", "get", "web", 50, 5, 9, failed=70) for at in MOMENTS[20:]]
    (finding,) = analyse_failures([*before, *after], WINDOW)
    assert (finding.data["before"], finding.data["after"]) == (0.0, 100.0)
