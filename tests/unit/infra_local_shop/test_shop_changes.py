"""The shop's changes: those that break nothing, and the one that does, with its rollback and return."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from infra.local.shop.changes import PlannedChange, breaking_change, harmless_changes, raise_change
from infra.local.shop.faults import Fault, FaultKind
from infra.local.shop.topology import SHOP
from schemas.events import ChangeKind

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEEDS = range(80)
MADE = {FaultKind.BAD_DEPLOY: ChangeKind.DEPLOY, FaultKind.CONFIG_FLAG: ChangeKind.FLAG}


def fault(kind: FaultKind = FaultKind.BAD_DEPLOY, service: str = "cart") -> Fault:
    return Fault(kind, service, starts_s=30.0, ramp_s=5.0, strength=0.9)


def test_a_few_changes_happen_in_half_an_hour_in_order_of_time() -> None:
    for seed in SEEDS:
        changes = harmless_changes(seed, fault())
        assert 2 <= len(changes) <= 5
        times = [one.at_s for one in changes]
        assert times == sorted(times)
        assert times[0] >= -1700


def test_often_but_not_always_one_comes_just_before_the_fault() -> None:
    close = [any(5.0 <= one.at_s <= 28.0 for one in harmless_changes(seed, fault())) for seed in SEEDS]
    assert 0.4 * len(SEEDS) < sum(close) < 0.8 * len(SEEDS)


def test_none_is_made_to_the_faulty_service_nor_to_a_store() -> None:
    struck = {one.service for seed in SEEDS for one in harmless_changes(seed, fault())}
    assert "cart" not in struck
    assert not any(SHOP[name].store for name in struck)
    assert len(struck) > 8


def test_without_a_fault_changes_happen_all_the_same() -> None:
    for seed in SEEDS:
        healthy, broken = harmless_changes(seed, None), harmless_changes(seed, fault())
        assert len(healthy) == len(broken)
        assert harmless_changes(seed, None) == healthy


@pytest.mark.parametrize("kind", [one for one in FaultKind if one not in MADE])
def test_faults_that_nobody_made_have_no_change(kind: FaultKind) -> None:
    assert breaking_change(fault(kind, "catalog"), 1, 60.0, 120.0) == ()


@pytest.mark.parametrize("kind", sorted(MADE))
def test_the_change_that_breaks_comes_some_seconds_before_it_shows(kind: FaultKind) -> None:
    for seed in SEEDS:
        (made,) = breaking_change(fault(kind), seed, None, None)
        assert 0.5 <= 30.0 - made.at_s <= 4.0
        assert (made.service, made.kind) == ("cart", MADE[kind])


def test_it_is_taken_back_when_the_fault_heals_and_made_again_when_it_returns() -> None:
    made, back, again = breaking_change(fault(), 3, 60.0, 120.0)
    assert (back.at_s, back.title) == (60.0, f"roll back: {made.title}")
    assert 120.0 - again.at_s == pytest.approx(30.0 - made.at_s)
    assert (again.title, again.version, again.author) == (made.title, made.version, made.author)
    assert len(breaking_change(fault(), 3, None, 120.0)) == 2


@pytest.mark.parametrize("kind", sorted(MADE))
def test_only_a_deploy_has_a_version(kind: FaultKind) -> None:
    (made,) = breaking_change(fault(kind), 5, None, None)
    assert bool(made.version) is (MADE[kind] is ChangeKind.DEPLOY)
    if made.version:
        assert made.title == f"deploy cart {made.version}"
    else:
        assert made.title.startswith("flag ")
        assert made.title.endswith("% of users in cart")


def test_titles_are_whole_sentences_of_their_kind() -> None:
    openings = {
        ChangeKind.DEPLOY: "deploy ",
        ChangeKind.CONFIG: "set ",
        ChangeKind.FLAG: "flag ",
        ChangeKind.SCALE: "autoscaler limits of ",
    }
    seen = set()
    for seed in SEEDS:
        for one in harmless_changes(seed, None):
            assert one.title.startswith(openings[one.kind])
            assert one.service in one.title
            assert "{" not in one.title
            seen.add(one.kind)
    assert seen == set(openings)


def test_a_plan_becomes_an_event_at_its_time() -> None:
    plan = PlannedChange(-12.5, "cart", ChangeKind.DEPLOY, "deploy cart 1.2.3", "1.2.3", "m.tanaka")
    event = raise_change(plan, "acme", START)
    assert event.occurred_at == START - timedelta(seconds=12.5)
    assert (event.tenant, event.service, event.source) == ("acme", "cart", "shop")
    assert (event.kind, event.title) == (ChangeKind.DEPLOY, "deploy cart 1.2.3")
    assert (event.version, event.author) == ("1.2.3", "m.tanaka")
    assert event.labels == {"host": SHOP["cart"].host}
