"""Partitions that land beside one another: who decodes, who waits, for what."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest

from infra.runtime.clock import SystemClock
from schemas.codec import encode
from schemas.errors import UnknownSchemaError
from schemas.events import Event
from schemas.metrics import NullRecorder
from schemas.registry import RegisteredSchema, SchemaRegistry, builtin_registry
from streams.jobs.attempts import RetryPolicy
from streams.jobs.batches import CutRule, Cutter
from streams.jobs.partition_lander import LandingTools, PartitionLander
from streams.messages import LandedMessage, Message, Partition
from tests.fakes.events import alarm
from tests.fakes.full_events import change
from tests.integration.streams.jobs.parts import Buried

_EACH = 500


class _Log(Mapping[int, RegisteredSchema]):
    """The built-in schemas by id, that notes the topic of each one asked for: what was decoded, in order."""

    def __init__(self, missing: frozenset[str] = frozenset()) -> None:
        self._of_id = {
            number: one for number, one in builtin_registry().by_id.items() if one.topic not in missing
        }
        self.topics: list[str] = []

    def __getitem__(self, schema_id: int) -> RegisteredSchema:
        self.topics.append(self._of_id[schema_id].topic)
        return self._of_id[schema_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._of_id)

    def __len__(self) -> int:
        return len(self._of_id)


@dataclass
class _Registry:
    """A registry outside that answers only when it is let."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)
    has: dict[int, RegisteredSchema] = field(default_factory=dict)

    def known(self, schema_id: int) -> RegisteredSchema | None:
        return self.has.get(schema_id)

    async def learn(self, schema_id: int) -> None:
        await self.answers.wait()
        if (found := builtin_registry().by_id.get(schema_id)) is None:
            raise UnknownSchemaError(schema_id)
        self.has[schema_id] = found


@dataclass
class _Tables:
    landed: dict[str, int] = field(default_factory=dict)

    async def insert(self, topic: str, messages: Sequence[LandedMessage], token: str) -> None:
        assert token.startswith(topic)
        await asyncio.sleep(0)
        self.landed[topic] = len(messages)


class _Marks:
    async def advance(self, topic: str, partition: int, caught_up_to: datetime) -> None: ...


class _Intents:
    async def declare(self, partition: Partition, last: int) -> None: ...


async def _commit(place: Partition, offset: int) -> None:
    await asyncio.sleep(0)
    assert (place.partition, offset >= 0) == (0, True)


def _tools(registry: SchemaRegistry, tables: _Tables, office: Buried) -> LandingTools:
    return LandingTools(
        landing=tables,
        office=office,
        watermarks=_Marks(),
        clock=SystemClock(),
        recorder=NullRecorder(),
        retry=RetryPolicy(first_s=0.01, cap_s=0.01),
        registry=registry,
        buried_elsewhere=frozenset(),
        intents=_Intents(),  # type: ignore[arg-type]  # declares nothing
        commit=_commit,
    )


def _lander(tools: LandingTools, event: Event, *broken: bytes) -> PartitionLander:
    topic = event.TOPIC
    values = [*broken, *[encode(event)] * (_EACH - len(broken))]
    rule = CutRule(max_messages=_EACH, max_age=timedelta(minutes=5))
    lander = PartitionLander(Partition(topic, 0), topic, Cutter(rule, 0), tools)
    at = datetime.now(UTC)
    lander.feed([Message(topic, 0, offset, None, value, (), at) for offset, value in enumerate(values)])
    return lander


async def _land(tables: _Tables, landers: Sequence[PartitionLander], topics: int) -> None:
    tasks = [asyncio.create_task(one.run()) for one in landers]
    async with asyncio.timeout(60):
        while len(tables.landed) < topics:  # noqa: ASYNC110 - the fake has no event to wait for
            await asyncio.sleep(0.005)
    for one in landers:
        one.stop()
    for task in tasks[: len(landers)]:
        if not task.done():
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_partitions_decode_one_after_another() -> None:
    log, tables = _Log(), _Tables()
    tools = _tools(SchemaRegistry(log, builtin_registry().current), tables, Buried())

    await _land(tables, [_lander(tools, alarm()), _lander(tools, change("acme"))], 2)

    runs = [topic for topic, _ in groupby(log.topics)]
    # In between, one message of the second topic is read to learn its schema.
    assert runs == ["alarms.raw", "changes.raw", "alarms.raw", "changes.raw"]


@pytest.mark.parametrize("known_later", [True, False])
async def test_a_registry_that_does_not_answer_holds_up_its_own_topic_only(*, known_later: bool) -> None:
    source, tables, office = _Registry(), _Tables(), Buried()
    by_id = _Log(frozenset({"changes.raw"}))
    tools = _tools(SchemaRegistry(by_id, builtin_registry().current, source), tables, office)
    odd = b"\x00\x7f\xff\xff\xffx"
    landers = [_lander(tools, change("acme"), odd), _lander(tools, alarm())]

    tasks = [
        asyncio.create_task(_land(tables, [landers[0]], 2)),
        asyncio.create_task(_land(tables, [landers[1]], 1)),
    ]
    await tasks[1]
    assert tables.landed == {"alarms.raw": _EACH}
    if known_later:
        source.answers.set()
        await tasks[0]
        assert tables.landed["changes.raw"] == _EACH - 1
        assert [(letter[0].offset, letter[2]) for letter in office.letters] == [(0, "unknown_schema")]
    else:
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_cannot_be_decoded_is_buried_in_order() -> None:
    tables, office = _Tables(), Buried()
    tools = _tools(builtin_registry(), tables, office)

    await _land(tables, [_lander(tools, change("acme"), b"", b"\x01", b"\x00\x00")], 1)

    assert [letter[0].offset for letter in office.letters] == [0, 1, 2]
    assert tables.landed == {"changes.raw": _EACH - 3}
