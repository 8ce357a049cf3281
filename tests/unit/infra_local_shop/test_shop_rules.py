from __future__ import annotations

from datetime import UTC, datetime, timedelta

from infra.local.shop.rules import HARMLESS_RULE, Rule, RuleEngine, shop_rules
from infra.local.shop.topology import SHOP
from schemas.events import AlarmRaw, AlarmStatus, Severity

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULE = Rule("HighErrorRate", "cart", "error_rate", 0.05, 0.03, Severity.MAJOR, for_s=3.0, clear_s=4.0)


def said(values: list[float], rule: Rule = RULE) -> list[tuple[int, AlarmRaw]]:
    engine = RuleEngine("acme", (rule,))
    return [
        (second, alarm)
        for second, value in enumerate(values)
        for alarm in engine.evaluate(START + timedelta(seconds=second), {"cart": {"error_rate": value}})
    ]


def test_a_threshold_must_hold_for_its_time() -> None:
    assert said([0.1, 0.1, 0.1, 0.0, 0.1, 0.1, 0.1]) == []
    ((second, alarm),) = said([0.0, 0.1, 0.1, 0.1, 0.1])
    assert second == 4
    assert alarm.status is AlarmStatus.FIRING
    assert alarm.severity is Severity.MAJOR
    assert (alarm.indicator, alarm.value) == ("error_rate", 0.1)
    assert (alarm.host, alarm.entity) == (SHOP["cart"].host, "cart-0")


def test_an_alarm_clears_only_well_below_its_threshold() -> None:
    between = said([0.1] * 4 + [0.04] * 20)
    assert [alarm.status for _, alarm in between] == [AlarmStatus.FIRING]
    cleared = said([0.1] * 4 + [0.01] * 6)
    assert [(s, a.status, a.severity) for s, a in cleared] == [
        (3, AlarmStatus.FIRING, Severity.MAJOR),
        (8, AlarmStatus.CLEARED, Severity.CLEARED),
    ]


def test_a_relapse_restarts_the_wait_for_the_clear() -> None:
    assert [s for s, _ in said([0.1] * 4 + [0.0, 0.0, 0.04, 0.0, 0.0, 0.0, 0.0, 0.0])] == [3, 11]


def test_a_firing_alarm_is_repeated_under_the_same_name() -> None:
    fired = said([0.1] * 70)
    assert [second for second, _ in fired] == [3, 33, 63]
    assert len({alarm.event_id for _, alarm in fired}) == 1
    assert {alarm.started_at for _, alarm in fired} == {START + timedelta(seconds=3)}


def test_a_second_firing_has_a_name_of_its_own_and_the_same_fingerprint() -> None:
    fired = [a for _, a in said([0.1] * 5 + [0.0] * 8 + [0.1] * 5) if a.status is AlarmStatus.FIRING]
    assert len({alarm.event_id for alarm in fired}) == 2
    assert len({alarm.fingerprint for alarm in fired}) == 1


def test_a_symptom_names_no_indicator() -> None:
    symptom = Rule("Burn", "cart", "error_rate", 0.05, 0.03, Severity.CRITICAL, for_s=0.0, symptom=True)
    ((_, alarm),) = said([0.2], symptom)
    assert alarm.indicator == ""
    assert "users" in alarm.summary


def test_the_seed_chooses_which_resources_are_watched() -> None:
    names = [{rule.fingerprint for rule in shop_rules(seed)} for seed in range(5)]
    assert len({frozenset(one) for one in names}) == 5
    for one in names:
        assert {f"HighErrorRate/{s}" for s in SHOP} <= one
        assert "LatencyBudgetBurn/web-frontend" in one
        assert f"{HARMLESS_RULE}/recommendation" in one


def test_rules_are_the_same_for_a_seed_and_clear_below_their_threshold() -> None:
    assert shop_rules(3) == shop_rules(3)
    assert all(rule.clear_at < rule.raise_at for rule in shop_rules(3))
    assert len({rule.fingerprint for rule in shop_rules(3)}) == len(shop_rules(3))
