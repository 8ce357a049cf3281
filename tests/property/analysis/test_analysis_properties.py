from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.analysis.alarms import analyse_alarms
from agents.analysis.calls import analyse_calls
from agents.analysis.changes import analyse_changes
from agents.analysis.composition import deviations, load_factor
from agents.analysis.findings import Finding, FindingKind
from agents.analysis.fusion import Ranking, rank_causes
from agents.analysis.kpi import analyse_kpis
from agents.analysis.logs import analyse_logs, template_of
from agents.analysis.robust import row_mad, row_median, row_quantile
from agents.analysis.signals import (
    AlarmRecord,
    CallStats,
    ChangeRecord,
    FloatArray,
    KpiSeries,
    LogRecord,
    Topology,
    Window,
)
from agents.analysis.topology import analyse_topology

START, STEP = 1_700_000_000.0, 5.0
WINDOW = Window(baseline_start=START - 600, start=START, end=START + 120, alarm_at=START + 60)
TIMES = np.arange(START - 600, START + 121, STEP)
METRICS = ("cpu_usage", "memory_bytes", "latency_p95_ms", "error_rate", "request_rate", "pool_in_use")
SERVICES = ("web", "cart", "db", "pay")
GRAPH = Topology(
    calls={"web": frozenset({"cart", "pay"}), "cart": frozenset({"db"})},
    nodes=frozenset(SERVICES),
    hosted_on={"cart": "n1", "pay": "n1"},
)

seeds = st.integers(0, 2**32 - 1)


def values(seed: int, *, fault: bool = True) -> FloatArray:
    rng = np.random.default_rng(seed)
    level = 10.0 ** rng.uniform(-2, 4)
    series = level * (1 + rng.uniform(0.01, 0.2) * rng.standard_normal(TIMES.size))
    if fault:
        series = series + np.where(rng.uniform(0, 60) + START <= TIMES, level * rng.uniform(-0.5, 5), 0.0)
    return np.asarray(series, dtype=np.float64)


def kpis(seed: int, *, fault: bool = True) -> list[KpiSeries]:
    names = [(service, metric) for service in SERVICES for metric in METRICS]
    return [KpiSeries(s, m, TIMES, values(seed + i, fault=fault)) for i, (s, m) in enumerate(names)]


def rank(findings: Sequence[Finding], graph: Topology = GRAPH, alarmed: str = "web") -> Ranking:
    extra = analyse_topology(findings, graph, alarmed, frozenset())
    return rank_causes((*findings, *extra), graph, alarmed, "latency_p95_ms", frozenset())


@given(seeds, st.sampled_from([0.001, 0.5, 8.0, 1024.0]))
def test_the_unit_of_a_metric_does_not_matter(seed: int, scale: float) -> None:
    plain = analyse_kpis([KpiSeries("a", "memory_bytes", TIMES, values(seed))], WINDOW)
    scaled = analyse_kpis([KpiSeries("a", "memory_bytes", TIMES, values(seed) * scale)], WINDOW)
    for one, other in zip(plain, scaled, strict=True):
        assert (one.kind, one.direction, one.onset) == (other.kind, other.direction, other.onset)
        assert math.isclose(one.score or 0, other.score or 0, rel_tol=1e-6)


@given(seeds, st.floats(1.0, 1e6))
def test_a_higher_level_never_makes_the_same_shift_more_notable(seed: int, offset: float) -> None:
    plain = analyse_kpis([KpiSeries("a", "memory_bytes", TIMES, values(seed))], WINDOW)
    lifted = analyse_kpis([KpiSeries("a", "memory_bytes", TIMES, values(seed) + offset)], WINDOW)
    assert (lifted[0].score or 0) <= (plain[0].score or 0) * (1 + 1e-6) + 1e-9


@given(seeds, st.floats(-1e7, 1e7))
def test_when_does_not_matter(seed: int, later: float) -> None:
    moved = Window(*(moment + later for moment in (START - 600, START, START + 120, START + 60)))
    plain = analyse_kpis([KpiSeries("a", "cpu_usage", TIMES, values(seed))], WINDOW)
    shifted = analyse_kpis([KpiSeries("a", "cpu_usage", TIMES + later, values(seed))], moved)
    assert [(f.kind, f.score) for f in plain] == [(f.kind, f.score) for f in shifted]


@settings(deadline=None, max_examples=25)
@given(seeds, st.randoms())
def test_the_order_of_input_does_not_matter(seed: int, random: object) -> None:
    ordered = kpis(seed)
    mixed = list(ordered)
    assert hasattr(random, "shuffle")
    random.shuffle(mixed)
    assert analyse_kpis(mixed, WINDOW) == analyse_kpis(ordered, WINDOW)


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_what_services_are_called_does_not_matter(seed: int) -> None:
    names = {"web": "zz-1", "cart": "aa-2", "db": "mm-3", "pay": "kk-4"}
    renamed = [replace(k, service=names[k.service]) for k in kpis(seed)]
    graph = Topology(
        calls={names[a]: frozenset(names[b] for b in bs) for a, bs in GRAPH.calls.items()},
        nodes=frozenset(names.values()),
        hosted_on={names[a]: host for a, host in GRAPH.hosted_on.items()},
    )
    plain = rank(analyse_kpis(kpis(seed), WINDOW))
    other = rank(analyse_kpis(renamed, WINDOW), graph, names["web"])
    assert plain.abnormal == other.abnormal
    scores = {names[c.service]: c.score for c in plain.causes}
    for cause in other.causes:
        assert math.isclose(cause.score, scores[cause.service], rel_tol=1e-9, abs_tol=1e-12)


