from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from infra.local.shop.faults import FaultKind, choose_fault
from infra.local.shop.rules import HARMLESS_RULE
from infra.local.shop.simulation import Shop
from infra.local.shop.topology import SHOP
from schemas.codec import decode, encode
from schemas.events import (
    AlarmRaw,
    AlarmStatus,
    ChangeKind,
    ChangeRaw,
    Event,
    KpiBatch,
    LogBatch,
    LogSeverity,
    Severity,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def events_of(shop: Shop, seconds: float = 180.0) -> list[Event]:
    return [event for tick in shop.ticks(seconds) for event in tick.events]


def alarms_of(shop: Shop, seconds: float = 180.0) -> list[AlarmRaw]:
    return [event for event in events_of(shop, seconds) if isinstance(event, AlarmRaw)]


@pytest.mark.parametrize("kind", [FaultKind.BAD_DEPLOY, FaultKind.NOISY_NEIGHBOUR])
def test_the_same_arguments_tell_the_same(kind: FaultKind) -> None:
    fault = choose_fault(kind, 2)
    first, second = (Shop(2, fault, "acme", START, heal_at_s=60.0) for _ in range(2))
    assert list(first.history(120)) == list(second.history(120))
    told = list(first.ticks(80))
    assert told == list(second.ticks(80))
    assert told == list(first.ticks(80))


def test_ticks_do_not_depend_on_the_history_being_read() -> None:
    read, unread = Shop(2, None, "acme", START), Shop(2, None, "acme", START)
    assert list(read.history(60))
    assert list(read.ticks(30)) == list(unread.ticks(30))


def test_another_seed_tells_something_else() -> None:
    assert list(Shop(1, None, "acme", START).ticks(10)) != list(Shop(2, None, "acme", START).ticks(10))


def test_the_start_shifts_times_and_nothing_else() -> None:
    fault = choose_fault(FaultKind.CPU_HOG, 4)
    later = timedelta(hours=7, seconds=3)
    now, then = Shop(4, fault, "acme", START), Shop(4, fault, "acme", START + later)
    for one, other in zip(now.ticks(70), then.ticks(70), strict=True):
        assert other.at - one.at == later
        for event, shifted in zip(one.events, other.events, strict=True):
            assert shifted.occurred_at - event.occurred_at == later
            assert type(shifted) is type(event)
            if isinstance(event, KpiBatch) and isinstance(shifted, KpiBatch):
                assert [s.values for s in event.series] == [s.values for s in shifted.series]
            if isinstance(event, LogBatch) and isinstance(shifted, LogBatch):
                assert [r.message for r in event.records] == [r.message for r in shifted.records]


def test_history_ends_where_the_ticks_begin() -> None:
    shop = Shop(1, None, "acme", START)
    before, after = [t.at for t in shop.history(60)], [t.at for t in shop.ticks(3)]
    assert before == [START + timedelta(seconds=s) for s in range(-55, 1, 5)]
    assert after == [START + timedelta(seconds=s) for s in (1, 2, 3)]


def test_half_an_hour_of_history_is_few_messages_with_every_sample() -> None:
    events = [event for tick in Shop(1, None, "acme", START).history(1800) for event in tick.events]
    assert len(events) < 2000
    samples: Counter[str] = Counter()
    for event in events:
        if isinstance(event, KpiBatch):
            samples[event.service] += len(event.series[0].times_ms)
    assert samples == dict.fromkeys(SHOP, 360)


def test_batches_are_cut_as_asked_and_the_last_one_is_not_lost() -> None:
    shop = Shop(1, None, "acme", START, batch_ticks=4)
    sizes = [
        len(event.series[0].times_ms)
        for event in events_of(shop, 10)
        if isinstance(event, KpiBatch) and event.service == "cart"
    ]
    assert sizes == [4, 4, 2]


def test_measurements_have_units_hosts_and_sane_values() -> None:
    batches = [e for e in events_of(Shop(1, None, "acme", START), 20) if isinstance(e, KpiBatch)]
    metrics = {(b.service, s.metric) for b in batches for s in b.series}
    for name, service in SHOP.items():
        assert {"request_rate", "error_rate", "latency_p95_ms", "cpu_usage", "memory_bytes"} <= {
            metric for owner, metric in metrics if owner == name
        }
        assert ((name, "gc_pause_ms") in metrics) is not service.store
        assert ((name, "pool_in_use") in metrics) is bool(service.pooled)
    for series in (s for b in batches for s in b.series):
        assert series.unit in {"1", "1/s", "ms", "By"}
        assert series.labels["host"] in {service.host for service in SHOP.values()}
        assert all(value >= 0 for value in series.values)
        assert series.unit != "1" or series.metric == "threads" or max(series.values) <= 1


def test_every_event_survives_its_avro_schema() -> None:
    shop = Shop(3, choose_fault(FaultKind.BAD_DEPLOY, 3), "acme", START, heal_at_s=70.0)
    kinds = set()
    for event in events_of(shop, 150):
        assert decode(event.TOPIC, encode(event)) == event
        kinds.add(type(event))
    assert kinds == {KpiBatch, LogBatch, ChangeRaw, AlarmRaw}


@pytest.mark.parametrize("seed", range(10))
def test_a_healthy_shop_raises_no_alarm_and_logs_few_errors(seed: int) -> None:
    shop = Shop(seed, None, "acme", START)
    events = [e for tick in [*shop.history(900), *shop.ticks(120)] for e in tick.events]
    assert not [e for e in events if isinstance(e, AlarmRaw)]
    lines = [line for e in events if isinstance(e, LogBatch) for line in e.records]
    errors = [line for line in lines if line.severity is LogSeverity.ERROR]
    assert len(errors) < 0.05 * len(lines)


@pytest.mark.parametrize("seed", range(10))
def test_a_harmless_episode_only_warns_and_is_over_soon(seed: int) -> None:
    alarms = alarms_of(Shop(seed, None, "acme", START, harmless_at_s=20.0), 120)
    assert {alarm.name for alarm in alarms} == {HARMLESS_RULE}
    assert [a.status for a in alarms if a.status is AlarmStatus.CLEARED] == [AlarmStatus.CLEARED]
    assert {a.severity for a in alarms} == {Severity.WARNING, Severity.CLEARED}
    assert START + timedelta(seconds=20) < alarms[0].occurred_at < START + timedelta(seconds=40)


@pytest.mark.parametrize("kind", FaultKind)
@pytest.mark.parametrize("seed", range(2))
def test_healing_clears_every_alarm(kind: FaultKind, seed: int) -> None:
    fault = choose_fault(kind, seed)
    alarms = alarms_of(Shop(seed, fault, "acme", START, heal_at_s=fault.starts_s + 50.0), 150)
    last = {alarm.fingerprint: alarm.status for alarm in alarms}
    assert last
    assert set(last.values()) == {AlarmStatus.CLEARED}


def test_a_fault_may_return_and_raises_the_same_alarms_anew() -> None:
    fault = choose_fault(FaultKind.CPU_HOG, 1)
    alarms = alarms_of(Shop(1, fault, "acme", START, heal_at_s=80.0, again_at_s=150.0), 200)
    firing = [alarm for alarm in alarms if alarm.status is AlarmStatus.FIRING]
    first = {a.fingerprint for a in firing if a.occurred_at < START + timedelta(seconds=80)}
    second = {a.fingerprint for a in firing if a.started_at > START + timedelta(seconds=150)}
    assert first & second


def changes_of(shop: Shop) -> list[ChangeRaw]:
    ticks = [*shop.history(1700), *shop.ticks(110)]
    return [event for tick in ticks for event in tick.events if isinstance(event, ChangeRaw)]


@pytest.mark.parametrize(
    ("kind", "made_by"), [(FaultKind.BAD_DEPLOY, ChangeKind.DEPLOY), (FaultKind.CONFIG_FLAG, ChangeKind.FLAG)]
)
def test_what_people_did_is_on_record_with_its_rollback(kind: FaultKind, made_by: ChangeKind) -> None:
    fault = choose_fault(kind, 3)
    own = [
        c for c in changes_of(Shop(3, fault, "acme", START, heal_at_s=100.0)) if c.service == fault.service
    ]
    assert [change.kind for change in own] == [made_by, made_by]
    lead = START + timedelta(seconds=fault.starts_s) - own[0].occurred_at
    assert timedelta(0) < lead < timedelta(seconds=5)
    assert own[1].title == f"roll back: {own[0].title}"


@pytest.mark.parametrize("kind", [FaultKind.CPU_HOG, FaultKind.DISK_FULL, FaultKind.SLOW_DEPENDENCY])
def test_other_faults_have_only_changes_elsewhere(kind: FaultKind) -> None:
    fault = choose_fault(kind, 1)
    changes = changes_of(Shop(1, fault, "acme", START))
    assert len(changes) >= 2
    assert fault.service not in {change.service for change in changes}


def test_some_healthy_days_have_changes_too() -> None:
    assert all(changes_of(Shop(seed, None, "acme", START)) for seed in range(2))
