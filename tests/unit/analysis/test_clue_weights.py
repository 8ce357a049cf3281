"""How strongly one finding speaks against its service."""

from __future__ import annotations

import math
from typing import Any

import pytest

from agents.analysis.clues import Clue, clues_of, is_bad, strength_of
from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from tests.fakes.about import about
from tests.fakes.clues import changed, logged, measured


def kpi(
    score: float | None = 3.0,
    *,
    metric_kind: str = "cpu",
    direction: int = 1,
    kind: FindingKind = FindingKind.LEVEL_SHIFT,
    service: str = "cart",
    **data: Any,
) -> Finding:
    return measured(service, metric_kind, score, kind=kind, direction=direction, **data)


def log(kind: FindingKind, direction: int, score: float | None = 3.0) -> Finding:
    return logged("cart", score, kind, direction)


def alarm(kind: FindingKind = FindingKind.METRIC_ALARM, score: float = 2.0, **changes: object) -> Finding:
    data = {"metric_kind": str(changes.pop("metric_kind", "cpu"))}
    base = Finding(
        source=Source.ALARMS,
        kind=kind,
        service="cart",
        subject=f"cart||{kind}",
        statement="rang",
        score=score,
        direction=1,
        data=data,
    )
    return base.model_copy(update=changes)


def change(change_kind: str = "deploy", score: float | None = 2.0) -> Finding:
    return changed("cart", score, change_kind)


def the_clue(finding: Finding) -> Clue:
    ((clue,),) = clues_of([finding]).values()
    return clue


def test_a_score_counts_by_its_logarithm() -> None:
    assert the_clue(kpi(3.0)).strength == pytest.approx(2.0)
    assert the_clue(kpi(1.0)).strength == pytest.approx(1.0)


def test_thirty_times_notable_is_as_sure_as_anything() -> None:
    assert the_clue(kpi(31.0)).strength == the_clue(kpi(1e9)).strength == 5.0
    assert the_clue(kpi(30.0)).strength < 5.0


@pytest.mark.parametrize(
    ("metric_kind", "weight"),
    [
        *((kind, 1.0) for kind in ("cpu", "memory", "disk", "network", "saturation")),
        ("latency", 0.9),
        ("errors", 0.9),
        ("unknown", 0.5),
        ("traffic", 0.3),
    ],
)
def test_a_resource_is_its_owners_and_traffic_its_callers(metric_kind: str, weight: float) -> None:
    clue = the_clue(kpi(metric_kind=metric_kind))
    assert clue.strength == pytest.approx(2.0 * weight)
    assert clue.kind == metric_kind


@pytest.mark.parametrize(
    ("metric_kind", "starved", "own"),
    [
        ("cpu", False, True),
        ("memory", False, True),
        ("traffic", False, True),
        ("unknown", False, True),
        ("latency", False, False),
        ("errors", False, False),
        ("saturation", False, False),
        ("cpu", True, False),
    ],
)
def test_what_waits_for_others_is_not_its_own(metric_kind: str, starved: bool, own: bool) -> None:
    assert the_clue(kpi(metric_kind=metric_kind, starved=starved)).own is own


def test_its_own_share_of_a_calls_time_is_its_own() -> None:
    assert the_clue(kpi(metric_kind="latency", kind=FindingKind.CALL_LATENCY)).own


def test_the_harmless_way_weighs_a_third() -> None:
    better = the_clue(kpi(direction=-1))
    assert (better.strength, better.bad) == (about(0.7), False)


def test_what_stopped_reporting_is_bad_whatever_its_direction() -> None:
    gone = the_clue(kpi(1.0, metric_kind="unknown", direction=0, kind=FindingKind.MISSING_DATA))
    assert (gone.strength, gone.bad) == (about(0.5), True)


def test_what_a_caller_measures_speaks_weakly_of_itself() -> None:
    assert the_clue(kpi(metric_kind="latency", client=True)).strength == pytest.approx(2.0 * 0.9 * 0.3)


def test_what_is_normal_hardly_weighs() -> None:
    assert the_clue(kpi(1.0, kind=FindingKind.NORMAL)).strength == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("good_high", "direction", "bad"),
    [
        (False, 1, True),
        (False, -1, False),
        (True, -1, True),
        (True, 1, False),
        (True, 0, False),
        (None, 0, False),
    ],
)
def test_bad_is_the_way_that_hurts(good_high: bool | None, direction: int, bad: bool) -> None:
    assert is_bad(kpi(direction=direction, good_high=good_high)) is bad


