"""The detect consumer: reads kpis.raw in batches, publishes alarms, then commits.

A new partition is held until its state is rebuilt. Alarms are acknowledged before their batch is committed, and carry
ids that follow from the data, so a batch that is handled again names the same alarms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from schemas.errors import InvalidEventError, RetryableError
from schemas.events import AlarmRaw, AlarmStatus, KpiBatch
from schemas.metrics import (
    BATCH_ROWS,
    CONSUMER_LAG,
    DETECTED_ALARMS,
    DETECTOR_SERIES,
    KPI_SAMPLES,
    MESSAGES,
    STAGE_SECONDS,
    NullRecorder,
    Recorder,
)
from schemas.registry import SchemaRegistry
from streams.detect.detector import Detector
from streams.detect.frames import Frame
from streams.detect.rebuild import reread
from streams.detect.settings import DetectRules
from streams.detect.wire import FrameDecoder
from streams.ends import readable_end
from streams.jobs.attempts import RetryPolicy
from streams.kafka import KafkaSettings, make_consumer
from streams.messages import Message, Partition
from streams.ports import Clock, DeadLetterOffice, Publisher

__all__ = ["STAGE", "DetectConsumer"]

_log = structlog.get_logger(__name__)

_T = TypeVar("_T")

STAGE = "detect"
_LOOK_S = 1.0
_SLICE = 20


@dataclass(slots=True)
class _Progress:
    """Of one live partition: the offsets after the last message handled, and as committed by us."""

    handled: int | None = None
    committed: int | None = None
    answered: object = None
    """Changes with each fetch response."""


class DetectConsumer:
    """One member of the detect group; runs once."""

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        settings: KafkaSettings,
        rules: DetectRules,
        publisher: Publisher,
        office: DeadLetterOffice,
        clock: Clock,
        *,
        recorder: Recorder | None = None,
        registry: SchemaRegistry | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        """Must be called in the event loop that runs it."""
        self._settings = settings
        self._rules = rules
        self._publisher = publisher
        self._office = office
        self._clock = clock
        self._recorder = recorder or NullRecorder()
        self._retry = retry or RetryPolicy()
        self._topic = settings.names.on_broker(KpiBatch.TOPIC)
        self._consumer: AIOKafkaConsumer = make_consumer(settings, f"{settings.topic_prefix}{rules.group}")
        self._decoder = FrameDecoder(registry, max_series=2 * rules.max_series)
        self._detector = Detector(rules)
        self._rebuilding: dict[Partition, asyncio.Task[None]] = {}
        self._live: dict[Partition, _Progress] = {}
        self._look_due = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Detect until `stop` is set, then commit and leave the group.

        Raises:
            KafkaError: the broker refuses this consumer.
            TerminalError: the broker refuses our alarms for good; nothing unpublished was committed.
        """
        try:
            await self._consumer.start()
            self._consumer.subscribe([self._topic], listener=_Listener(self))
            while not stop.is_set():
                await self._turn(stop)
            await self.release([*self._live, *self._rebuilding])
        finally:
            for task in self._rebuilding.values():
                task.cancel()
            await self._consumer.stop()

    async def _turn(self, stop: asyncio.Event) -> None:
        for task in self._rebuilding.values():
            if task.done():
                task.result()
        polled = await self._consumer.getmany(
            timeout_ms=int(self._rules.poll_s * 1000), max_records=self._rules.max_messages
        )
        for here, records in polled.items():
            place = Partition(*here)
            if place in self._live:
                await self._handle(place, [Message.of(record) for record in records], stop)
        now = asyncio.get_running_loop().time()
        if now >= self._look_due:
            self._look_due = now + _LOOK_S
            await self._commit(list(self._live))
            await self._let_time_pass(stop)
            self._measure()

    async def _handle(self, place: Partition, messages: Sequence[Message], stop: asyncio.Event) -> None:
        began = asyncio.get_running_loop().time()
        alarms: list[AlarmRaw] = []
        samples = 0
        for start in range(0, len(messages), _SLICE):
            frames = await self._frames(messages[start : start + _SLICE], stop)
            if stop.is_set() or place not in self._live:
                return
            alarms += self._detector.apply_all(place.partition, frames, self._now_ms())
            samples += sum(frame.samples for frame in frames)
            await asyncio.sleep(0)
        await self._publish(alarms, stop)
        if stop.is_set() or place not in self._live:
            return
        self._live[place].handled = messages[-1].offset + 1
        self._recorder.count(KPI_SAMPLES, samples)
        self._recorder.count(MESSAGES, len(messages), stage=STAGE, outcome="done")
        self._recorder.observe(BATCH_ROWS, len(messages), stage=STAGE)
        self._recorder.observe(STAGE_SECONDS, asyncio.get_running_loop().time() - began, stage=STAGE)

    async def _frames(self, messages: Sequence[Message], stop: asyncio.Event) -> list[Frame]:
        """Decode and bury what cannot be; not all of them when told to stop while the schema registry is away."""
        frames: list[Frame] = []
        for message in messages:
            try:
                frame = await self._persist(partial(self._decoder.decode, message.value), stop)
            except InvalidEventError as error:
                await self._bury(message, error, stop)
            else:
                frames += [] if frame is None else [frame]
        return frames

    async def _publish(self, alarms: Sequence[AlarmRaw], stop: asyncio.Event) -> None:
        if not alarms:
            return
        await self._persist(lambda: self._publisher.publish_all(alarms), stop)
        for alarm in alarms:
            if alarm.status is AlarmStatus.FIRING:
                self._recorder.count(DETECTED_ALARMS, detector=alarm.name)

    async def _bury(self, message: Message, error: InvalidEventError, stop: asyncio.Event) -> None:
        self._recorder.count(MESSAGES, stage=STAGE, outcome="rejected")
        reason, detail = error.reason, str(error)
        await self._persist(
            lambda: self._office.bury(message, stage=STAGE, reason=reason, detail=detail), stop
        )

    async def _persist(self, step: Callable[[], Awaitable[_T]], stop: asyncio.Event) -> _T | None:
        """Repeat a step until it succeeds, and return what it does, or the worker stops; nothing is committed before."""
        failures = 0
        while not stop.is_set():
            try:
                return await step()
            except RetryableError as error:
                failures += 1
                wait_s = self._retry.wait_s(failures)
                _log.warning("detect_retry", error=repr(error), wait_s=wait_s)
                await self._clock.sleep(wait_s)
        return None

    async def _commit(self, places: Iterable[Partition]) -> None:
        progress = {place: self._live[place] for place in places if place in self._live}
        offsets = {
            place: one.handled
            for place, one in progress.items()
            if one.handled is not None and one.handled != one.committed
        }
        if not offsets:
            return
        try:
            await self._consumer.commit({TopicPartition(*place): offset for place, offset in offsets.items()})
        except (CommitFailedError, IllegalStateError, KafkaError) as error:
            _log.warning("commit_failed", stage=STAGE, error=repr(error))
            return
        for place, offset in offsets.items():
            progress[place].committed = offset

    async def _let_time_pass(self, stop: asyncio.Event) -> None:
        """A partition read to its end just now, and silent, still ages."""
        now_ms = self._now_ms()
        for place in list(self._live):
            here = TopicPartition(*place)
            if here not in self._consumer.assignment():
                continue
            progress, answered = self._live[place], self._consumer.last_poll_timestamp(here)
            answers, progress.answered = answered != progress.answered, answered
            caught_up = readable_end(self._consumer, here) == await self._consumer.position(here)
            if answers and caught_up and place in self._live:
                await self._publish(self._detector.idle(place.partition, now_ms), stop)

    def _measure(self) -> None:
        self._recorder.gauge(DETECTOR_SERIES, self._detector.series)
        lag = 0
        for place, progress in self._live.items():
            end = readable_end(self._consumer, TopicPartition(*place))
            if end is not None and progress.handled is not None:
                lag += max(0, end - progress.handled)
        self._recorder.gauge(CONSUMER_LAG, lag, stage=STAGE, topic=KpiBatch.TOPIC)

    def _now_ms(self) -> int:
        return round(self._clock.now().timestamp() * 1000)

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Hold new partitions until their state is rebuilt. For the rebalance listener."""
        for place in partitions:
            self._consumer.pause(TopicPartition(*place))
            self._rebuilding[place] = asyncio.create_task(self._rebuild(place))

    async def _rebuild(self, place: Partition) -> None:
        failures = 0
        while True:
            self._detector.drop(place.partition)
            try:
                await self._read_back(place)
            except (KafkaError, RetryableError) as error:
                failures += 1
                _log.warning("rebuild_retry", partition=place.partition, error=repr(error))
                await self._clock.sleep(self._retry.wait_s(failures))
            else:
                break
        self._rebuilding.pop(place, None)
        self._live[place] = _Progress()
        self._consumer.resume(TopicPartition(*place))

    async def _read_back(self, place: Partition) -> None:
        committed = await self._consumer.committed(TopicPartition(*place))
        if committed is None or self._rules.rebuild_s <= 0:
            return
        window = timedelta(seconds=self._rules.rebuild_s)
        await reread(
            self._settings,
            place,
            committed,
            now=self._clock.now(),
            window=window,
            take=lambda message: self._take_back(place, message),
        )
        _log.info("detect_rebuilt", partition=place.partition, series=self._detector.series)

    async def _take_back(self, place: Partition, message: Message) -> None:
        """What it brings about was published, or buried, before it was committed."""
        try:
            frame = await self._decoder.decode(message.value)
        except InvalidEventError:
            return
        self._detector.apply_all(place.partition, [frame], self._now_ms())

    async def release(self, partitions: Iterable[Partition]) -> None:
        """Let partitions go: commit what is handled, forget their state. For the rebalance listener."""
        places = list(partitions)
        await self._commit(places)
        for place in places:
            task = self._rebuilding.pop(place, None)
            if task is not None:
                task.cancel()
            self._live.pop(place, None)
            self._detector.drop(place.partition)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka publishes no types
    def __init__(self, consumer: DetectConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        await self._consumer.release([Partition(*place) for place in revoked])

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        self._consumer.assigned([Partition(*place) for place in assigned])
