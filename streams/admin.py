"""Topics on the broker: made from the catalogue, compared with it, listed with offsets and each group's lag."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
    for_code,
)

from schemas.errors import ConfigurationError, UnavailableError
from schemas.topics import CATALOGUE, Topic
from streams.connecting import started
from streams.ends import ends_of
from streams.kafka import KafkaSettings, make_admin, make_consumer
from streams.messages import Partition

__all__ = ["Difference", "GroupOffset", "PartitionEnds", "TopicAdmin", "count_partitions", "open_admin"]

_TOPIC_EXISTS = 36
_UNKNOWN_TOPIC = 3
_ANSWER_S = 30.0
_RETRY_S = 0.2


@dataclass(frozen=True, slots=True)
class Difference:
    """A topic on the broker that is not as the catalogue has it."""

    topic: str
    setting: str
    wanted: str
    actual: str


@dataclass(frozen=True, slots=True)
class PartitionEnds:
    """The offsets that a partition holds: from `beginning` to before `end`. `topic` is the bare name."""

    topic: str
    partition: int
    beginning: int
    end: int


@dataclass(frozen=True, slots=True)
class GroupOffset:
    """How far a group is in a partition; `committed` None where it never committed."""

    group: str
    topic: str
    partition: int
    committed: int | None
    lag: int


class TopicAdmin:
    """Everything asked of the broker about topics. `open_admin` makes and closes it.

    Topics are given and told by bare names. Every method raises UnavailableError when the broker does not answer.
    """

    def __init__(
        self, client: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, settings: KafkaSettings
    ) -> None:
        self._client = client
        self._consumer = consumer
        self._names = settings.names

    async def ensure(
        self, topics: Iterable[Topic] = tuple(CATALOGUE.values()), *, replication: int = 1
    ) -> tuple[Difference, ...]:
        """Create what is missing, change nothing that exists, and tell what differs from the catalogue.

        Raises:
            ConfigurationError: the broker refuses to create a topic.
        """
        wanted = tuple(topics)
        new = [
            NewTopic(
                self._names.on_broker(topic.name),
                topic.partitions,
                replication,
                topic_configs=dict(topic.config),
            )
            for topic in wanted
        ]
        with _translated():
            answer = await self._client.create_topics(new)
            for name, code, *message in answer.topic_errors:
                if code not in {0, _TOPIC_EXISTS}:
                    raise ConfigurationError(
                        f"the broker refuses topic {name}: {for_code(code).__name__} {message}"
                    )
            await self._until_known([topic.name for topic in wanted])
            return await self._differences(wanted)

    async def ends(self, topics: Collection[str] = tuple(CATALOGUE)) -> tuple[PartitionEnds, ...]:
        """Return every partition of these topics that exists, in order."""
        with _translated():
            places = [
                place
                for topic, count in (await self._partitions(topics)).items()
                for place in _all(topic, count)
            ]
            if not places:
                return ()
            beginnings = await self._consumer.beginning_offsets(places)
            ends = await ends_of(self._consumer, places, _ANSWER_S)
        return tuple(
            PartitionEnds(self._names.bare(at.topic), at.partition, beginnings[at], ends[at])
            for at in sorted(places)
        )

    async def groups(self) -> tuple[str, ...]:
        """Return the names of all consumer groups."""
        with _translated():
            return tuple(sorted(name for name, *_ in await self._client.list_consumer_groups()))

    async def lag(self, group: str, topics: Collection[str] = tuple(CATALOGUE)) -> tuple[GroupOffset, ...]:
        """Return how far the group is; an uncommitted partition lags by all that it holds."""
        ends = await self.ends(topics)
        if not ends:
            return ()
        places = [TopicPartition(self._names.on_broker(one.topic), one.partition) for one in ends]
        with _translated():
            offsets = await self._group_offsets(group, places)
        return tuple(
            _group_offset(group, one, offsets[place].offset) for one, place in zip(ends, places, strict=True)
        )

    async def delete(self, topics: Collection[str]) -> None:
        """Delete topics with all that they hold; one that does not exist is passed over."""
        with _translated():
            answer = await self._client.delete_topics([self._names.on_broker(topic) for topic in topics])
            for _, code in answer.topic_error_codes:
                if code not in {0, _UNKNOWN_TOPIC}:
                    raise for_code(code)

    async def _until_known(self, topics: Collection[str]) -> None:
        """A broker of a cluster may hear of a topic after another has created it."""
        async with asyncio.timeout(_ANSWER_S):
            while True:
                if len(await self._partitions(topics)) == len(topics):
                    return
                await asyncio.sleep(_RETRY_S)

    async def _partitions(self, topics: Collection[str]) -> Mapping[str, int]:
        return await count_partitions(self._client, [self._names.on_broker(topic) for topic in topics])

    async def _group_offsets(
        self, group: str, places: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, Any]:
        """A broker that is asked about a group for the first time makes its offsets topic first, which takes a while."""
        async with asyncio.timeout(_ANSWER_S):
            while True:
                try:
                    return dict(
                        await self._client.list_consumer_group_offsets(group, partitions=list(places))
                    )
                except (
                    GroupCoordinatorNotAvailableError,
                    GroupLoadInProgressError,
                    NotCoordinatorForGroupError,
                ):
                    await asyncio.sleep(_RETRY_S)

    async def _differences(self, wanted: Sequence[Topic]) -> tuple[Difference, ...]:
        names = {self._names.on_broker(topic.name): topic for topic in wanted}
        counts = await self._partitions([topic.name for topic in wanted])
        configs = await self._configs(names)
        found = []
        for name, topic in names.items():
            actual = {**configs.get(name, {}), "partitions": str(counts.get(name, 0))}
            expected = {**topic.config, "partitions": str(topic.partitions)}
            found += [
                Difference(topic.name, setting, value, actual[setting])
                for setting, value in expected.items()
                if setting in actual and actual[setting] != value
            ]
        return tuple(found)

    async def _configs(self, names: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        answers: Any = await self._client.describe_configs(resources)
        return {
            name: {entry[0]: entry[1] for entry in entries}
            for answer in answers
            for _, _, _, name, entries in answer.resources
        }


async def count_partitions(client: AIOKafkaAdminClient, names: Collection[str]) -> Mapping[str, int]:
    """Return how many partitions the topics have, by their names on the broker, without those that do not exist.

    Asking about a topic that does not exist would create it on a broker that creates topics by itself.

    Raises:
        KafkaError: the broker does not answer.
    """
    existing = await client.list_topics()
    asked = [name for name in names if name in existing]
    described = await client.describe_topics(asked) if asked else []
    return {one["topic"]: len(one["partitions"]) for one in described if not one["error_code"]}


@asynccontextmanager
async def open_admin(settings: KafkaSettings) -> AsyncIterator[TopicAdmin]:
    """Connect, and close at the end. Raises like `started`: ConfigurationError, UnavailableError."""
    client, consumer = make_admin(settings), make_consumer(settings, None)
    try:
        await started(client, settings)
        await started(consumer, settings)
        yield TopicAdmin(client, consumer, settings)
    finally:
        await consumer.stop()
        await client.close()


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the client library's errors into ours."""
    try:
        yield
    except (KafkaError, TimeoutError) as error:
        raise UnavailableError(repr(error), cure="Is the broker up? `tocsin doctor` tells.") from error


def _all(topic: str, count: int) -> list[Partition]:
    return [TopicPartition(topic, number) for number in range(count)]


def _group_offset(group: str, ends: PartitionEnds, committed: int) -> GroupOffset:
    """The broker says -1 where a group never committed."""
    known = committed if committed >= 0 else None
    behind = ends.end - (ends.beginning if known is None else max(known, ends.beginning))
    return GroupOffset(group, ends.topic, ends.partition, known, max(0, behind))
