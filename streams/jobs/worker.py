"""Jobs of minutes over Kafka: polled without pause, bounded, in order per key, committed by their contiguous prefix.

A partition with too many unfinished messages is paused, not left: the member goes on polling, so the group never takes
it for dead. Poison is not backpressure: what cannot be handled is buried and finished; what fails for now waits by itself.
Delivery is at least once; handlers make repeats free by deterministic ids and done markers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from schemas.metrics import CONSUMER_LAG, NullRecorder, Recorder
from streams.ends import readable_end
from streams.jobs.attempts import Attempts, Handler, Job, Lane, RetryPolicy
from streams.jobs.ledger import OffsetLedger
from streams.messages import Message, Partition
from streams.ports import Clock, DeadLetterOffice

__all__ = ["JobWorker", "Limits"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a worker takes on. Times in seconds.

    `grace_s` is how long running jobs may take to reach a checkpoint when partitions are revoked or the worker
    stops; it must be well below the group's rebalance timeout.
    """

    concurrency: int = 4
    in_flight_per_partition: int = 250
    poll_s: float = 0.2
    commit_every_s: float = 0.5
    commit_timeout_s: float = 5.0
    grace_s: float = 4.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)


class JobWorker:
    """One member of a consumer group. Owns the consumer it is given from `run` on; runs once."""

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        consumer: AIOKafkaConsumer,
        topics: Collection[str],
        handler: Handler,
        office: DeadLetterOffice,
        clock: Clock,
        *,
        stage: str,
        limits: Limits | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        """`consumer` is neither started nor subscribed; `topics` are names on the broker."""
        self._consumer = consumer
        self._topics = sorted(topics)
        self._handler = handler
        self._limits = limits or Limits()
        self._recorder = recorder or NullRecorder()
        self._stage = stage
        self._attempts = Attempts(
            handler,
            office,
            clock,
            stage=stage,
            concurrency=self._limits.concurrency,
            policy=self._limits.retry,
            recorder=recorder,
        )
        self._ledger = OffsetLedger()
        self._lanes: dict[tuple[Partition, bytes | int], Lane] = {}
        self._closing: set[Partition] = set()
        self._commit_due = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then let running jobs reach a checkpoint, commit and leave the group.

        Raises:
            KafkaError: the broker refuses this consumer (authorisation, unsupported version).
            ExceptionGroup: a defect of ours; nothing unfinished was committed.
        """
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._consumer.start()
                self._consumer.subscribe(self._topics, listener=_Listener(self))
                while not stop.is_set():
                    await self._turn()
                await self.release(self._ledger.partitions)
        finally:
            await self._consumer.stop()

    async def _turn(self) -> None:
        room = self._regulate()
        polled = await self._consumer.getmany(
            timeout_ms=int(self._limits.poll_s * 1000), max_records=max(1, room)
        )
        for records in polled.values():
            self._accept(records)
        now = asyncio.get_running_loop().time()
        if now >= self._commit_due:
            self._commit_due = now + self._limits.commit_every_s
            await self._commit(self._ledger.partitions - self._closing)
            self._measure()

    def _regulate(self) -> int:
        """Pause what is full, resume what is not; return how many more messages the fullest open partition takes."""
        assigned: set[Partition] = {Partition(*tp) for tp in self._consumer.assignment()}
        paused = self._consumer.paused()
        rooms: list[int] = []
        for partition in assigned:
            room = self._limits.in_flight_per_partition - self._ledger.in_flight(partition)
            place = TopicPartition(*partition)
            if room > 0:
                rooms.append(room)
            if room > 0 and place in paused:
                self._consumer.resume(place)
            elif room <= 0 and place not in paused:
                self._consumer.pause(place)
        return min(rooms, default=1)

    def _accept(self, records: Sequence[Any]) -> None:
        for record in records:
            message = Message.of(record)
            if message.place in self._closing:
                continue
            ticket = self._ledger.started(message.place, message.offset)
            if ticket is not None:
                self._enqueue(Job(message, ticket, self._handler.arrived(message)))

    def _enqueue(self, job: Job) -> None:
        message = job.message
        name = (message.place, message.offset if message.key is None else message.key)
        lane = self._lanes.setdefault(name, Lane())
        lane.jobs.append(job)
        lane.arrival.set()
        if lane.task is None:
            lane.task = self._tasks.create_task(self._drain(name, lane))

    async def _drain(self, name: tuple[Partition, bytes | int], lane: Lane) -> None:
        while lane.jobs:
            if not await self._attempts.settle(lane.jobs[0], lane):
                return
            self._ledger.finished(lane.jobs.popleft().ticket)
        if self._lanes.get(name) is lane:
            del self._lanes[name]

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Take partitions on. For the rebalance listener."""
        for partition in partitions:
            self._closing.discard(partition)
            self._ledger.assign(partition)

    async def release(self, partitions: Collection[Partition]) -> None:
        """Let partitions go: accept no more, stop their jobs within the grace, commit, forget.

        Takes at most the grace and the commit's time-out. For the rebalance listener.
        """
        self._closing.update(partitions)
        names = [name for name in self._lanes if name[0] in partitions]
        await self._halt([self._lanes.pop(name) for name in names])
        await self._commit(partitions)
        for partition in partitions:
            self._ledger.revoke(partition)

    async def _halt(self, lanes: Sequence[Lane]) -> None:
        for lane in lanes:
            lane.stop.set()
            if lane.task is not None and not lane.running:
                lane.task.cancel()
        tasks = [lane.task for lane in lanes if lane.task is not None]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._limits.grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _commit(self, partitions: Iterable[Partition]) -> None:
        offered = {partition: self._ledger.committable(partition) for partition in partitions}
        offsets = {partition: offset for partition, offset in offered.items() if offset is not None}
        if not offsets:
            return
        try:
            async with asyncio.timeout(self._limits.commit_timeout_s):
                await self._consumer.commit({TopicPartition(*p): offset for p, offset in offsets.items()})
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            _log.warning("commit_failed", stage=self._stage, error=repr(error))
            return
        for partition, offset in offsets.items():
            self._ledger.committed(partition, offset)

    def _measure(self) -> None:
        lags = dict.fromkeys(self._topics, 0)
        for partition in self._ledger.partitions:
            end = readable_end(self._consumer, TopicPartition(*partition))
            lags[partition.topic] += max(0, (end or 0) - self._ledger.position(partition))
        for topic, lag in lags.items():
            self._recorder.gauge(CONSUMER_LAG, lag, stage=self._stage, topic=topic)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka publishes no types
    def __init__(self, worker: JobWorker) -> None:
        self._worker = worker

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._worker.release([Partition(*place) for place in revoked])

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._worker.assigned([Partition(*place) for place in assigned])
