"""Where a landing batch is cut, example by example: by count, by size, by age, and where it was cut before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from streams.jobs.batches import Batch, CutRule, Cutter
from streams.messages import Message, Partition

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AGE = timedelta(seconds=1)
RULE = CutRule(max_messages=3, max_bytes=100, max_age=AGE)


def message(offset: int, size: int = 1, key: bytes | None = None) -> Message:
    return Message("alarms.raw", 2, offset, key, b"x" * size)


def holding(*messages: Message, position: int = 0, declared_last: int | None = None) -> Cutter:
    cutter = Cutter(RULE, position, declared_last)
    for one in messages:
        cutter.add(one, NOW)
    return cutter


def offsets(batch: Batch | None) -> list[int] | None:
    return None if batch is None else [one.offset for one in batch.messages]


def test_a_batch_is_cut_at_its_count() -> None:
    cutter = holding(*(message(offset) for offset in range(4)))
    assert offsets(cutter.cut(NOW, 4)) == [0, 1, 2]
    assert cutter.cut(NOW, 4) is None, "the rest is neither full nor old"
    assert (cutter.position, cutter.buffered) == (3, 1)


@pytest.mark.parametrize(
    ("sizes", "cut"), [((99,), None), ((100,), [0]), ((60, 39), None), ((60, 40), [0, 1])]
)
def test_a_batch_is_cut_at_its_size(sizes: tuple[int, ...], cut: list[int] | None) -> None:
    cutter = holding(*(message(offset, size) for offset, size in enumerate(sizes)))
    assert offsets(cutter.cut(NOW, len(sizes))) == cut


def test_a_key_counts_and_nothing_weighs_nothing() -> None:
    assert offsets(holding(message(0, 60, key=b"k" * 40)).cut(NOW, 1)) == [0]
    empty = Message("alarms.raw", 2, 0, None, None)
    assert holding(empty, empty).cut(NOW, 1) is None


def test_what_is_larger_than_a_batch_is_one_of_its_own() -> None:
    cutter = holding(message(0, 500), message(1, 500))
    assert offsets(cutter.cut(NOW, 2)) == [0]
    assert offsets(cutter.cut(NOW, 2)) == [1]


@pytest.mark.parametrize(
    ("after", "due"), [(timedelta(), False), (AGE / 2, False), (AGE, True), (2 * AGE, True)]
)
def test_a_batch_is_cut_at_the_age_of_its_first(after: timedelta, due: bool) -> None:
    cutter = holding(message(0))
    cutter.add(message(1), NOW + after)
    assert cutter.due_at == NOW + AGE
    assert offsets(cutter.cut(NOW + after, 2)) == ([0, 1] if due else None)
    assert cutter.due_at == (None if due else NOW + AGE)


def test_offsets_that_are_missing_are_covered() -> None:
    cutter = holding(message(5), message(9), position=2)
    batch = cutter.cut(NOW + AGE, 10)
    assert batch is not None
    assert (batch.first, batch.last, offsets(batch)) == (2, 9, [5, 9])
    assert batch.token("alarms.raw", 2) == "alarms.raw:2:2-9"
    assert cutter.position == 10


def test_what_lies_before_the_position_weighs_nothing() -> None:
    cutter = holding(message(1, 99), message(2, 99), position=3)
    assert (cutter.buffered, cutter.full, cutter.due_at) == (0, False, None)
    assert cutter.cut(NOW + 10 * AGE, 3) is None


@pytest.mark.parametrize(
    ("count", "size", "full"), [(5, 1, False), (6, 1, True), (3, 66, False), (2, 100, True)]
)
def test_twice_a_batch_is_enough_to_wait_for(count: int, size: int, full: bool) -> None:
    assert holding(*(message(offset, size) for offset in range(count))).full is full


def test_a_cut_makes_room() -> None:
    cutter = holding(message(0, 100), message(1, 100))
    assert cutter.full
    cutter.cut(NOW, 2)
    assert not cutter.full


def test_a_declared_batch_is_cut_where_it_was_however_full_or_old() -> None:
    cutter = holding(*(message(offset, 90) for offset in range(8)), declared_last=6)
    assert not cutter.full
    assert cutter.due_at is None
    batch = cutter.cut(NOW, 8)
    assert batch is not None
    assert (batch.first, batch.last, len(batch.messages)) == (0, 6, 7)
    assert cutter.full is False
    assert cutter.due_at == NOW + AGE, "from here on the rule holds"


@pytest.mark.parametrize(("read_up_to", "whole"), [(6, False), (7, True)])
def test_a_declared_batch_waits_until_it_is_read_whole(read_up_to: int, whole: bool) -> None:
    """Its last offset may be one that a compaction has taken."""
    cutter = holding(message(0), message(4), declared_last=6)
    assert offsets(cutter.cut(NOW + 10 * AGE, read_up_to)) == ([0, 4] if whole else None)


def test_what_was_declared_and_committed_is_over() -> None:
    cutter = holding(message(7), position=7, declared_last=6)
    assert offsets(cutter.cut(NOW + AGE, 8)) == [7]


def test_a_record_becomes_a_message_as_it_is() -> None:
    record = SimpleNamespace(
        topic="t",
        partition=1,
        offset=2,
        key=b"k",
        value=None,
        headers=[("h", b"v"), ("n", None)],
        timestamp=1_500,
    )
    taken = Message.of(record)
    assert taken == Message(
        "t", 1, 2, b"k", None, (("h", b"v"), ("n", None)), datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)
    )
    assert taken.place == Partition("t", 1)
    record.timestamp = -1
    assert Message.of(record).at == datetime(1970, 1, 1, tzinfo=UTC), "a producer need not stamp"


def test_a_declared_batch_may_be_a_single_message() -> None:
    assert offsets(holding(message(7), message(8), position=7, declared_last=7).cut(NOW, 9)) == [7]
