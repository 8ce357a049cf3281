"""The land role: every topic of the catalogue into its table, each message exactly once, by offset range.

Each assigned partition has its own lander (streams.jobs.partition_lander), so a slow table holds up its own topic only:
its partition is paused when its buffer is full, while the member goes on polling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from schemas.errors import RetryableError
from schemas.metrics import CONSUMER_LAG, NullRecorder, Recorder
from schemas.registry import SchemaRegistry
from schemas.topics import CATALOGUE
from schemas.tracing import NullTracing, Tracing
from streams.ends import readable_end
from streams.jobs.attempts import RetryPolicy
from streams.jobs.batches import CutRule, Cutter
from streams.jobs.intents import Intents
from streams.jobs.partition_lander import LandingTools, PartitionLander
from streams.kafka import KafkaSettings, make_consumer
from streams.messages import Message, Partition
from streams.ports import Clock, DeadLetterOffice, Landing, Watermarks

__all__ = ["BURIED_ELSEWHERE", "LandRules", "Lander"]

_log = structlog.get_logger(__name__)

_OBSERVE_S = 2.0
# A fetch that finds nothing comes back after half a second, with where each partition ends.
_SETTLED_S = 1.0

BURIED_ELSEWHERE = frozenset({"alarms.raw", "kpis.raw", "investigations.requested"})
"""Topics whose undecodable messages another role buries, once: intake, detect and investigate read every message."""


@dataclass(frozen=True, slots=True)
class LandRules:
    """How the lander works. Times in seconds."""

    topics: tuple[str, ...] = tuple(CATALOGUE)
    """Bare names."""
    group: str = "tocsin.land"
    cut: CutRule = field(default_factory=CutRule)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    poll_s: float = 0.1
    look_every_s: float = 0.1
    """How often watermarks and lags are looked at."""
    grace_s: float = 4.0
    """How long a batch being inserted may take to finish when partitions are revoked or the lander stops."""
    finish_s: float = 0.0
    """How long it goes on, once asked to stop, until all is landed: for a broker that forgets when it stops, too."""
    buried_elsewhere: frozenset[str] = BURIED_ELSEWHERE


class Lander:
    """One member of the landing group; runs once."""

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        settings: KafkaSettings,
        landing: Landing,
        office: DeadLetterOffice,
        watermarks: Watermarks,
        clock: Clock,
        *,
        rules: LandRules | None = None,
        registry: SchemaRegistry | None = None,
        recorder: Recorder | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """Must be called in the event loop that runs it. A topic prefix also marks the group."""
        self._rules = rules or LandRules()
        group = f"{settings.topic_prefix}{self._rules.group}"
        self._names = settings.names
        self._clock = clock
        self._recorder = recorder or NullRecorder()
        self._consumer: AIOKafkaConsumer = make_consumer(settings, group)
        self._intents = Intents(settings, group)
        self._tools = LandingTools(
            landing=landing,
            office=office,
            watermarks=watermarks,
            clock=clock,
            recorder=self._recorder,
            retry=self._rules.retry,
            registry=registry,
            buried_elsewhere=self._rules.buried_elsewhere,
            intents=self._intents,
            commit=self._commit,
            tracing=tracing or NullTracing(),
        )
        self._joining: set[Partition] = set()
        self._landers: dict[Partition, tuple[PartitionLander, asyncio.Task[None]]] = {}
        self._look_due = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Land until `stop` is set and `finish_s` is used, then finish the batches being inserted and leave the group.

        Raises:
            KafkaError: the broker refuses this consumer.
            ExceptionGroup: the tables refused rows for good, or a defect; nothing unlanded was committed.
        """
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._intents.start()
                await self._consumer.start()
                topics = [self._names.on_broker(topic) for topic in self._rules.topics]
                self._consumer.subscribe(topics, listener=_Listener(self))
                while not stop.is_set():
                    await self._turn()
                await self._finish()
                await self.release(list(self._landers))
        finally:
            await self._consumer.stop()
            await self._intents.stop()

    async def _finish(self) -> None:
        """Go on until nothing has been left to land for as long as it takes to hear of more."""
        now = began = settled = asyncio.get_running_loop().time()
        while now - began < self._rules.finish_s and now - settled < _SETTLED_S:
            await self._turn()
            now = asyncio.get_running_loop().time()
            if self._joining or any(lander.behind for lander, _ in self._landers.values()):
                settled = now

    async def _turn(self) -> None:
        if self._joining:
            await self._open()
        self._regulate()
        polled = await self._consumer.getmany(timeout_ms=int(self._rules.poll_s * 1000))
        for place, records in polled.items():
            # A partition that is being revoked has no lander any more; its next owner reads these again.
            if (held := self._landers.get(Partition(*place))) is not None:
                held[0].feed([Message.of(record) for record in records])
        now = asyncio.get_running_loop().time()
        if now >= self._look_due:
            self._look_due = now + self._rules.look_every_s
            await self._observe()
            self._measure()

    async def _open(self) -> None:
        """Learn where new partitions stand and start landing them; they are paused until then."""
        joining = frozenset(self._joining)
        try:
            standings = await self._intents.read(joining)
        except KafkaError as error:
            _log.warning("standing_unknown", error=repr(error))
            return
        opened = joining & self._joining
        self._joining -= opened
        self._intents.cover([*self._landers, *opened])
        for place in opened:
            standing = standings[place]
            cutter = Cutter(self._rules.cut, standing.position, standing.declared_last)
            lander = PartitionLander(place, self._names.bare(place.topic), cutter, self._tools)
            self._landers[place] = (lander, self._tasks.create_task(lander.run()))
            self._consumer.resume(TopicPartition(*place))

    def _regulate(self) -> None:
        paused = self._consumer.paused()
        for place, (lander, _) in self._landers.items():
            here = TopicPartition(*place)
            if lander.full and here not in paused:
                self._consumer.pause(here)
            elif not lander.full and here in paused:
                self._consumer.resume(here)

    async def _commit(self, place: Partition, offset: int) -> None:
        await self._consumer.commit({TopicPartition(*place): offset})

    async def _observe(self) -> None:
        """Show each lander its partition's last fetch response. Awaits nothing that waits for the broker for long."""
        try:
            async with asyncio.timeout(_OBSERVE_S):
                for place, (lander, _) in list(self._landers.items()):
                    await self._show(lander, TopicPartition(*place))
        except (IllegalStateError, TimeoutError, RetryableError) as error:
            _log.info("watermark_skipped", error=repr(error))

    async def _show(self, lander: PartitionLander, here: TopicPartition) -> None:
        position = await self._consumer.position(here)
        if here in self._consumer.assignment() and lander.place in self._landers:
            response = self._consumer.last_poll_timestamp(here)
            await lander.observe(response, readable_end(self._consumer, here), position)

    def _measure(self) -> None:
        lags = dict.fromkeys(self._rules.topics, 0)
        for place, (lander, _) in self._landers.items():
            lags[self._names.bare(place.topic)] += lander.behind
        for topic, lag in lags.items():
            self._recorder.gauge(CONSUMER_LAG, lag, stage="land", topic=topic)

    def assigned(self, partitions: Collection[Partition]) -> None:
        """Hold new partitions until it is known where they stand. For the rebalance listener."""
        self._consumer.pause(*(TopicPartition(*place) for place in partitions))
        self._joining.update(partitions)

    async def release(self, partitions: Iterable[Partition]) -> None:
        """Let partitions go; a batch being inserted has the grace to finish, else its successor repeats it."""
        self._joining.difference_update(partitions)
        leaving = [self._landers.pop(place) for place in partitions if place in self._landers]
        for lander, _ in leaving:
            lander.stop()
        tasks = [task for _, task in leaving]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._rules.grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka publishes no types
    def __init__(self, lander: Lander) -> None:
        self._lander = lander

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._lander.release([Partition(*place) for place in revoked])

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._lander.assigned([Partition(*place) for place in assigned])
