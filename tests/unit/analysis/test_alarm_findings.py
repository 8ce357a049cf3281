"""What a storm of alarms becomes: weights worked out by hand, sentences, and what each finding holds."""

from __future__ import annotations

import math
import random

import pytest

from agents.analysis.alarms import analyse_alarms
from agents.analysis.clues import clues_of
from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.signals import AlarmRecord, Window
from tests.fakes.about import about

START = 1_700_000_000.0
WINDOW = Window(baseline_start=START - 600, start=START, end=START + 600, alarm_at=START + 60)


def metric(service: str, indicator: str, after: float = 0.0, detail: str = "", host: str = "") -> AlarmRecord:
    return AlarmRecord(
        START + after, service, f"High {indicator}", indicator=indicator, detail=detail, host=host
    )


def symptom(service: str, name: str, after: float = 0.0, host: str = "") -> AlarmRecord:
    return AlarmRecord(START + after, service, name, host=host)


def groups(*alarms: AlarmRecord) -> dict[str, Finding]:
    """The findings on single services, by subject."""
    storm, first, *rest = analyse_alarms(alarms, WINDOW, "web")
    assert (storm.kind, first.kind) == (FindingKind.ALARM_STORM, FindingKind.FIRST_ALARM)
    return {f.subject: f for f in rest}


def weight(rarities: list[float]) -> float:
    return math.log2(1.0 + sum(rarities))


def rarity(entities: int, spread: int) -> float:
    return math.log((entities + 1) / spread) / math.log(entities + 1)


def test_what_one_alone_raises_at_once_weighs_one() -> None:
    (finding,) = groups(metric("cart", "cpu_usage")).values()
    assert finding.score == pytest.approx(1.0)


def test_what_all_raise_weighs_by_how_few_could_have_been_spared() -> None:
    found = groups(*(metric(name, "cpu_usage") for name in ("a", "b", "c")))
    assert [f.score for f in found.values()] == [about(weight([rarity(3, 3)]))] * 3


def test_of_several_at_one_moment_nobody_was_first_whatever_they_are_called() -> None:
    both = [metric("a", "cpu_usage"), metric("b", "disk_io"), metric("c", "disk_io", after=5.0)]
    _, first, *_ = analyse_alarms(both, WINDOW, "web")
    assert (first.kind, first.service, first.data["services"]) == (FindingKind.FIRST_ALARM, "", 2)
    assert "2 services raised the first alarms" in first.statement
    assert not clues_of([first])
    _, alone, *_ = analyse_alarms(both[1:], WINDOW, "web")
    assert alone.service == "b"


def test_an_alarm_two_minutes_late_weighs_half() -> None:
    found = groups(metric("a", "cpu_usage"), metric("b", "memory_rss", after=120.0))
    assert found["a|cpu high|metric_alarm"].score == pytest.approx(1.0)
    assert found["b|memory high|metric_alarm"].score == pytest.approx(weight([0.5]))


def test_distinct_alarms_of_one_kind_add_up_damped() -> None:
    found = groups(metric("a", "cpu_usage"), metric("a", "cpu_throttled"), metric("b", "disk_io"))
    assert found["a|cpu high|metric_alarm"].score == pytest.approx(weight([rarity(2, 1)] * 2))


def test_of_repeats_the_earliest_counts() -> None:
    found = groups(
        metric("b", "disk_io"), metric("a", "cpu_usage", after=240.0), metric("a", "cpu_usage", 120.0)
    )
    assert found["a|cpu high|metric_alarm"].score == pytest.approx(weight([rarity(2, 1) * 0.5]))


def test_numbers_in_a_name_do_not_make_it_rare() -> None:
    found = groups(metric("a", "cpu_1"), metric("b", "cpu_22"))
    assert [f.score for f in found.values()] == [about(weight([rarity(2, 2)]))] * 2


def test_an_alarm_up_and_one_down_are_not_alike() -> None:
    found = groups(
        metric("a", "memory_free", detail="below 5 %"), metric("b", "memory_free", detail="over 5 %")
    )
    assert set(found) == {"a|memory low|metric_alarm", "b|memory high|metric_alarm"}
    assert [f.score for f in found.values()] == [about(weight([rarity(2, 1)]))] * 2


@pytest.mark.parametrize(
    "word",
    [
        "down",
        "Below",
        "UNDER",
        "low",
        "lower",
        "drop",
        "dropped",
        "fewer than planned",
        "less",
        "fell",
        "decreasing",
    ],
)
def test_a_word_in_the_detail_tells_that_it_fell(word: str) -> None:
    (finding,) = groups(metric("a", "success_rate", detail=f"it is {word} now")).values()
    assert finding.direction == -1
    assert finding.data["good_high"] is True


@pytest.mark.parametrize(
    "detail", ["", "shutdown", "slow", "flow rate", "underway", "above", "unless", "endless"]
)
def test_a_part_of_a_word_does_not(detail: str) -> None:
    (finding,) = groups(metric("a", "cpu_usage", detail=detail)).values()
    assert finding.direction == 1


def test_a_finding_says_how_many_which_and_when() -> None:
    finding = groups(
        metric("cart", "cpu_usage", 20.0, host="node-1"),
        metric("cart", "cpu_usage", 30.0, host="node-2"),
        metric("cart", "cpu_throttled", 25.0),
    )["cart|cpu high|metric_alarm"]
    assert finding.source is Source.ALARMS
    assert finding.statement == "cart raised 3 cpu alarms, the first cpu_usage high, at 22:13:40"
    assert (finding.indicator, finding.onset, finding.direction) == ("cpu_usage", START + 20, 1)
    assert finding.data == {
        "count": 3,
        "distinct": 2,
        "metric_kind": "cpu",
        "good_high": False,
        "callers": "",
        "host": "node-1",
    }


