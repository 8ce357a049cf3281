from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from infra.runtime.clock import SystemClock
from schemas.events import InvestigationRequested, InvestigationStatus, RequestKind
from schemas.outcomes import Done, Outcome
from schemas.topics import topic_of
from streams.admin import open_admin
from streams.investigate import GROUP, Investigations, investigate_worker
from streams.jobs.attempts import RetryPolicy
from streams.jobs.worker import Limits
from streams.kafka import KafkaSettings
from streams.ports import Run
from streams.producer import EventProducer, open_producer
from streams.reader import ReadEvent, open_reader
from tests.fakes.investigations import MemoryLease, MemoryMarkers, Scripted, request
from tests.fakes.waiting import until
from tests.integration.streams.jobs.parts import Buried

pytestmark = pytest.mark.broker

LIMITS = Limits(commit_every_s=0.05, poll_s=0.05, retry=RetryPolicy(first_s=0.01, cap_s=0.05))


@dataclass
class Role:
    settings: KafkaSettings
    producer: EventProducer
    investigator: Scripted = field(default_factory=Scripted)
    lease: MemoryLease = field(default_factory=MemoryLease)
    markers: MemoryMarkers = field(default_factory=MemoryMarkers)
    office: Buried = field(default_factory=Buried)
    limits: Limits = LIMITS

    def start(self, stop: asyncio.Event, worker: str = "w1") -> asyncio.Task[None]:
        clock = SystemClock()
        handler = Investigations(
            self.investigator, self.lease, self.markers, self.producer, clock, worker=worker
        )
        return asyncio.create_task(
            investigate_worker(self.settings, handler, self.office, clock, limits=self.limits).run(stop)
        )

    @contextlib.asynccontextmanager
    async def working(self, worker: str = "w1") -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = self.start(stop, worker)
        try:
            yield
        finally:
            stop.set()
            await task

    async def states(self, investigation: str) -> list[str]:
        async with open_reader(self.settings) as reader:
            read = [one async for one in reader.events([InvestigationStatus.TOPIC])]
        told = [one.event for one in read if isinstance(one, ReadEvent)]
        return [
            one.state.value
            for one in told
            if isinstance(one, InvestigationStatus) and one.investigation_id == investigation
        ]

    async def uncommitted(self) -> int:
        async with open_admin(self.settings) as admin:
            group = f"{self.settings.topic_prefix}{GROUP}"
            return sum(one.lag for one in await admin.lag(group, [InvestigationRequested.TOPIC]))


@pytest.fixture
async def role(kafka: KafkaSettings) -> AsyncIterator[Role]:
    async with open_admin(kafka) as admin, open_producer(kafka, source="/tocsin/test") as producer:
        await admin.ensure([topic_of(InvestigationRequested), topic_of(InvestigationStatus)])
        yield Role(kafka, producer)


async def test_requests_become_investigations_and_states(role: Role) -> None:
    await role.producer.publish_all([request(number) for number in range(10)])
    await role.producer.publish(request(3))
    async with role.working():
        await until(lambda: len(role.markers.done) == 10)
    assert sorted(run[0] for run in role.investigator.runs) == [f"inv_{n}" for n in range(10)]
    assert await role.states("inv_3") == ["running"]
    assert await role.uncommitted() == 0


async def test_a_killed_worker_leaves_its_investigation_to_the_next(role: Role) -> None:
    async def endless(run: Run) -> Outcome:
        await asyncio.Event().wait()
        return Done()

    role.investigator.script = endless
    await role.producer.publish(request())
    killed = role.start(asyncio.Event())
    await asyncio.wait_for(role.investigator.started.wait(), 60)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    role.lease.held["inv_1"] = 0  # a real kill releases nothing: the lease has to run out
    role.investigator.script = None
    async with role.working("w2"):
        await until(lambda: role.lease.tokens == 1 and not role.markers.done, 30)
        del role.lease.held["inv_1"]
        await until(lambda: "inv_1" in role.markers.done)
    assert role.investigator.runs == [("inv_1", 1, 1), ("inv_1", 2, 2)]
    assert await role.states("inv_1") == ["running"]
    assert await role.uncommitted() == 0


async def test_one_worker_takes_on_as_many_as_it_may_at_a_time(role: Role) -> None:
    together, begun = 200, asyncio.Event()

    async def waiting(run: Run) -> Outcome:
        if len(role.investigator.runs) == together:
            begun.set()
        await begun.wait()
        return Done()

    role.investigator.script = waiting
    role.limits = replace(LIMITS, concurrency=together, in_flight_per_partition=together)
    role.lease.ttl_s = 30.0
    await role.producer.publish_all([request(number) for number in range(together)])
    async with role.working():
        await until(lambda: len(role.markers.done) == together)
    assert begun.is_set()
    assert await role.uncommitted() == 0


async def test_a_deferred_request_runs_when_its_time_comes(role: Role) -> None:
    await role.producer.publish(request(1, not_before=datetime.now(UTC) + timedelta(seconds=4)))
    await role.producer.publish(request(2))
    async with role.working():
        await until(lambda: len(role.markers.done) == 2)
    assert [run[0] for run in role.investigator.runs] == ["inv_2", "inv_1"]
    assert await role.states("inv_1") == ["deferred", "running"]


async def test_a_cancel_overtakes_the_deferred_request_it_takes_back(role: Role) -> None:
    await role.producer.publish(request(1, not_before=datetime.now(UTC) + timedelta(hours=1)))
    async with role.working():
        async with asyncio.timeout(60):
            while await role.states("inv_1") != ["deferred"]:  # noqa: ASYNC110 - it waits for the broker
                await asyncio.sleep(0.05)
        await role.producer.publish(request(1, kind=RequestKind.CANCEL, reason="alarms cleared"))
        await until(lambda: "inv_1" in role.markers.done)
    assert role.investigator.runs == []
    assert await role.states("inv_1") == ["deferred", "cancelled"]
    assert await role.uncommitted() == 0


async def test_a_defect_ends_failed_and_buried(role: Role) -> None:
    async def defect(run: Run) -> Outcome:
        raise ZeroDivisionError

    role.investigator.script = defect
    await role.producer.publish(request())
    await role.producer.send_raw(InvestigationRequested.TOPIC, b"acme|inc_9", b"junk")
    async with role.working():
        # A new assignment before the commit buries a letter once more.
        await until(lambda: {reason for _, _, reason, _ in role.office.letters} >= {"defect", "bad_magic"})
    buried = {(message.key, reason) for message, _, reason, _ in role.office.letters}
    assert buried == {(b"acme|inc_1", "defect"), (b"acme|inc_9", "bad_magic")}
    assert (await role.states("inv_1"))[-1] == "failed"
    assert await role.uncommitted() == 0