@pytest.mark.parametrize(
    ("kind", "direction", "strength", "cause", "own"),
    [
        (FindingKind.ERROR_BURST, 1, 3.6, CauseKind.ERRORS, False),
        (FindingKind.NEW_LOG_TEMPLATE, 1, 1.0, CauseKind.UNKNOWN, True),
        (FindingKind.LOG_RATE_CHANGE, 1, 0.6, CauseKind.UNKNOWN, True),
        (FindingKind.LOG_RATE_CHANGE, -1, 3.6, CauseKind.ERRORS, True),
    ],
)
def test_log_lines_weigh_by_what_they_say(
    kind: FindingKind, direction: int, strength: float, cause: CauseKind, own: bool
) -> None:
    clue = the_clue(log(kind, direction))
    assert (clue.strength, clue.kind, clue.own, clue.bad) == (about(strength), cause, own, True)


@pytest.mark.parametrize(
    "finding",
    [
        log(FindingKind.ERROR_BURST, 1, None),
        log(FindingKind.ERROR_BURST, -1),
        log(FindingKind.NO_DATA, 0),
        kpi(None),
        kpi(0.0),
        kpi(service=""),
        alarm(FindingKind.ALARM_STORM).model_copy(update={"score": None}),
        change(score=None),
        change(score=0.0),
        change().model_copy(update={"source": Source.TOPOLOGY, "kind": FindingKind.UPSTREAM_ANOMALY}),
        change().model_copy(update={"source": Source.KNOWLEDGE, "kind": FindingKind.PAST_INCIDENT}),
    ],
)
def test_what_says_nothing_against_anybody_is_no_clue(finding: Finding) -> None:
    assert clues_of([finding]) == {}


@pytest.mark.parametrize(
    ("change_kind", "cause"),
    [
        ("deploy", CauseKind.DEPLOY),
        ("config", CauseKind.CONFIG),
        ("flag", CauseKind.CONFIG),
        ("scale", CauseKind.UNKNOWN),
        ("other", CauseKind.UNKNOWN),
    ],
)
def test_a_change_is_its_services_own_doing(change_kind: str, cause: CauseKind) -> None:
    clue = the_clue(change(change_kind))
    assert (clue.kind, clue.own, clue.bad, clue.strength) == (cause, True, True, about(0.8))


def test_the_first_alarm_is_a_small_clue() -> None:
    clue = the_clue(alarm(FindingKind.FIRST_ALARM).model_copy(update={"score": None}))
    assert (clue.strength, clue.own, clue.kind, clue.bad) == (0.2, False, CauseKind.UNKNOWN, True)


def test_a_metric_alarm_counts_by_its_own_weight() -> None:
    clue = the_clue(alarm())
    assert (clue.strength, clue.own, clue.bad) == (about(2.0), True, True)
    assert the_clue(alarm(metric_kind="traffic")).strength == pytest.approx(0.6)
    assert the_clue(alarm(direction=-1)).strength == pytest.approx(0.7)


@pytest.mark.parametrize("metric_kind", ["saturation", "latency", "errors", "traffic", "unknown"])
def test_only_a_resources_alarm_is_the_services_own(metric_kind: str) -> None:
    assert not the_clue(alarm(metric_kind=metric_kind)).own


def test_a_symptom_alarm_is_a_little_latency() -> None:
    clue = the_clue(alarm(FindingKind.SYMPTOM, metric_kind="unknown"))
    assert (clue.kind, clue.own, clue.bad) == (CauseKind.LATENCY, False, True)
    assert clue.strength == pytest.approx(0.6)


def test_clues_stand_by_service_strongest_first_and_equals_by_subject() -> None:
    weak, strong = kpi(1.0, metric_kind="disk"), kpi(7.0, metric_kind="memory")
    same = kpi(1.0, metric_kind="cpu")
    other = kpi(3.0, service="web")
    found = clues_of([weak, other, strong, same])
    assert [c.finding for c in found["cart"]] == [strong, same, weak]
    assert [c.finding for c in found["web"]] == [other]


def clue(kind: CauseKind, strength: float) -> Clue:
    return Clue("cart", kind, strength, own=True, bad=True, finding=kpi())


def test_each_further_kind_counts_half_as_much() -> None:
    three = [clue(CauseKind.DISK, 1.0), clue(CauseKind.CPU, 4.0), clue(CauseKind.MEMORY, 2.0)]
    assert strength_of(three) == 4.0 + 2.0 / 2 + 1.0 / 4
    assert strength_of(three[::-1]) == strength_of(three)


def test_of_one_kind_the_strongest_counts_alone() -> None:
    assert strength_of([clue(CauseKind.CPU, 1.0), clue(CauseKind.CPU, 3.0), clue(CauseKind.CPU, 2.0)]) == 3.0


def test_however_much_is_found_it_is_less_than_twice_the_strongest() -> None:
    assert strength_of([clue(kind, 1.0) for kind in CauseKind]) < 2.0
    assert strength_of([]) == 0.0


def test_a_strength_is_finite_whatever_the_score() -> None:
    assert math.isfinite(the_clue(kpi(1e308)).strength)
