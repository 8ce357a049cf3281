"""Each kind of fault shows what it says it shows, whatever the seed, and shows it at its owner."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.shop.faults import Fault, FaultKind, choose_fault
from infra.local.shop.lines import FAULT_LINES
from infra.local.shop.simulation import Shop
from infra.local.shop.topology import CALLERS, SHOP
from schemas.events import AlarmRaw, Event, KpiBatch, LogBatch

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEEDS = st.integers(min_value=0, max_value=10_000)
FEW = settings(max_examples=6, deadline=None)


class Told:
    """What the shop told in the last seconds before the fault, and once it has been there for a while."""

    def __init__(self, kind: FaultKind, seed: int) -> None:
        self.fault: Fault = choose_fault(kind, seed)
        self.events: list[Event] = [
            event
            for tick in Shop(seed, self.fault, "acme", START).ticks(self.fault.starts_s + 70.0)
            for event in tick.events
        ]
        begin = (START + timedelta(seconds=self.fault.starts_s)).timestamp() * 1000
        self.before = self._medians(0.0, begin)
        self.after = self._medians(begin + 45_000, begin + 70_000)

    def _medians(self, begin_ms: float, end_ms: float) -> Mapping[tuple[str, str], float]:
        columns: dict[tuple[str, str], list[float]] = {}
        for event in self.events:
            if isinstance(event, KpiBatch):
                for series in event.series:
                    columns.setdefault((event.service, series.metric), []).extend(
                        value
                        for at, value in zip(series.times_ms, series.values, strict=True)
                        if begin_ms <= at <= end_ms
                    )
        return {key: median(values) for key, values in columns.items() if values}

    def grew(self, metric: str, service: str = "") -> float:
        key = service or self.fault.service, metric
        return self.after[key] / max(self.before[key], 1e-9)

    def level(self, metric: str, service: str = "") -> float:
        return self.after[service or self.fault.service, metric]

    def lines(self, service: str) -> list[str]:
        return [
            line.message
            for event in self.events
            if isinstance(event, LogBatch) and event.service == service
            for line in event.records
        ]

    @property
    def alarms(self) -> list[AlarmRaw]:
        return [event for event in self.events if isinstance(event, AlarmRaw)]


@lru_cache(maxsize=64)
def told(kind: FaultKind, seed: int) -> Told:
    return Told(kind, seed)


@FEW
@given(seed=SEEDS)
def test_a_cpu_hog_fills_its_own_cpu_and_queues(seed: int) -> None:
    seen = told(FaultKind.CPU_HOG, seed)
    assert seen.level("cpu_usage") > 0.85
    assert seen.grew("latency_p95_ms") > 1.3
    assert seen.grew("memory_bytes") < 1.1
    assert seen.level("cpu_steal") < 0.1


@FEW
@given(seed=SEEDS)
def test_a_leak_grows_and_collects_garbage(seed: int) -> None:
    seen = told(FaultKind.MEMORY_LEAK, seed)
    assert seen.grew("memory_bytes") > 1.5
    assert seen.level("gc_pause_ms") > 200
    assert any("full collection" in line for line in seen.lines(seen.fault.service))


@FEW
@given(seed=SEEDS)
def test_a_bad_deploy_fails_requests_without_want_of_resources(seed: int) -> None:
    seen = told(FaultKind.BAD_DEPLOY, seed)
    assert seen.level("error_rate") > 0.25
    assert seen.level("cpu_usage") < 0.6
    assert seen.grew("memory_bytes") < 1.1
    assert any("KeyError" in line for line in seen.lines(seen.fault.service))


@FEW
@given(seed=SEEDS)
def test_a_slow_store_is_quiet_and_its_callers_are_loud(seed: int) -> None:
    seen = told(FaultKind.SLOW_DEPENDENCY, seed)
    assert seen.grew("latency_p50_ms") > 3
    assert seen.level("error_rate") < 0.02
    assert seen.level("cpu_usage") < 0.6
    callers = CALLERS[seen.fault.service]
    assert any(alarm.service in callers for alarm in seen.alarms)
    assert not any(a.service == seen.fault.service and a.name == "HighErrorRate" for a in seen.alarms)


@FEW
@given(seed=SEEDS)
def test_an_exhausted_pool_leaves_its_database_well(seed: int) -> None:
    seen = told(FaultKind.CONNECTION_POOL, seed)
    database = SHOP[seen.fault.service].pooled
    assert seen.level("pool_in_use") > 0.9
    assert seen.level("pool_wait_ms") > 100
    assert seen.grew("latency_p50_ms", database) < 1.6
    assert seen.grew("request_rate", database) < seen.grew("request_rate")


@FEW
@given(seed=SEEDS)
def test_a_delayed_network_retransmits(seed: int) -> None:
    seen = told(FaultKind.NETWORK_DELAY, seed)
    assert seen.grew("net_retransmits") > 10
    assert seen.grew("latency_p50_ms") > 3
    assert seen.level("cpu_usage") < 0.6


@FEW
@given(seed=SEEDS)
def test_a_full_disk_waits_and_then_fails(seed: int) -> None:
    seen = told(FaultKind.DISK_FULL, seed)
    assert seen.level("disk_used_ratio") > 0.95
    assert seen.level("disk_io_wait") > 0.3
    assert seen.level("error_rate") > 0.15
    assert any("No space left" in line for line in seen.lines(seen.fault.service))


@FEW
@given(seed=SEEDS)
def test_a_noisy_neighbour_is_well_and_its_neighbours_are_not(seed: int) -> None:
    seen = told(FaultKind.NOISY_NEIGHBOUR, seed)
    assert seen.grew("cpu_usage") > 1.8
    assert seen.level("cpu_steal") < 0.1
    neighbours = [s.name for s in SHOP.values() if s.host == seen.fault.host and s.name != seen.fault.service]
    for name in neighbours:
        assert seen.level("cpu_steal", name) > 0.3
        assert seen.grew("latency_p95_ms", name) > 1.2
        assert seen.grew("cpu_usage", name) < 1.3


@FEW
@given(seed=SEEDS)
def test_a_flag_calls_its_dependencies_more_often_than_it_is_called(seed: int) -> None:
    seen = told(FaultKind.CONFIG_FLAG, seed)
    assert seen.grew("latency_p50_ms") > 2
    assert any("experiment path" in line for line in seen.lines(seen.fault.service))
    assert any(seen.grew("request_rate", c.callee) > 1.1 for c in SHOP[seen.fault.service].calls)


@pytest.mark.parametrize("kind", FaultKind)
@settings(max_examples=4, deadline=None)
@given(seed=SEEDS)
def test_alarms_come_soon_after_the_fault_and_not_before(kind: FaultKind, seed: int) -> None:
    seen = told(kind, seed)
    waits = [(a.occurred_at - START).total_seconds() - seen.fault.starts_s for a in seen.alarms]
    assert waits
    assert 0 < min(waits) < 26


@pytest.mark.parametrize("kind", FaultKind)
@settings(max_examples=2, deadline=None)
@given(seed=SEEDS)
def test_only_the_owner_writes_the_lines_of_its_fault(kind: FaultKind, seed: int) -> None:
    seen = told(kind, seed)
    openings = tuple(line.text.split("{", maxsplit=1)[0] for line in FAULT_LINES[kind])
    marks = tuple(opening for opening in openings if len(opening) > 12)
    for service in SHOP:
        written = [line for line in seen.lines(service) if marks and line.startswith(marks)]
        assert not written or service == seen.fault.service


@pytest.mark.parametrize("kind", [FaultKind.CPU_HOG, FaultKind.SLOW_DEPENDENCY, FaultKind.NOISY_NEIGHBOUR])
def test_the_first_alarm_does_not_give_the_cause_away(kind: FaultKind) -> None:
    firsts = [told(kind, seed) for seed in range(6)]
    assert any(seen.alarms[0].service != seen.fault.service for seen in firsts)