@settings(deadline=None, max_examples=40)
@given(seeds)
def test_healthy_noise_accuses_nobody(seed: int) -> None:
    ranking = rank(analyse_kpis(kpis(seed, fault=False), WINDOW))
    assert not ranking.abnormal
    assert all(cause.confidence == 0 for cause in ranking.causes)


wild = st.lists(
    st.one_of(st.floats(allow_nan=True, allow_infinity=False, width=32), st.just(float("nan")), st.just(0.0)),
    max_size=60,
)


@given(wild, st.sampled_from(METRICS))
def test_any_series_is_answered_with_finite_figures(samples: list[float], metric: str) -> None:
    times = START - 300 + 10.0 * np.arange(len(samples), dtype=np.float64)
    series = KpiSeries("a", metric, times, np.array(samples, dtype=np.float64))
    for finding in analyse_kpis([series], WINDOW):
        assert finding.score is None or math.isfinite(finding.score)
        assert finding.onset is None or WINDOW.start <= finding.onset <= WINDOW.end
        assert finding.statement


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(0, 60))
def test_a_constant_series_is_never_notable(level: float, length: int) -> None:
    times = START - 300 + 10.0 * np.arange(length, dtype=np.float64)
    found = analyse_kpis(
        [KpiSeries("a", "cpu_usage", times, np.full(length, level, dtype=np.float64))], WINDOW
    )
    assert all(f.kind in {FindingKind.NORMAL, FindingKind.NO_DATA, FindingKind.MISSING_DATA} for f in found)


rows = st.lists(
    st.lists(st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6)), min_size=5, max_size=5), min_size=1
)


@given(rows)
def test_row_statistics_agree_with_numpy(table: list[list[float]]) -> None:
    matrix = np.array(table)
    center = row_median(matrix)
    for row, median, mad, top in zip(
        matrix, center, row_mad(matrix, center), row_quantile(matrix, 1.0), strict=True
    ):
        known = row[~np.isnan(row)]
        if not known.size:
            assert np.isnan([median, mad, top]).all()
            continue
        assert math.isclose(median, np.median(known), rel_tol=1e-9, abs_tol=1e-9)
        assert math.isclose(mad, 1.4826 * np.median(np.abs(known - median)), rel_tol=1e-6, abs_tol=1e-6)
        assert top == np.max(known)


counts = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 500).map(float), max_size=6)


@given(counts, st.integers(1, 5))
def test_the_same_mixture_at_another_load_has_no_deviation(before: dict[str, float], times: int) -> None:
    after = {key: count * times for key, count in before.items()}
    assert all(abs(d.score) < 0.5 for d in deviations(before, after, load_factor(before, after)))


@given(counts, counts)
def test_deviations_cover_every_key_and_follow_the_direction(
    before: dict[str, float], after: dict[str, float]
) -> None:
    found = deviations(before, after, load_factor(before, after))
    assert {d.key for d in found} == {*before, *after}
    assert all(
        (d.score > 0) == (d.observed > d.expected) for d in found if abs(d.observed - d.expected) > 1e-6
    )


names = st.sampled_from(SERVICES)
moments = st.floats(START - 600, START + 120)
logs = st.builds(LogRecord, moments, names, st.text(max_size=40), st.sampled_from(["info", "error"]))
alarms = st.builds(
    AlarmRecord, moments, names, st.text(max_size=10), indicator=st.sampled_from(["", *METRICS]), host=names
)
changes = st.builds(
    ChangeRecord, moments, names, st.sampled_from(["deploy", "flag", "other"]), st.text(max_size=20)
)
amounts = st.floats(0, 1e6)
calls = st.builds(CallStats, moments, names, st.just("get"), names, amounts, amounts, amounts)


@settings(deadline=None)
@given(
    st.lists(logs, max_size=30),
    st.lists(alarms, max_size=30),
    st.lists(changes, max_size=10),
    st.lists(calls, max_size=30),
)
def test_any_evidence_gives_a_sound_ranking(
    lines: list[LogRecord], raised: list[AlarmRecord], made: list[ChangeRecord], called: list[CallStats]
) -> None:
    findings = [
        *analyse_logs(lines, WINDOW),
        *analyse_alarms(raised, WINDOW, "web"),
        *analyse_changes(made, WINDOW),
        *analyse_calls(called, WINDOW),
    ]
    ranking = rank(findings)
    subjects = {f.subject for f in findings}
    confidence = [cause.confidence for cause in ranking.causes]
    assert confidence == sorted(confidence, reverse=True)
    assert sum(confidence) <= 1.0 + 1e-9
    assert {cause.service for cause in ranking.causes} >= set(SERVICES)
    assert all(subject in subjects for cause in ranking.causes for subject in cause.findings)
    assert all(ruling.service != ranking.causes[0].service for ruling in ranking.rulings)
    assert rank(findings[::-1]).causes == ranking.causes


@settings(deadline=None)
@given(st.lists(logs, max_size=40), st.randoms())
def test_the_order_of_log_lines_does_not_matter(lines: list[LogRecord], random: object) -> None:
    mixed = list(lines)
    assert hasattr(random, "shuffle")
    random.shuffle(mixed)
    assert analyse_logs(mixed, WINDOW) == analyse_logs(lines, WINDOW)


@given(st.text(max_size=600))
def test_a_template_is_stable_and_short(message: str) -> None:
    assert len(template_of(message)) <= 140
    assert template_of(message) == template_of(message)
