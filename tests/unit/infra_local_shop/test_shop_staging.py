"""Scenes of the shop: who plays whom, what several things at once do, and that a seed settles everything."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from infra.local.shop.faults import FaultKind
from infra.local.shop.mishaps import MISHAPS, MishapKind, joined, scaled
from infra.local.shop.staging import Announced, Happening, Role, Staged, Surge, above, stage
from infra.local.shop.stress import CALM, Stress
from infra.local.shop.topology import CALLERS, SHOP
from schemas.events import AlarmRaw, ChangeKind, ChangeRaw, Event

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEEDS = range(12)


def staged(*happenings: Happening, seed: int = 1) -> Staged:
    return stage(happenings, seed, "acme", START)


def events(play: Staged, seconds: float = 40.0) -> list[Event]:
    return [event for tick in play.ticks(seconds) for event in tick.events]


def test_the_same_seed_is_the_same_play_and_another_is_another() -> None:
    cast = [staged(Happening(FaultKind.CPU_HOG), seed=seed).cast for seed in SEEDS]
    assert cast == [staged(Happening(FaultKind.CPU_HOG), seed=seed).cast for seed in SEEDS]
    assert len({one[Role.CULPRIT] for one in cast}) > 3
    one, other = staged(Happening(FaultKind.CPU_HOG)), staged(Happening(FaultKind.CPU_HOG))
    assert events(one) == events(other)


def test_a_caller_of_the_culprit_plays_too() -> None:
    for seed in SEEDS:
        cast = staged(Happening(FaultKind.DISK_FULL), seed=seed).cast
        assert cast[Role.CALLER] in CALLERS[cast[Role.CULPRIT]]


@pytest.mark.parametrize("kind", list(FaultKind))
def test_a_herring_has_nothing_to_do_with_the_culprit(kind: FaultKind) -> None:
    for seed in SEEDS:
        happenings = (Happening(kind), Happening(MishapKind.BUSY_BATCH, Role.HERRING, after_s=-5))
        cast = staged(*happenings, seed=seed).cast
        culprit, herring = cast[Role.CULPRIT], cast[Role.HERRING]
        assert herring != culprit
        assert herring not in CALLERS[culprit]
        assert culprit not in CALLERS[herring]
        assert SHOP[herring].host != SHOP[culprit].host


def test_two_faults_hit_two_services_apart() -> None:
    for seed in SEEDS:
        faults = (Happening(FaultKind.MEMORY_LEAK), Happening(FaultKind.DISK_FULL, Role.SECOND))
        cast = staged(*faults, seed=seed).cast
        first, second = cast[Role.CULPRIT], cast[Role.SECOND]
        assert first != second


def test_above_are_all_who_can_feel_it() -> None:
    assert above("web-frontend") == frozenset()
    assert above("orders-db") >= {"checkout", "payment", "shipping", "api-gateway", "web-frontend"}


def test_what_comes_and_goes_comes_again() -> None:
    play = staged(Happening(MishapKind.POISON_INPUT, lasts_s=20, every_s=50))
    culprit, course = play.cast[Role.CULPRIT], play.plan.script
    present = [culprit in course.stress(play.onset_s + t) for t in (-1, 10, 40, 60, 90)]
    assert present == [False, True, False, True, False]


def test_what_lasts_ends() -> None:
    play = staged(Happening(FaultKind.CPU_HOG, lasts_s=30))
    assert play.plan.script.stress(play.onset_s + 25)
    assert not play.plan.script.stress(play.onset_s + 40)


def test_two_things_at_one_service_add_up() -> None:
    play = staged(Happening(MishapKind.POISON_INPUT), Happening(MishapKind.LONG_COLLECTIONS))
    under = play.plan.script.stress(play.onset_s + 60)
    assert list(under) == [play.cast[Role.CULPRIT]]
    assert under[play.cast[Role.CULPRIT]].errors > 0.3
    assert under[play.cast[Role.CULPRIT]].gc_ms > 3


def test_a_surge_is_load_and_nobody_s_stress() -> None:
    play = staged(Happening(Surge(2.0)))
    course = play.plan.script
    assert course.load(play.onset_s - 1) == 1.0
    assert course.load(play.onset_s + 60) == pytest.approx(2.0)
    assert course.stress(play.onset_s + 60) == {}
    assert course.writing(play.onset_s + 60) == ()


def test_a_change_is_recorded_and_does_nothing() -> None:
    announced = Announced(ChangeKind.CONFIG, "planned work on {service}")
    play = staged(Happening(announced, Role.HERRING, after_s=-3))
    changes = [one for one in events(play) if isinstance(one, ChangeRaw)]
    assert f"planned work on {play.cast[Role.HERRING]}" in [one.title for one in changes]
    assert not play.plan.script.stress(play.onset_s + 10)


@pytest.mark.parametrize("kind", [FaultKind.BAD_DEPLOY, FaultKind.CONFIG_FLAG])
def test_a_fault_that_is_a_change_is_recorded_as_one(kind: FaultKind) -> None:
    play = staged(Happening(kind))
    made = [one for one in play.plan.changes if one.service == play.cast[Role.CULPRIT]]
    assert [play.onset_s - 4.1 < one.at_s < play.onset_s for one in made] == [True]


def test_a_named_player_is_not_drawn() -> None:
    for seed in SEEDS:
        peak = Happening(MishapKind.READ_PEAK, Role.HERRING, service="recommendation")
        assert staged(peak, seed=seed).cast[Role.HERRING] == "recommendation"


def test_with_nothing_happening_there_is_history_and_no_alarm() -> None:
    play = staged()
    told = [event for tick in play.history(100) for event in tick.events]
    assert told
    assert not any(isinstance(one, AlarmRaw) for one in [*told, *events(play)])


@pytest.mark.parametrize("kind", list(MishapKind))
def test_a_mishap_at_no_level_is_calm_and_at_full_level_itself(kind: MishapKind) -> None:
    assert scaled(MISHAPS[kind].stress, 0.0) == CALM
    assert scaled(MISHAPS[kind].stress, 1.0) == MISHAPS[kind].stress


def test_joining_adds_shares_and_multiplies_factors() -> None:
    both = joined(Stress(cpu=0.1, slow=2.0), Stress(cpu=0.2, slow=1.5))
    assert both.cpu == pytest.approx(0.3)
    assert both.slow == 3.0
    assert joined(CALM, CALM) == CALM
