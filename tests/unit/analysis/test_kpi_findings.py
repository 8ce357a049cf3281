"""What a measured shift becomes: which kind of finding, in which words, with which figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.kpi import analyse_kpis
from agents.analysis.signals import KpiSeries, Window
from tests.fakes.about import about

HEALTHY, INSIDE = 40, 12
WINDOW = Window(baseline_start=0.0, start=400.0, end=515.0, alarm_at=460.0)
TIMES = np.arange(0.0, 10.0 * (HEALTHY + INSIDE), 10.0)


def series(
    metric: str,
    before: float,
    after: float | Sequence[float],
    service: str = "cart",
    unit: str = "",
    **labels: str,
) -> KpiSeries:
    inside = [after] * INSIDE if isinstance(after, int | float) else list(after)
    return KpiSeries(
        service, metric, TIMES, np.array([before] * HEALTHY + inside, dtype=np.float64), unit, labels
    )


def found(*kpis: KpiSeries) -> dict[str, Finding]:
    return {f"{f.service}.{f.indicator}": f for f in analyse_kpis(kpis, WINDOW)}


def the_finding(*kpis: KpiSeries) -> Finding:
    (finding,) = analyse_kpis(kpis, WINDOW)
    return finding


def test_a_finding_holds_what_its_sentence_quotes() -> None:
    finding = the_finding(series("memory_bytes", 10.0, 15.0, unit="MB", host="node-1"))
    assert finding.source is Source.KPIS
    assert finding.kind is FindingKind.LEVEL_SHIFT
    assert finding.subject == "cart|memory_bytes|level_shift"
    assert finding.statement == "cart memory_bytes rose from 10 to 15 MB (1.5x) at 00:06:40"
    assert (finding.score, finding.onset, finding.direction) == (about(2.5), 400.0, 1)
    assert finding.data == {
        "metric_kind": "memory",
        "good_high": False,
        "client": False,
        "starved": False,
        "before": 10.0,
        "after": 15.0,
        "ratio": 1.5,
        "yesterday": None,
        "unit": "MB",
        "load_explained": False,
        "instrumented": True,
        "latency_level": None,
        "latency_unit": None,
        "host": "node-1",
        "labels": '{"host": "node-1"}',
        "notable": 2.0,
        "span_from_s": 0.0,
        "span_to_s": 110.0,
        "onset_early_s": 10.0,
        "onset_late_s": 0.0,
    }


def test_a_rise_from_nothing_has_no_ratio() -> None:
    finding = the_finding(series("memory_bytes", 0.0, 15.0))
    assert finding.data["ratio"] is None
    assert finding.statement == "cart memory_bytes rose from 0 to 15 at 00:06:40"


def test_a_fall_is_told_as_a_fall() -> None:
    assert the_finding(series("memory_bytes", 10.0, 4.0)).statement == (
        "cart memory_bytes fell from 10 to 4 (1/2.5) at 00:06:40"
    )


@pytest.mark.parametrize(("peak", "verb"), [(15.0, "spiked"), (4.0, "dipped")])
def test_what_is_over_for_as_long_as_it_lasted_is_a_spike(peak: float, verb: str) -> None:
    passing = [10.0] * 6 + [peak] * 3 + [10.0] * 3
    finding = the_finding(series("memory_bytes", 10.0, passing))
    assert finding.kind is FindingKind.SPIKE
    assert f" {verb} " in finding.statement


def test_what_lasted_longer_than_it_is_over_is_no_spike() -> None:
    assert the_finding(series("memory_bytes", 10.0, [15.0] * 9 + [10.0] * 3)).kind is FindingKind.LEVEL_SHIFT


@pytest.mark.parametrize("seed", range(20))
def test_what_stays_is_no_spike_though_noise_makes_its_beginning_stray_most(seed: int) -> None:
    noise = 0.1 * np.random.default_rng(seed).standard_normal(HEALTHY + INSIDE)
    values = np.where(np.arange(HEALTHY + INSIDE) < HEALTHY, 1.0, 9.0) + noise
    finding = the_finding(KpiSeries("cart", "latency_ms", TIMES, values))
    assert finding.kind is FindingKind.LEVEL_SHIFT
    assert " rose from " in finding.statement


def test_a_silence_after_a_peak_does_not_tell_that_it_is_over() -> None:
    ended = [10.0] * 6 + [15.0] * 3 + [math.nan] * 3
    kinds = {finding.kind for finding in analyse_kpis([series("memory_bytes", 10.0, ended)], WINDOW)}
    assert kinds == {FindingKind.LEVEL_SHIFT, FindingKind.MISSING_DATA}


def test_samples_after_the_window_do_not_make_a_spike() -> None:
    times = np.append(TIMES, 510.0 + 10.0 * np.arange(1, 31))
    values = np.concatenate([np.full(HEALTHY, 10.0), np.full(INSIDE, 15.0), np.full(30, 10.0)])
    assert the_finding(KpiSeries("cart", "memory_bytes", times, values)).kind is FindingKind.LEVEL_SHIFT


@pytest.mark.parametrize(
    ("step", "words"), [(1.0, "keeps rising: it went"), (-1.0, "keeps falling: it went")]
)
def test_a_trend_says_which_way(step: float, words: str) -> None:
    finding = the_finding(climbing(step, INSIDE * 4))
    assert finding.kind is FindingKind.TREND
    assert words in finding.statement


def climbing(step: float, samples: int) -> KpiSeries:
    """A memory metric that goes on and on through the window, in so many samples."""
    times = np.concatenate([TIMES[:HEALTHY], np.linspace(400.0, 510.0, samples)])
    values = np.concatenate([np.full(HEALTHY, 100.0), 100.0 + step * np.arange(1.0, samples + 1)])
    return KpiSeries("cart", "memory_bytes", times, values)


def test_a_climb_of_few_samples_is_told_as_a_shift() -> None:
    assert the_finding(climbing(5.0, INSIDE)).kind is FindingKind.LEVEL_SHIFT


def test_what_sticks_at_a_new_height_does_not_keep_rising() -> None:
    finding = the_finding(series("threads", 10.0, 15.0))
    assert finding.kind is FindingKind.SATURATION
    assert the_finding(series("heap_bytes", 10.0, 15.0)).kind is FindingKind.LEVEL_SHIFT


def test_what_is_full_is_told_before_how_it_got_there() -> None:
    finding = the_finding(series("disk_used_ratio", 0.5, [0.96 + 0.003 * i for i in range(INSIDE)], unit="1"))
    assert finding.kind is FindingKind.SATURATION
    assert finding.statement.startswith("cart disk_used_ratio is at its limit: it went from 50 % to ")


def test_just_notable_is_a_finding_and_just_below_is_normal() -> None:
    # 2 of 10 is the notable fifth; a thousandth less is not.
    assert the_finding(series("memory_bytes", 10.0, 12.0)).kind is FindingKind.LEVEL_SHIFT
    finding = the_finding(series("memory_bytes", 10.0, 11.998))
    assert finding.kind is FindingKind.NORMAL
    assert finding.statement == "cart: its one metric stayed in its normal range"
    assert finding.score == pytest.approx(0.999)
    assert finding.direction == 1
    assert finding.data["metrics"] == 1


def test_a_normal_service_is_told_by_what_strayed_most() -> None:
    finding = the_finding(
        series("memory_bytes", 10.0, 10.5), series("disk_bytes", 10.0, 9.0), series("gc_ms", 10.0, 10.1)
    )
    assert (finding.indicator, finding.direction, finding.data["metrics"]) == ("disk_bytes", -1, 3)
    assert finding.score == pytest.approx(0.5)


def test_one_normal_finding_a_service_and_none_for_the_loud() -> None:
    kinds = [
        (f.service, f.kind)
        for f in analyse_kpis(
            [
                series("memory_bytes", 10.0, 15.0),
                series("disk_bytes", 10.0, 10.0),
                series("memory_bytes", 10.0, 10.0, "web"),
                series("disk_bytes", 10.0, 10.0, "db"),
            ],
            WINDOW,
        )
    ]
    assert kinds == [
        ("cart", FindingKind.LEVEL_SHIFT),
        ("db", FindingKind.NORMAL),
        ("web", FindingKind.NORMAL),
    ]


class TestLoad:
    def test_a_resource_that_grew_as_its_load_did_weighs_a_quarter(self) -> None:
        findings = found(series("request_rate", 100.0, 600.0), series("cpu_usage", 0.1, 0.6))
        cpu = findings["cart.cpu_usage"]
        assert cpu.score == pytest.approx(25.0 / 4)
        assert cpu.data["load_explained"] is True
        assert cpu.statement.endswith(", in step with its load")
        assert findings["cart.request_rate"].data["load_explained"] is False

    @pytest.mark.parametrize(("load", "explained"), [(200.0, True), (170.0, False), (50.0, False)])
    def test_up_to_a_third_more_than_the_load_in_its_own_measure(self, load: float, explained: bool) -> None:
        # The resource doubles: ln 2 is at most 1.3 times ln(load / 100) from a load of 171 on.
        findings = found(series("request_rate", 100.0, load), series("cpu_usage", 0.1, 0.2))
        assert findings["cart.cpu_usage"].data["load_explained"] is explained

    def test_both_may_fall_together(self) -> None:
        findings = found(series("request_rate", 100.0, 10.0), series("memory_bytes", 100.0, 10.0))
        assert findings["cart.memory_bytes"].data["load_explained"] is True

    def test_symptoms_are_never_the_loads_doing(self) -> None:
        findings = found(series("request_rate", 100.0, 600.0), series("latency_ms", 10.0, 60.0))
        assert findings["cart.latency_ms"].data["load_explained"] is False

    def test_the_load_of_others_explains_nothing(self) -> None:
        findings = found(series("request_rate", 100.0, 600.0, "web"), series("cpu_usage", 0.1, 0.6))
        assert findings["cart.cpu_usage"].data["load_explained"] is False

    def test_of_several_measures_of_load_the_middle_one_counts(self) -> None:
        steady = [series(name, 100.0, 100.0) for name in ("requests", "hits")]
        findings = found(*steady, series("sessions", 100.0, 600.0), series("cpu_usage", 0.1, 0.6))
        assert findings["cart.cpu_usage"].data["load_explained"] is False

    @pytest.mark.parametrize(("before", "after"), [(0.0, 600.0), (600.0, 0.0)])
    def test_a_load_from_or_to_nothing_has_no_ratio(self, before: float, after: float) -> None:
        findings = found(series("request_rate", before, after), series("cpu_usage", 0.1, 0.6))
        assert findings["cart.cpu_usage"].data["load_explained"] is False


class TestContext:
    def test_a_service_that_measures_only_symptoms_and_traffic_is_seen_from_outside(self) -> None:
        outside = found(
            series("latency_ms", 10.0, 60.0), series("error_rate", 0.0, 0.5), series("rps", 9.0, 90.0)
        )
        assert {f.data["instrumented"] for f in outside.values()} == {False}
        within = found(series("latency_ms", 10.0, 60.0), series("heap_bytes", 1.0, 1.0))
        assert within["cart.latency_ms"].data["instrumented"] is True

    def test_the_usual_latency_is_that_of_the_slowest_metric_the_service_answers_with(self) -> None:
        finding = found(
            series("latency_p50_ms", 5.0, 5.0, unit="ms"),
            series("latency_p95_ms", 9.0, 9.0, unit="us"),
            series("latency_client_ms", 99.0, 99.0, unit="s"),
            series("cpu_usage", 0.1, 0.6),
        )["cart.cpu_usage"]
        assert (finding.data["latency_level"], finding.data["latency_unit"]) == (9.0, "us")

    def test_anothers_latency_is_not_this_ones(self) -> None:
        finding = found(series("latency_ms", 9.0, 9.0, "web"), series("cpu_usage", 0.1, 0.6))[
            "cart.cpu_usage"
        ]
        assert finding.data["latency_level"] is None

    def test_what_a_name_tells_is_passed_on(self) -> None:
        findings = found(series("success_rate", 0.99, 0.5), series("latency_client_ms", 9.0, 90.0))
        assert findings["cart.success_rate"].data["good_high"] is True
        assert findings["cart.latency_client_ms"].data["client"] is True
        assert found(series("cpu_steal", 0.1, 0.9))["cart.cpu_steal"].data["starved"] is True


def gone(metric: str, service: str = "cart") -> KpiSeries:
    return series(metric, 10.0, [math.nan] * INSIDE, service)


def test_series_that_stop_are_one_finding_a_service() -> None:
    kpis = [gone("memory_bytes"), gone("disk_bytes"), series("cpu_usage", 0.1, 0.1)]
    (finding,) = analyse_kpis(kpis, WINDOW)
    assert finding.kind is FindingKind.MISSING_DATA
    assert finding.statement == "cart stopped reporting 2 of its 3 metrics, disk_bytes among them"
    assert finding.subject == "cart|disk_bytes|missing_data"
    # The last sample came at 390, 125 s before the end; a silence of 30 s would be one.
    assert (finding.score, finding.onset, finding.indicator) == (about(125 / 30 * 2 / 3), 400.0, "disk_bytes")
    assert finding.data == {"metrics": 2, "regular": 3, "metric_kind": "unknown", "client": False}


def test_a_service_whose_answers_alone_are_measured_no_more_is_called_no_more() -> None:
    kpis = [gone("latency_ms"), gone("error_rate"), series("cpu_usage", 0.1, 0.1)]
    (finding,) = analyse_kpis(kpis, WINDOW)
    assert (finding.data["metric_kind"], finding.data["client"]) == ("traffic", True)
    from_outside = [gone("latency_ms"), gone("error_rate"), series("cpu_usage", 0.1, 0.1, "web")]
    (finding, _) = analyse_kpis(from_outside, WINDOW)
    assert (finding.data["metric_kind"], finding.data["client"]) == ("unknown", False)


def test_where_most_services_fall_silent_at_once_it_is_the_measuring() -> None:
    kpis = [gone("memory_bytes", name) for name in ("cart", "db")] + [
        series("memory_bytes", 10.0, 10.0, "web")
    ]
    silent, normal = sorted(analyse_kpis(kpis, WINDOW), key=lambda f: f.service)
    assert (silent.kind, silent.service, silent.subject) == (FindingKind.NO_DATA, "", "||silence")
    assert silent.statement == (
        "2 of 3 services stopped reporting KPIs at 00:06:40, all about at once: "
        "what they did from then on was not seen"
    )
    assert normal.kind is FindingKind.NORMAL


def test_one_of_three_services_that_falls_silent_is_accused() -> None:
    kpis = [gone("memory_bytes"), *(series("memory_bytes", 10.0, 10.0, name) for name in ("db", "web"))]
    kinds = {f.service: f.kind for f in analyse_kpis(kpis, WINDOW)}
    assert kinds["cart"] is FindingKind.MISSING_DATA


def test_where_everything_stopped_it_is_the_measuring_that_failed() -> None:
    assert the_finding(gone("memory_bytes"), gone("memory_bytes", "web")).kind is FindingKind.NO_DATA


def test_a_service_of_which_a_part_stopped_is_not_normal() -> None:
    kpis = [gone("memory_bytes"), series("disk_bytes", 10.0, 10.0), series("disk_bytes", 10.0, 10.0, "web")]
    assert [(f.service, f.kind) for f in analyse_kpis(kpis, WINDOW)] == [
        ("cart", FindingKind.MISSING_DATA),
        ("web", FindingKind.NORMAL),
    ]


@pytest.mark.parametrize(("kept", "missing"), [(2, True), (8, True), (9, True), (10, False), (12, False)])
def test_three_samples_in_a_row_must_be_missing(kept: int, missing: bool) -> None:
    partly = series("memory_bytes", 10.0, [10.0] * kept + [math.nan] * (INSIDE - kept))
    kinds = {f.kind for f in analyse_kpis([partly], WINDOW)}
    assert (FindingKind.MISSING_DATA in kinds) is missing


def test_holes_are_told_as_holes() -> None:
    (finding,) = analyse_kpis([series("memory_bytes", 10.0, [10.0, math.nan, math.nan] * 4)], WINDOW)
    assert finding.statement == "cart reports only now and then 1 of its 1 metrics, memory_bytes among them"
    assert (finding.kind, finding.onset) == (FindingKind.MISSING_DATA, 400.0)


def test_what_it_did_yesterday_too_is_said() -> None:
    window = Window(86_400.0, 86_800.0, 86_915.0, 86_860.0)
    one = series("memory_bytes", 10.0, 30.0)
    both = KpiSeries("cart", "memory_bytes", np.append(TIMES, TIMES + 86_400.0), np.tile(one.values, 2))
    (finding,) = analyse_kpis([both], window)
    assert finding.statement.endswith(" at 00:06:40, as it did at that time the day before")
    assert (finding.score, finding.data["yesterday"]) == (about(2.5), 20.0)


def test_a_series_that_begins_to_swing_about_its_level_is_a_change_of_variance() -> None:
    calm = np.random.default_rng(3).normal(100.0, 1.0, 600)
    wild = np.random.default_rng(4).normal(100.0, 60.0, 60)
    times = 10.0 * np.arange(660.0)
    window = Window(0.0, 6000.0, 6600.0, 6000.0)
    kpi = KpiSeries("cart", "success_rate_ms", times, np.append(calm, wild), "ms")
    (finding,) = analyse_kpis([kpi], window)
    assert finding.kind is FindingKind.VARIANCE_CHANGE
    assert (finding.direction, finding.data["good_high"], finding.data["ratio"]) == (1, False, 1.0)
    assert finding.statement.startswith(
        "cart success_rate_ms varies more than before: most of its samples were within 2."
    )
    assert "ms of each other, from 01:4" in finding.statement


def test_no_usable_series_is_said_with_the_moment() -> None:
    finding = the_finding()
    assert (finding.kind, finding.subject) == (FindingKind.NO_DATA, "||no_data")
    assert finding.statement == "No KPI has samples both before and after 00:06:40"


def test_of_series_of_one_name_the_strongest_is_told() -> None:
    weak, strong = series("memory_bytes", 10.0, 15.0, pod="a"), series("memory_bytes", 10.0, 30.0, pod="b")
    for kpis in ([weak, strong], [strong, weak], [strong, strong]):
        finding = the_finding(*kpis)
        assert finding.data["after"] == 30.0


def test_of_series_of_one_name_it_is_told_which_one_moved() -> None:
    calm, loud = (series("cpu", 10.0, to, pod=pod, zone="z") for to, pod in ((10.0, "a"), (40.0, "b")))
    finding = the_finding(calm, loud)
    assert finding.statement == "cart cpu (pod=b) rose from 10 to 40 (4.0x) at 00:06:40"
    assert finding.data["labels"] == '{"pod": "b", "zone": "z"}'
    assert the_finding(loud).statement == "cart cpu rose from 10 to 40 (4.0x) at 00:06:40"


def test_huge_and_tiny_values_are_told_finitely() -> None:
    for level in (1e-300, 1e300):
        finding = the_finding(series("memory_bytes", level, 1.5 * level))
        assert finding.score == pytest.approx(2.5)
        assert "inf" not in finding.statement
        assert "nan" not in finding.statement
