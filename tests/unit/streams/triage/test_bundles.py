from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from faust.types import TP
from faust.types.tuples import ConsumerMessage
from hypothesis import given
from hypothesis import strategies as st

from streams.faust_transport import Bundle
from streams.noack_batches import Batches, messages_of

PLACE = TP("x.alarms.raw", 2)


def _record(offset: int, value: bytes | None = b"{}", at: float | None = 1_767_225_600.25) -> ConsumerMessage:
    headers: Any = (("traceparent", b"00-1"), ("ce_id", None))
    return ConsumerMessage(
        PLACE.topic,
        PLACE.partition,
        offset,
        cast("float", at),
        0,
        headers,
        b"key",
        value,
        None,
        tp=PLACE,
        generation_id=7,
    )


class _Consumer:
    """Writes down what is acknowledged."""

    def __init__(self) -> None:
        self.acked: list[ConsumerMessage] = []

    def ack(self, message: ConsumerMessage) -> bool:
        self.acked.append(message)
        return True


def test_a_bundle_is_acknowledged_as_its_last_message() -> None:
    bundle, consumer = Bundle([_record(4), _record(5), _record(9)]), _Consumer()
    assert (bundle.tp, bundle.offset, bundle.generation_id) == (PLACE, 9, 7)
    bundle.incref(1)
    bundle.ack(cast("Any", consumer))
    assert consumer.acked == [bundle]


def test_nothing_in_it_is_for_faust_to_decode() -> None:
    bundle = Bundle([_record(4)])
    assert (bundle.key, bundle.value, bundle.headers) == (None, None, None)


def test_a_message_comes_out_as_it_was() -> None:
    (message,) = messages_of(SimpleNamespace(message=Bundle([_record(4, b"\x00\xff")])))
    assert (message.topic, message.partition, message.offset) == ("x.alarms.raw", 2, 4)
    assert (message.key, message.value) == (b"key", b"\x00\xff")
    assert message.headers == (("traceparent", b"00-1"), ("ce_id", None))
    assert message.at == datetime(2026, 1, 1, 0, 0, 0, 250_000, UTC)


def test_a_message_may_be_empty_and_without_a_time() -> None:
    (message,) = messages_of(SimpleNamespace(message=Bundle([_record(4, None, None)])))
    assert message.value is None
    assert message.at == datetime(1970, 1, 1, tzinfo=UTC)


@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=50, unique=True).map(sorted))
def test_all_of_them_come_out_in_order(offsets: list[int]) -> None:
    bundle = Bundle([_record(offset) for offset in offsets])
    assert [one.offset for one in messages_of(SimpleNamespace(message=bundle))] == offsets
    assert bundle.offset == offsets[-1]


def _event(offset: int, length: int) -> SimpleNamespace:
    return SimpleNamespace(message=Bundle([_record(offset + number) for number in range(length)]))


@given(st.lists(st.integers(1, 12), max_size=30))
def test_bundles_make_batches_of_a_bounded_size_in_order(lengths: list[int]) -> None:
    events = [_event(sum(lengths[:place]), length) for place, length in enumerate(lengths)]
    batches = list(Batches("intake", size=10, within_s=1).cut(events))
    assert [event for batch in batches for event in batch] == events
    sizes = [sum(len(event.message.messages) for event in batch) for batch in batches]
    assert all(size <= 10 or len(batch) == 1 for size, batch in zip(sizes, batches, strict=True))
    together = [one + len(after[0].message.messages) for one, after in zip(sizes, batches[1:], strict=False)]
    assert all(size > 10 for size in together), "a batch ends only where the next bundle has no room"
