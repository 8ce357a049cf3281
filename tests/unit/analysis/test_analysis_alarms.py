from __future__ import annotations

import pytest

from agents.analysis.alarms import analyse_alarms
from agents.analysis.findings import Finding, FindingKind
from agents.analysis.signals import AlarmRecord, Window

START = 1_700_000_000.0
WINDOW = Window(baseline_start=START - 600, start=START, end=START + 600, alarm_at=START + 60)


def metric(service: str, indicator: str, after: float = 10.0, detail: str = "up") -> AlarmRecord:
    return AlarmRecord(START + after, service, indicator, kind="metric", indicator=indicator, detail=detail)


def symptom(service: str, caller: str, after: float = 10.0) -> AlarmRecord:
    return AlarmRecord(START + after, service, "slow calls", host=caller, kind="trace")


def of_kind(findings: tuple[Finding, ...], kind: FindingKind) -> list[Finding]:
    return [f for f in findings if f.kind is kind]


def test_no_alarm_is_a_finding() -> None:
    (finding,) = analyse_alarms([], WINDOW, "web")
    assert finding.kind is FindingKind.NO_DATA


def test_cleared_and_outside_alarms_do_not_count() -> None:
    cleared = AlarmRecord(START + 10, "cart", "HighCpu", indicator="cpu_usage", cleared=True)
    outside = [metric("cart", "cpu_usage", after=-1), metric("cart", "cpu_usage", after=601)]
    (finding,) = analyse_alarms([cleared, *outside], WINDOW, "web")
    assert finding.kind is FindingKind.NO_DATA


def test_the_storm_is_summed_up_in_a_sentence() -> None:
    alarms = [metric("cart", "cpu_usage", 5), metric("web", "latency_p95_ms", 20), symptom("web", "", 47)]
    storm, first, *_ = analyse_alarms(alarms, WINDOW, "web")
    assert storm.kind is FindingKind.ALARM_STORM
    assert storm.statement == "3 alarms from 2 services within 42 s"
    assert first.kind is FindingKind.FIRST_ALARM
    assert first.service == "cart"
    assert first.statement == "cart raised the first alarm, cpu_usage, at 22:13:25, 15 s before web"
    assert first.data["lead_s"] == 15


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ([metric("cart", "cpu_usage"), metric("cart", "memory")], "2 alarms on cart at 22:13:30"),
        ([metric("cart", "cpu_usage"), metric("web", "cpu_usage")], "2 alarms from 2 services at 22:13:30"),
        ([metric("-", "cpu_usage")], "1 alarm at 22:13:30"),
    ],
)
def test_a_storm_of_a_moment_is_told_with_its_time(raised: list[AlarmRecord], said: str) -> None:
    storm, *_ = analyse_alarms(raised, WINDOW, "cart")
    assert storm.statement == said


def test_a_lone_alarm_is_a_storm_of_one() -> None:
    storm, first, *_ = analyse_alarms([metric("cart", "cpu_usage")], WINDOW, "cart")
    assert storm.statement == "1 alarm on cart at 22:13:30"
    assert first.statement == "cart raised the only alarm, cpu_usage, at 22:13:30"
    assert first.data["lead_s"] is None


def test_alarms_on_metrics_are_told_from_symptoms() -> None:
    findings = analyse_alarms([metric("cart", "cpu_usage"), symptom("cart", "web")], WINDOW, "web")
    (of_metric,) = of_kind(findings, FindingKind.METRIC_ALARM)
    (of_symptom,) = of_kind(findings, FindingKind.SYMPTOM)
    assert of_metric.data["metric_kind"] == "cpu"
    assert of_metric.indicator == "cpu_usage"
    assert of_symptom.data["callers"] == "web"


def test_what_everyone_raises_weighs_little() -> None:
    common = [metric(f"s{i}", "memory_max") for i in range(20)]
    findings = analyse_alarms([*common, metric("s3", "cpu_usage")], WINDOW, "s0")
    strongest = max(of_kind(findings, FindingKind.METRIC_ALARM), key=lambda f: f.score or 0)
    assert (strongest.service, strongest.indicator) == ("s3", "cpu_usage")


def test_numbered_metrics_are_one_family() -> None:
    cores = [metric("a", f"cpu_core_{i}_pct") for i in range(16)]
    rest = [metric("b", "cpu_core_1_pct"), metric("c", "cpu_core_2_pct"), metric("d", "memory_rss")]
    found = {f.service: f.score or 0 for f in analyse_alarms([*cores, *rest], WINDOW, "a") if f.score}
    assert found["d"] > found["a"]


def test_late_alarms_weigh_less() -> None:
    alarms = [metric("a", "cpu_usage", 0), metric("b", "disk_used", 0), metric("c", "memory_rss", 500)]
    found = {f.service: f.score or 0 for f in analyse_alarms(alarms, WINDOW, "a") if f.score}
    assert found["c"] < found["b"] / 2


def test_directions_are_kept_apart() -> None:
    alarms = [metric("a", "memory_rss", detail="up"), metric("a", "memory_cache", detail="down")]
    found = of_kind(analyse_alarms(alarms, WINDOW, "a"), FindingKind.METRIC_ALARM)
    assert sorted(f.direction for f in found) == [-1, 1]


def test_repeats_of_one_alarm_count_once() -> None:
    once = analyse_alarms([metric("a", "cpu_usage"), metric("b", "disk_used")], WINDOW, "a")
    again = analyse_alarms(
        [*[metric("a", "cpu_usage", 10 + i) for i in range(50)], metric("b", "disk_used")], WINDOW, "a"
    )
    scores = [next(f.score for f in found if f.service == "a" and f.score) for found in (once, again)]
    assert scores[0] == scores[1]
