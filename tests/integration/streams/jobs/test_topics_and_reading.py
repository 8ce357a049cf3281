from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from infra.runtime.clock import SystemClock
from schemas.envelope import read_envelope
from schemas.errors import NotFoundError, UnavailableError
from schemas.events import ChangeRaw, DeadLetter
from schemas.topics import CATALOGUE, topic_of
from streams.admin import Difference, GroupOffset, open_admin
from streams.dead_letters import RETRIES_HEADER, DeadLetters
from streams.kafka import KafkaSettings, make_consumer
from streams.messages import Message
from streams.producer import open_producer
from streams.reader import ReadEvent, TopicReader, Undecodable, open_reader
from tests.fakes.waiting import until
from tests.integration.streams.jobs.parts import change

pytestmark = pytest.mark.broker

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def _events(reader: TopicReader, topic: str, since: datetime | None = None) -> list[ReadEvent]:
    read = [one async for one in reader.events([topic], since=since)]
    assert all(isinstance(one, ReadEvent) for one in read)
    return [one for one in read if isinstance(one, ReadEvent)]


async def test_the_catalogue_is_created_once_and_agrees(kafka: KafkaSettings) -> None:
    async with open_admin(kafka) as admin:
        assert await admin.ensure() == ()
        assert await admin.ensure() == ()
        ends = await admin.ends()
    assert {one.topic for one in ends} == set(CATALOGUE)
    assert len(ends) == sum(topic.partitions for topic in CATALOGUE.values())
    assert all(one.beginning == one.end == 0 for one in ends)


async def test_a_topic_that_differs_is_told_and_left_alone(kafka: KafkaSettings) -> None:
    changes = topic_of(ChangeRaw)
    async with open_admin(kafka) as admin:
        await admin.ensure([changes])
        found = await admin.ensure([replace(changes, partitions=3, retention=timedelta(hours=1))])
        assert set(found) == {
            Difference("changes.raw", "partitions", "3", "1"),
            Difference("changes.raw", "retention.ms", "3600000", "604800000"),
        }
        assert len(await admin.ends()) == 1


async def test_events_come_back_as_they_were_sent(kafka: KafkaSettings) -> None:
    events = [change(number) for number in range(5)]
    async with open_admin(kafka) as admin, open_producer(kafka, source="/tocsin/test") as producer:
        await admin.ensure([topic_of(ChangeRaw)])
        await producer.publish(events[0], traceparent=TRACE)
        await producer.publish_all(events[1:])
        async with open_reader(kafka) as reader:
            read = await _events(reader, "changes.raw")
    assert [one.event for one in read] == events
    envelope = read_envelope(read[0].message.headers)
    assert envelope.event_id == events[0].event_id
    assert envelope.source == "/tocsin/test"
    assert envelope.traceparent == TRACE
    assert read[0].message.key == events[0].key.encode()


async def test_reading_since_a_time_leaves_out_what_was_before(kafka: KafkaSettings) -> None:
    async with open_admin(kafka) as admin, open_producer(kafka, source="/tocsin/test") as producer:
        await admin.ensure([topic_of(ChangeRaw)])
        await producer.publish(change(0))
        async with open_reader(kafka) as reader:
            first = (await _events(reader, "changes.raw"))[0].message.at
        later = first
        while later <= first + timedelta(milliseconds=5):
            await asyncio.sleep(0.005)
            later = datetime.now(UTC)
        await producer.publish(change(1))
        async with open_reader(kafka) as reader:
            read = await _events(reader, "changes.raw", since=later)
        async with open_reader(kafka) as reader:
            future = await _events(reader, "changes.raw", since=later + timedelta(hours=1))
    assert [one.event for one in read] == [change(1)]
    assert future == []