def test_one_alarm_is_told_in_the_singular() -> None:
    (finding,) = groups(metric("cart", "cpu_usage")).values()
    assert finding.statement == "cart raised one cpu alarm, cpu_usage high, at 22:13:20"
    assert finding.data["host"] is None


@pytest.mark.parametrize(
    ("detail", "direction"),
    [
        ("cpu_usage of cart went from about 0.1609 to 0.1234 (3.7 deviations) and has stayed for 50 s", -1),
        ("cpu_usage of cart has been moving from 1.2e+03 to 3,400 for 60 s", 1),
        ("rps jumped to 7 from about 24 and came back after 9 s", -1),
        ("rps reached 99 from about 24, farther than it is known to go", 1),
        ("free_bytes went from about 5 to 5, below normal", -1),
        ("went from bad to worse", 1),
    ],
)
def test_an_alarm_s_figures_say_which_way_it_went(detail: str, direction: int) -> None:
    (finding,) = groups(metric("cart", "cpu_usage", detail=detail)).values()
    assert finding.direction == direction
    assert f"cpu_usage {'high' if direction > 0 else 'low'}" in finding.statement


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (
            metric("cart", "cpu_usage", detail="below 3"),
            "cart raised one cpu alarm, cpu_usage low, at 22:13:20",
        ),
        (metric("cart", "frobs"), "cart raised one alarm, frobs high, at 22:13:20"),
        (symptom("cart", "slow"), "cart raised one symptom alarm, slow, at 22:13:20"),
    ],
)
def test_one_alarm_is_told_by_what_it_is_about(raised: AlarmRecord, said: str) -> None:
    (finding,) = groups(raised).values()
    assert finding.statement == said


def test_a_symptom_names_the_callers_that_felt_it() -> None:
    (finding,) = groups(
        symptom("cart", "slow", host="web"),
        symptom("cart", "slow", host="api"),
        symptom("cart", "failing", host="cart"),
    ).values()
    assert finding.kind is FindingKind.SYMPTOM
    assert finding.subject == "cart|symptom|symptom"
    assert finding.statement.startswith("cart raised 3 symptom alarms, the first ")
    assert finding.data["callers"] == "api, web"
    assert (finding.direction, finding.indicator) == (0, "")


def test_at_most_eight_callers_are_named() -> None:
    (finding,) = groups(*(symptom("cart", "slow", host=f"h{i}") for i in range(12))).values()
    assert str(finding.data["callers"]).count(",") == 7


def test_kinds_of_one_service_are_told_apart() -> None:
    found = groups(
        metric("a", "cpu_usage"), metric("a", "memory_rss"), symptom("a", "slow"), metric("a", "moon")
    )
    assert set(found) == {
        "a|cpu high|metric_alarm",
        "a|memory high|metric_alarm",
        "a|symptom|symptom",
        "a|unknown high|metric_alarm",
    }


def test_the_strongest_comes_first_and_equals_by_subject() -> None:
    _, _, *rest = analyse_alarms(
        [metric("b", "cpu_usage"), metric("a", "cpu_usage"), metric("z", "disk_io"), metric("z", "disk_use")],
        WINDOW,
        "web",
    )
    assert [f.service for f in rest] == ["z", "a", "b"]


def test_the_storm_counts_alarms_services_and_its_length() -> None:
    storm, *_ = analyse_alarms(
        [metric("a", "cpu_usage", 30.0), metric("a", "cpu_usage", 31.0), metric("b", "cpu_usage", 150.0)],
        WINDOW,
        "web",
    )
    assert storm.statement == "3 alarms from 2 services within 2 min"
    assert (storm.service, storm.subject, storm.onset, storm.score) == (
        "web",
        "web||alarm_storm",
        START + 30,
        None,
    )
    assert storm.data == {"alarms": 3, "services": 2, "seconds": 120.0}


def test_the_first_alarm_leads_by_its_distance_to_the_next_service() -> None:
    _, first, *_ = analyse_alarms(
        [metric("a", "cpu_usage", 10.0), metric("a", "disk_io", 20.0), metric("b", "cpu_usage", 40.0)],
        WINDOW,
        "web",
    )
    assert first.statement == "a raised the first alarm, High cpu_usage, at 22:13:30, 30 s before b"
    assert (first.service, first.indicator, first.data) == (
        "a",
        "cpu_usage",
        {"lead_s": 30.0, "name": "High cpu_usage"},
    )


def test_a_long_name_is_cut_in_the_subject() -> None:
    _, first, *_ = analyse_alarms([symptom("a", "x" * 300)], WINDOW, "web")
    assert first.subject == f"a|{'x' * 80}|first_alarm"


def test_both_ends_of_the_window_belong_to_it() -> None:
    found = groups(metric("a", "cpu_usage", 0.0), metric("b", "cpu_usage", 600.0))
    assert len(found) == 2


def test_the_order_of_alarms_does_not_matter() -> None:
    alarms = [metric(s, m, float(at)) for s in "abc" for m in ("cpu_usage", "disk_io") for at in (0, 60, 60)]
    alarms += [symptom(s, "slow", 60.0, host) for s in "ab" for host in "xyz"]
    ordered = analyse_alarms(alarms, WINDOW, "web")
    for seed in range(5):
        random.Random(seed).shuffle(alarms)
        assert analyse_alarms(alarms, WINDOW, "web") == ordered


def test_no_alarm_is_told_with_the_time_looked_at() -> None:
    (finding,) = analyse_alarms([], WINDOW, "web")
    assert finding.statement == "No alarm was raised between 22:13:20 and 22:23:20"
    assert (finding.service, finding.subject) == ("", "||no_data")
