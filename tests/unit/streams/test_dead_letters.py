from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from schemas.codec import decode_as, encode
from schemas.errors import TerminalError, UnavailableError
from schemas.events import DeadLetter, Event
from schemas.metrics import Metric
from schemas.topics import TopicNames
from streams.dead_letters import RETRIES_HEADER, DeadLetters, retries_of
from streams.messages import Message

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    def now(self) -> datetime:
        return NOW

    async def sleep(self, seconds: float) -> None:
        pass


@dataclass
class Publisher:
    """Refuses events above a size for good; `away` refuses all for now."""

    largest: int = 10_000
    away: bool = False
    events: list[DeadLetter] = field(default_factory=list)

    async def publish(self, event: Event, *, traceparent: str = "") -> None:
        if self.away:
            raise UnavailableError("no broker")
        if len(encode(event)) > self.largest:
            raise TerminalError("too large")
        assert isinstance(event, DeadLetter)
        self.events.append(event)

    async def publish_all(self, events: Sequence[Event], *, traceparent: str | Sequence[str] = "") -> None:
        for event in events:
            await self.publish(event)


@dataclass
class Counts:
    counted: list[dict[str, str]] = field(default_factory=list)

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        self.counted.append(labels)

    def gauge(self, metric: Metric, value: float, **labels: str) -> None: ...

    def observe(self, metric: Metric, value: float, **labels: str) -> None: ...


def _message(
    topic: str = "p.alarms.raw",
    key: bytes | None = b"acme|f1",
    value: bytes | None = b"\xff",
    headers: tuple[tuple[str, bytes | None], ...] = (),
) -> Message:
    return Message(topic, 2, 7, key, value, headers, NOW)


async def _buried(message: Message, publisher: Publisher | None = None, detail: str = "d") -> DeadLetter:
    publisher = publisher or Publisher()
    office = DeadLetters(publisher, TopicNames("p."), Clock())
    await office.bury(message, stage="intake", reason="avro_decode", detail=detail)
    return publisher.events[-1]


async def test_bytes_survive_the_wire() -> None:
    letter = await _buried(_message(value=bytes(range(256))))
    again = decode_as(DeadLetter, encode(letter))
    assert again == letter
    assert again.message_value == bytes(range(256))
    assert again.source_topic == "alarms.raw"


@pytest.mark.parametrize(
    ("topic", "key", "tenant"),
    [
        ("p.alarms.raw", b"acme|f1", "acme"),
        ("p.incidents", b"acme", "acme"),
        ("p.alarms.raw", None, "unknown"),
        ("p.alarms.raw", b"|f1", "unknown"),
        ("p.alarms.raw", b"x" * 300, "unknown"),
        ("p.evidence", b"inv_1", "unknown"),
        ("p.elsewhere", b"acme|f1", "unknown"),
    ],
)
async def test_the_tenant_is_taken_from_keys_that_begin_with_one(
    topic: str, key: bytes | None, tenant: str
) -> None:
    assert (await _buried(_message(topic, key))).tenant == tenant


async def test_the_same_message_has_the_same_letter_per_stage() -> None:
    publisher, names = Publisher(), TopicNames("p.")
    office = DeadLetters(publisher, names, Clock())
    for stage in ("intake", "intake", "land"):
        await office.bury(_message(), stage=stage, reason="r", detail="")
    first, again, other = (event.event_id for event in publisher.events)
    assert first == again != other


async def test_what_the_broker_will_not_take_is_kept_without_its_value() -> None:
    letter = await _buried(_message(value=b"x" * 20_000, headers=(("h", b"v"),)))
    assert letter.message_value is None
    assert letter.message_key == b"acme|f1"
    assert letter.detail.startswith("[20000 bytes of value left out")
    assert letter.reason == "avro_decode"


async def test_a_broker_that_is_away_is_the_callers_to_wait_for() -> None:
    with pytest.raises(UnavailableError):
        await _buried(_message(), Publisher(away=True))


async def test_a_long_detail_is_cut() -> None:
    assert len((await _buried(_message(), detail="x" * 100_000)).detail) == 4_000


async def test_letters_are_counted_by_stage_and_reason() -> None:
    counts = Counts()
    office = DeadLetters(Publisher(), TopicNames("p."), Clock(), counts)
    await office.bury(_message(), stage="intake", reason="bad_magic", detail="")
    assert counts.counted == [{"stage": "intake", "reason": "bad_magic"}]


@pytest.mark.parametrize(
    ("value", "retries"), [(b"3", 3), (b"", 0), (None, 0), (b"-1", 0), (b"many", 0), (b"9" * 5000, 999_999)]
)
def test_retries_are_read_from_the_header(value: bytes | None, retries: int) -> None:
    assert retries_of(_message(headers=((RETRIES_HEADER, value),))) == retries
    assert retries_of(_message()) == 0