async def test_following_goes_on_past_the_end(kafka: KafkaSettings) -> None:
    seen: list[ReadEvent | Undecodable] = []

    async def follow() -> None:
        async with open_reader(kafka) as reader:
            async for one in reader.events(["changes.raw"], follow=True):
                seen.append(one)  # noqa: PERF401 - it never ends

    async with open_admin(kafka) as admin, open_producer(kafka, source="/tocsin/test") as producer:
        await admin.ensure([topic_of(ChangeRaw)])
        await producer.publish(change(0))
        following = asyncio.create_task(follow())
        await until(lambda: len(seen) == 1)
        await producer.publish(change(1))
        await until(lambda: len(seen) == 2)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_missing_topic_is_not_found(kafka: KafkaSettings) -> None:
    async with open_reader(kafka) as reader:
        with pytest.raises(NotFoundError):
            await _events(reader, "changes.raw")


async def test_a_broker_that_is_not_there_is_unavailable() -> None:
    nowhere = KafkaSettings.embedded("127.0.0.1:1")
    with pytest.raises(UnavailableError):
        async with open_producer(nowhere, source="/tocsin/test"):
            pass
    with pytest.raises(UnavailableError):
        async with open_reader(nowhere):
            pass
    with pytest.raises(UnavailableError):
        async with open_admin(nowhere):
            pass


async def test_lag_is_what_a_group_has_not_committed(kafka: KafkaSettings) -> None:
    group = f"{kafka.topic_prefix}lagging"
    async with open_admin(kafka) as admin, open_producer(kafka, source="/tocsin/test") as producer:
        await admin.ensure([topic_of(ChangeRaw)])
        await producer.publish_all([change(number) for number in range(5)])
        assert await admin.lag(group, ["changes.raw"]) == (GroupOffset(group, "changes.raw", 0, None, 5),)
        consumer = make_consumer(kafka, group)
        await consumer.start()
        consumer.subscribe([kafka.names.on_broker("changes.raw")])
        await consumer.getone()
        await consumer.commit()
        await consumer.stop()
        assert await admin.lag(group, ["changes.raw"]) == (GroupOffset(group, "changes.raw", 0, 1, 4),)
        assert group in await admin.groups()


async def test_deleted_topics_are_gone(kafka: KafkaSettings) -> None:
    async with open_admin(kafka) as admin:
        await admin.ensure([topic_of(ChangeRaw)])
        await admin.delete(["changes.raw", "audit"])
        assert await admin.ends() == ()


async def test_a_dead_letter_keeps_the_message_verbatim(kafka: KafkaSettings) -> None:
    message = Message(
        topic=kafka.names.on_broker("changes.raw"),
        partition=0,
        offset=17,
        key=b"acme|cart",
        value=b"\x00not avro\xff",
        headers=((RETRIES_HEADER, b"2"), ("traceparent", TRACE.encode()), ("empty", None)),
    )
    async with open_admin(kafka) as admin, open_producer(kafka, source="/tocsin/test") as producer:
        await admin.ensure([topic_of(DeadLetter)])
        office = DeadLetters(producer, kafka.names, SystemClock())
        for _ in range(2):
            await office.bury(message, stage="land", reason="avro_decode", detail="bad")
        async with open_reader(kafka) as reader:
            first, again = await _events(reader, "dead-letters")
    letter = first.event
    assert isinstance(letter, DeadLetter)
    assert (letter.message_key, letter.message_value) == (message.key, message.value)
    assert tuple((h.name, h.value) for h in letter.headers) == message.headers
    assert (letter.source_topic, letter.source_partition, letter.source_offset) == ("changes.raw", 0, 17)
    assert (letter.tenant, letter.stage, letter.reason, letter.retries) == ("acme", "land", "avro_decode", 2)
    assert read_envelope(first.message.headers).traceparent == TRACE
    assert again.event.event_id == letter.event_id


async def test_what_was_sent_raw_can_be_undecodable(kafka: KafkaSettings) -> None:
    async with open_admin(kafka) as admin, open_producer(kafka, source="/tocsin/test") as producer:
        await admin.ensure([topic_of(ChangeRaw)])
        await producer.send_raw("changes.raw", b"k", b"junk", [(RETRIES_HEADER, b"1")])
        async with open_reader(kafka) as reader:
            read = [one async for one in reader.events(["changes.raw"])]
    assert len(read) == 1
    assert isinstance(read[0], Undecodable)
    assert read[0].error.reason == "bad_magic"
    assert read[0].message.headers == ((RETRIES_HEADER, b"1"),)
