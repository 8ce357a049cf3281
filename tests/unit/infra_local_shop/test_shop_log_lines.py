"""What the shop writes into its logs: how often, by whom, about whom, and when."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from infra.local.shop.faults import Fault, FaultKind
from infra.local.shop.flow import NOMINAL, Vitals
from infra.local.shop.lines import CHATTER, FAULT_LINES, Line
from infra.local.shop.logs import LogWriter
from infra.local.shop.topology import SHOP
from schemas.events import LogBatch, LogSeverity

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_S = 400.0
CALM = replace(NOMINAL["catalog"], errors=0.0, timeouts={}, steal=0.0)


def written(state: Vitals, seconds: float = LONG_S, service: str = "catalog", seed: int = 1) -> LogBatch:
    writer = LogWriter("acme", Random(seed))
    writer.write(START, seconds, {service: state})
    (batch,) = writer.cut()
    return batch


def count(batch: LogBatch, opening: str) -> int:
    return sum(record.message.startswith(opening) for record in batch.records)


def near(mean: float) -> object:
    """Within five deviations of a Poisson distribution."""
    return pytest.approx(mean, abs=5 * math.sqrt(mean) + 1)


def test_everyday_lines_come_at_their_rate() -> None:
    batch = written(CALM)
    assert count(batch, "request ") == near(0.15 * LONG_S)
    assert count(batch, "catalog page ") == near(0.1 * LONG_S)
    assert {record.severity for record in batch.records} == {LogSeverity.INFO}


@pytest.mark.parametrize(("load", "factor"), [(0.5, 0.5), (1.0, 1.0), (4.0, 1.5)])
def test_everyday_lines_follow_the_load_up_to_a_limit(load: float, factor: float) -> None:
    state = replace(CALM, rate=load * NOMINAL["catalog"].rate)
    assert count(written(state), "request ") == near(factor * 0.15 * LONG_S)


def test_failures_are_logged_as_often_as_they_happen() -> None:
    batch = written(replace(CALM, errors=0.5))
    failed = [record for record in batch.records if "status=500" in record.message]
    assert len(failed) == near(1.2 * 0.5 * LONG_S)
    assert {record.severity for record in failed} == {LogSeverity.ERROR}


def test_a_failed_call_names_whom_it_called() -> None:
    batch = written(replace(CALM, timeouts={"catalog-db": 0.4, "user-db": 0.1}))
    assert count(batch, "call to catalog-db failed") == near(1.5 * 0.4 * LONG_S)
    assert count(batch, "call to user-db failed") == near(1.5 * 0.1 * LONG_S)


@pytest.mark.parametrize(
    ("pool", "wait_ms", "share"), [(0.99, 600.0, 0.0), (1.0, 250.0, 0.5), (1.0, 600.0, 1.0)]
)
def test_only_a_full_pool_refuses(pool: float, wait_ms: float, share: float) -> None:
    batch = written(replace(CALM, pool=pool, pool_wait_ms=wait_ms))
    assert count(batch, "could not obtain a connection to catalog-db") == near(1.2 * share * LONG_S)


@pytest.mark.parametrize(("steal", "rate"), [(0.05, 0.0), (0.1, 0.0), (0.5, 0.2), (0.9, 0.4)])
def test_a_starved_scheduler_says_so(steal: float, rate: float) -> None:
    assert count(written(replace(CALM, steal=steal)), "scheduler stalled") == near(rate * LONG_S)


def test_lines_lie_within_their_tick_and_come_in_order() -> None:
    batch = written(CALM, seconds=60.0)
    times = [record.at for record in batch.records]
    assert times == sorted(times)
    assert START - timedelta(seconds=60) < times[0] < times[-1] <= START
    assert batch.occurred_at == times[-1]
    assert (batch.tenant, batch.source, batch.service) == ("acme", "shop", "catalog")
    assert {record.entity for record in batch.records} == {"catalog-0"}


def test_every_line_has_a_trace_of_its_own() -> None:
    traces = [record.trace_id for record in written(CALM).records]
    assert len(set(traces)) == len(traces)
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in traces)


def test_a_cut_forgets_and_who_wrote_nothing_has_no_batch() -> None:
    writer = LogWriter("acme", Random(1))
    assert writer.cut() == ()
    writer.write(START, 60.0, {"catalog": CALM, "cart": replace(NOMINAL["cart"], rate=0.0, timeouts={})})
    assert {one.service for one in writer.cut()} == {"catalog"}
    assert writer.cut() == ()


def test_the_times_a_line_tells_are_those_of_the_service() -> None:
    state = replace(CALM, p50_ms=500.0)
    told = [
        float(found[1])
        for record in written(state).records
        if (found := re.search(r"served in ([0-9.]+) ms", record.message))
    ]
    assert sorted(told)[len(told) // 2] == pytest.approx(500.0, rel=0.2)


def fault(kind: FaultKind, strength: float = 1.0) -> Fault:
    return Fault(kind, "catalog", starts_s=30.0, ramp_s=5.0, strength=strength)


def fault_lines(kind: FaultKind, level: float, strength: float = 1.0) -> list[str]:
    writer = LogWriter("acme", Random(2))
    writer.write_fault(START, LONG_S, NOMINAL, fault(kind, strength), level)
    return [record.message for batch in writer.cut() for record in batch.records]


def opening(line: Line) -> str:
    return line.text.split("{", maxsplit=1)[0]


@pytest.mark.parametrize("kind", FaultKind)
def test_the_owner_of_a_fault_writes_its_lines_at_their_rate(kind: FaultKind) -> None:
    lines = fault_lines(kind, 1.0)
    assert len(lines) == near(sum(line.rate for line in FAULT_LINES[kind]) * LONG_S)
    for line in FAULT_LINES[kind]:
        assert any(message.startswith(opening(line)) for message in lines)


@pytest.mark.parametrize(("level", "strength"), [(0.5, 1.0), (1.0, 0.5)])
def test_a_fault_that_is_half_there_says_half_as_much(level: float, strength: float) -> None:
    total = sum(line.rate for line in FAULT_LINES[FaultKind.BAD_DEPLOY])
    assert len(fault_lines(FaultKind.BAD_DEPLOY, level, strength)) == near(total * LONG_S / 2)


def test_without_a_fault_or_before_it_nothing_is_added() -> None:
    writer = LogWriter("acme", Random(2))
    writer.write_fault(START, LONG_S, NOMINAL, None, 1.0)
    writer.write_fault(START, LONG_S, NOMINAL, fault(FaultKind.CPU_HOG), 0.0)
    assert writer.cut() == ()


def _all_lines() -> Iterable[Line]:
    for lines in [*CHATTER.values(), *FAULT_LINES.values()]:
        yield from lines


def test_every_placeholder_is_one_that_is_filled() -> None:
    names = {name for line in _all_lines() for name in re.findall(r"{(\w*)}", line.text)}
    assert names <= {"id", "ms", "ip", "n", "other", "user"}


def test_every_service_chats_and_every_fault_speaks() -> None:
    assert set(CHATTER) == set(SHOP)
    assert set(FAULT_LINES) == set(FaultKind)
    assert all(line.rate > 0 for line in _all_lines())


def test_chatter_is_harmless_and_no_fault_speaks_like_it() -> None:
    chatter = {line.text for lines in CHATTER.values() for line in lines}
    assert {line.severity for lines in CHATTER.values() for line in lines} == {LogSeverity.INFO}
    spoken = Counter(line.text for lines in FAULT_LINES.values() for line in lines)
    assert not chatter & set(spoken)
    assert set(spoken.values()) == {1}, "a line tells which fault it is"
