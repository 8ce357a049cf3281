"""A table of triage: what is written, what is sent to the changelog, what is taken back from it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest
from faust.types import TP

from schemas.errors import IntegrityError
from streams.tables import StateTable


class _Producer:
    """Takes what Faust's producer would send; `answer` is the acknowledgement."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bytes | None, int]] = []
        self.refusal: Exception | None = None

    async def send(
        self, topic: str, key: bytes, value: bytes | None, partition: int, *, timestamp: None, headers: None
    ) -> asyncio.Future[None]:
        assert timestamp is headers is None
        self.sent.append((topic, key, value, partition))
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.refusal is None:
            acknowledged.set_result(None)
        else:
            acknowledged.set_exception(self.refusal)
        return acknowledged


@pytest.fixture
async def producer() -> _Producer:
    return _Producer()


@pytest.fixture
async def table(producer: _Producer) -> StateTable:
    app = faust.App("t", store="memory://", autodiscover=False, web_enabled=False, Table=StateTable)
    app._producer = cast("Any", producer)
    table = app.Table("state", partitions=4, key_type=bytes, value_type=bytes)
    assert isinstance(table, StateTable)
    return table


async def test_what_is_written_is_read_at_once_and_sent_when_settled(
    table: StateTable, producer: _Producer
) -> None:
    table.write(2, {b"a": b"1", b"b": b"2"})
    assert (table.read(b"a"), table.read(b"b"), table.read(b"c")) == (b"1", b"2", None)
    assert producer.sent == []
    await table.settle()
    topic = table.changelog_topic.get_topic_name()
    assert producer.sent == [(topic, b"a", b"1", 2), (topic, b"b", b"2", 2)]
    await table.settle()
    assert len(producer.sent) == 2, "each change is sent once"


async def test_a_deletion_is_a_tombstone_where_there_was_something(
    table: StateTable, producer: _Producer
) -> None:
    table.write(1, {b"a": b"1"})
    table.write(1, {b"a": None, b"never": None})
    await table.settle()
    assert [(key, value) for _, key, value, _ in producer.sent] == [(b"a", b"1"), (b"a", None)]
    assert table.read(b"a") is None
    assert list(table.entries()) == []


async def test_a_refused_change_fails_the_batch(table: StateTable, producer: _Producer) -> None:
    producer.refusal = OSError("no leader")
    table.write(0, {b"a": b"1"})
    with pytest.raises(OSError, match="no leader"):
        await table.settle()


async def test_it_cannot_be_written_like_a_dict(table: StateTable) -> None:
    with pytest.raises(IntegrityError, match="outside of write"):
        table[b"a"] = b"1"


def _change(partition: int, key: bytes, value: bytes | None) -> Any:
    message = SimpleNamespace(partition=partition, value=value, tp=TP("c", partition), offset=0)
    return SimpleNamespace(key=key, value=value, message=message)


async def test_the_last_word_of_the_changelog_counts(table: StateTable) -> None:
    table.apply_changelog_batch([_change(0, b"a", b"1"), _change(0, b"b", b"1"), _change(0, b"a", None)])
    table.apply_changelog_batch([_change(3, b"b", b"2")])
    assert list(table.entries()) == [(3, b"b", b"2")]


async def test_partitions_that_went_elsewhere_are_forgotten(table: StateTable) -> None:
    table.write(0, {b"a": b"1"})
    table.write(1, {b"b": b"1"})
    await table.on_recovery_completed({TP("c", 1)}, set())
    assert list(table.entries()) == [(1, b"b", b"1")]
    assert table.read(b"a") is None
    assert table.active == {1}
