"""The way of an alarm through the real broker: from alarms.raw to a request, and to the dead letters."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaProducer

from schemas.codec import encode
from schemas.envelope import read_envelope
from schemas.events import (
    AlarmChanged,
    AlarmRaw,
    AlarmStatus,
    DeadLetter,
    Incident,
    IncidentTransition,
    InvestigationRequested,
    RequestKind,
)
from streams.kafka import make_producer
from tests.fakes.events import alarm
from tests.integration.streams.triage.conftest import Stack

pytestmark = pytest.mark.broker

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_an_alarm_becomes_a_request_and_its_clear_takes_it_back(stack: Stack) -> None:
    began = datetime.now(UTC)
    cart = alarm(started_at=began, occurred_at=began)
    cleared = alarm(started_at=began, occurred_at=began, status=AlarmStatus.CLEARED)
    async with stack.triage() as running:
        await stack.producer.publish(cart, traceparent=TRACE)
        await stack.reader.until(lambda: len(stack.reader.of(InvestigationRequested)) == 1, alive=running)
        await stack.producer.publish(cleared, traceparent=TRACE)
        await stack.reader.until(lambda: len(stack.reader.of(InvestigationRequested)) == 2, alive=running)
    asked, cancel = stack.reader.of(InvestigationRequested)
    assert (asked.kind, cancel.kind) == (RequestKind.TRIGGER, RequestKind.CANCEL)
    assert asked.investigation_id == cancel.investigation_id
    assert [one.transition for one in stack.reader.of(Incident)] == [
        IncidentTransition.OPENED,
        IncidentTransition.CLEARED,
    ]
    assert {read_envelope(one.headers).traceparent for one in stack.reader.messages} == {TRACE}
    keys = {
        type(event): message.key
        for event, message in zip(stack.reader.events, stack.reader.messages, strict=True)
    }
    assert keys[AlarmChanged] == b"acme"
    assert keys[InvestigationRequested] == f"acme|{asked.incident.incident_id}".encode()


def _malformed(good: AlarmRaw, number: int) -> tuple[str, bytes | None]:
    """A reason, and bytes that are refused for it."""
    data = encode(good)
    future = good.occurred_at + timedelta(hours=2)
    late = alarm(good.name, occurred_at=future, started_at=good.started_at)
    old = alarm(good.name, occurred_at=good.occurred_at - timedelta(days=30), started_at=good.started_at)
    kinds: list[tuple[str, bytes | None]] = [
        ("empty", None),
        ("empty", b""),
        ("bad_magic", b"{" + data[1:]),
        ("truncated", data[:3]),
        ("unknown_schema", data[:1] + b"\x7f\xff\xff\xff" + data[5:]),
        ("avro_decode", data[: len(data) // 2]),
        ("trailing_bytes", data + b"!"),
        ("wrong_topic", encode(_decision(good))),
        ("in_future", encode(late)),
        ("too_old", encode(old)),
    ]
    return kinds[number % len(kinds)]


def _decision(good: AlarmRaw) -> AlarmChanged:
    return AlarmChanged.model_validate(
        {
            **good.model_dump(exclude={"event_id", "received_at", "url"}),
            "alarm_event_id": good.event_id,
            "decision": "opened",
            "decided_at": good.occurred_at,
        }
    )


async def test_of_a_thousand_alarms_each_is_decided_or_buried_verbatim(stack: Stack) -> None:
    began = datetime.now(UTC)
    good = [alarm(f"Alarm{i}", f"svc-{i % 20}", started_at=began, occurred_at=began) for i in range(900)]
    bad = [_malformed(good[i], i) for i in range(100)]
    values: list[tuple[bytes, bytes | None]] = [(one.key.encode(), encode(one)) for one in good]
    values += [(f"acme|bad-{i}".encode(), value) for i, (_, value) in enumerate(bad)]
    random.Random(7).shuffle(values)
    client: AIOKafkaProducer = make_producer(stack.kafka)
    await client.start()
    try:
        for key, value in values:
            await client.send(stack.kafka.names.on_broker("alarms.raw"), value=value, key=key)
        await client.flush()
    finally:
        await client.stop()
    reader = stack.reader
    async with stack.triage() as running:
        await reader.until(
            lambda: len(reader.of(DeadLetter)) >= 100 and len(reader.of(AlarmChanged)) >= 900, alive=running
        )
    letters = reader.of(DeadLetter)
    assert Counter(one.reason for one in letters) == Counter(reason for reason, _ in bad)
    assert {one.stage for one in letters} == {"intake"}
    assert Counter(one.message_value or None for one in letters) == Counter(value or None for _, value in bad)
    assert Counter(one.alarm_event_id for one in reader.of(AlarmChanged)) == Counter(
        one.event_id for one in good
    )
