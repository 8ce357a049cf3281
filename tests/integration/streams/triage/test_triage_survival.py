"""Workers that fail and workers that are killed: nothing is lost, and the tables come back."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.errors import UnavailableError
from schemas.events import (
    AlarmChanged,
    AlarmRaw,
    AlarmStatus,
    Decision,
    Event,
    Incident,
    IncidentTransition,
    InvestigationRequested,
)
from streams.admin import open_admin
from streams.ports import Publisher
from tests.fakes.events import alarm
from tests.integration.streams.triage.conftest import Stack

pytestmark = pytest.mark.broker


def now() -> datetime:
    return datetime.now(UTC)


def alarms(count: int, services: int = 5) -> list[AlarmRaw]:
    began = now()
    return [
        alarm(f"Alarm{i}", f"svc-{i % services}", started_at=began, occurred_at=began) for i in range(count)
    ]


class FailsOnce:
    """A publisher that refuses the batch with the n-th event, and everything after it."""

    def __init__(self, whole: Publisher, allowed: int) -> None:
        self._whole = whole
        self._allowed = allowed

    async def publish(self, event: Event, *, traceparent: str = "") -> None:
        await self.publish_all([event], traceparent=traceparent)

    async def publish_all(self, events: Sequence[Event], *, traceparent: str | Sequence[str] = "") -> None:
        self._allowed -= len(events)
        if self._allowed < 0:
            raise UnavailableError("the publisher fails here")
        await self._whole.publish_all(events, traceparent=traceparent)


def decided(stack: Stack) -> dict[str, set[str]]:
    """The ids of the decisions on each alarm event."""
    decisions: dict[str, set[str]] = {}
    for one in stack.reader.of(AlarmChanged):
        decisions.setdefault(one.alarm_event_id, set()).add(one.event_id)
    return decisions


async def test_a_stage_that_fails_mid_batch_ends_the_worker_and_loses_nothing(stack: Stack) -> None:
    raised = alarms(200)
    await stack.producer.publish_all(raised)
    async with stack.triage(publisher=FailsOnce(stack.producer, 57)) as failing:
        with pytest.raises(UnavailableError, match="fails here"):
            await asyncio.wait_for(asyncio.shield(failing), 60)
    async with stack.triage() as running:
        await stack.reader.until(lambda: len(decided(stack)) == len(raised), alive=running)
    assert decided(stack).keys() == {one.event_id for one in raised}
    assert Counter(len(ids) for ids in decided(stack).values()) == {1: 200}


async def test_kill_9_loses_nothing_and_the_tables_come_back(stack: Stack) -> None:
    raised = alarms(600)
    await stack.producer.publish_all(raised)
    with stack.process() as first:
        await stack.reader.until(lambda: len(decided(stack)) >= 50)
        first.send_signal(signal.SIGKILL)
    with stack.process():
        await stack.reader.until(lambda: len(decided(stack)) == len(raised))
        await stack.reader.until(lambda: _counted(stack) == len(raised))
        incidents = {one.incident_id for one in stack.reader.of(Incident)}
        assert len(incidents) == 5
    assert {one.decision for one in stack.reader.of(AlarmChanged)} == {Decision.OPENED}
    assert Counter(len(ids) for ids in decided(stack).values()) == {1: 600}
    investigations = {one.investigation_id for one in stack.reader.of(InvestigationRequested)}
    assert len(investigations) <= 5


def _counted(stack: Stack) -> int:
    """Alarms in the last revision of each incident."""
    last: dict[str, Incident] = {}
    for one in stack.reader.of(Incident):
        if one.incident_id not in last or one.revision >= last[one.incident_id].revision:
            last[one.incident_id] = one
    return sum(one.alarm_count for one in last.values())


async def test_a_second_worker_that_comes_and_goes_costs_nothing(stack: Stack) -> None:
    raised = alarms(600)
    await stack.producer.publish_all(raised[:300])
    with stack.process():
        await stack.reader.until(lambda: len(decided(stack)) >= 50)
        with stack.process() as second:
            await stack.producer.publish_all(raised[300:450])
            await stack.reader.until(lambda: len(decided(stack)) >= 350)
            second.send_signal(signal.SIGKILL)
        await stack.producer.publish_all(raised[450:])
        await stack.reader.until(lambda: len(decided(stack)) == len(raised))
        await stack.reader.until(lambda: _counted(stack) == len(raised))
    assert Counter(len(ids) for ids in decided(stack).values()) == {1: 600}


async def test_after_a_kill_a_duplicate_is_known_and_the_open_incident_goes_on(stack: Stack) -> None:
    cart = _alarm("HighErrorRate", "cart")
    with stack.process():
        await stack.producer.publish(cart)
        await stack.reader.until(lambda: bool(stack.reader.of(InvestigationRequested)))
    (opened,) = stack.reader.of(Incident)
    late = _alarm("Slow", "redis", began=cart.started_at - timedelta(seconds=30))
    last = _alarm("HighErrorRate", "cart", source="sentinel", fingerprint=cart.fingerprint)
    with stack.process():
        await stack.producer.publish_all([cart, cart, late, last])
        await stack.reader.until(lambda: _counted(stack) == 3)
        cleared = [_cleared(one) for one in (cart, late, last)]
        await stack.producer.publish_all(cleared)
        await stack.reader.until(
            lambda: stack.reader.of(Incident)[-1].transition is IncidentTransition.CLEARED
        )
    decisions = [(one.alarm_event_id, one.decision) for one in stack.reader.of(AlarmChanged)]
    assert Counter(decisions) == Counter(
        [(one.event_id, Decision.OPENED) for one in (cart, late, last)]
        + [(one.event_id, Decision.CLEARED) for one in cleared]
    )
    assert {one.incident_id for one in stack.reader.of(Incident)} == {opened.incident_id}
    assert set(stack.reader.of(Incident)[-1].services) == {"cart", "redis"}


async def test_a_clean_stop_is_quick_and_the_next_run_has_nothing_to_repeat(stack: Stack) -> None:
    raised = alarms(30)
    await stack.producer.publish_all(raised)
    with stack.process() as worker:
        await stack.reader.until(lambda: _counted(stack) == 30)
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(_exit_code, worker) == 0
    async with open_admin(stack.kafka) as admin:
        offsets = await admin.lag(f"{stack.kafka.topic_prefix}tocsin-triage", ["alarms.raw"])
    assert sum(one.lag for one in offsets) == 0


def _exit_code(worker: subprocess.Popen[bytes]) -> int:
    return worker.wait(timeout=10)


def _alarm(name: str, service: str, began: datetime | None = None, **fields: Any) -> AlarmRaw:
    return alarm(name, service, **{"started_at": began or now(), "occurred_at": now(), **fields})


def _cleared(one: AlarmRaw) -> AlarmRaw:
    return AlarmRaw.model_validate({**one.model_dump(), "status": AlarmStatus.CLEARED, "occurred_at": now()})
