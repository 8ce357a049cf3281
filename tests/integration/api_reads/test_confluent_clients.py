"""The stock Confluent client, unmodified, against our registry over real HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from schemas.codec import decode, encode
from schemas.events import Evidence
from schemas.registry import builtin_registry
from schemas.topics import CATALOGUE
from streams.kafka import KafkaSettings
from tests.fakes.api import make_api
from tests.fakes.full_events import everything, evidence
from tests.integration.api_reads.serving import Served, serve

EVIDENCE_ID = builtin_registry().current["evidence"].id


@pytest.fixture
async def registry() -> AsyncIterator[Served]:
    async with serve(make_api()) as served:
        yield served


def _basic(served: Served, **more: Any) -> SchemaRegistryClient:
    """The whole key is the password; the user may be anything."""
    return SchemaRegistryClient(
        {"url": f"{served.url}/registry", "basic.auth.user.info": "whoever:acme.viewer", **more}
    )


async def _asked(question: Callable[[], Any]) -> Any:
    """The client blocks, and the server is in this loop."""
    return await asyncio.to_thread(question)


async def test_every_value_of_ours_is_decoded(registry: Served) -> None:
    client = _basic(registry)
    deserializer = AvroDeserializer(client)

    for event in everything("acme"):
        context = SerializationContext(event.TOPIC, MessageField.VALUE)
        data = encode(event)
        values = await asyncio.to_thread(deserializer, data, context)

        assert values["event_id"] == event.event_id
        assert encode(type(event).model_validate(values)) == data


async def test_a_bearer_token_opens_it_too(registry: Served) -> None:
    own = {
        "bearer.auth.credentials.source": "STATIC_TOKEN",
        "bearer.auth.token": "acme.ingest",
        "bearer.auth.logical.cluster": "any",
        "bearer.auth.identity.pool.id": "any",
    }
    client = SchemaRegistryClient({"url": f"{registry.url}/registry", **own})

    assert (await _asked(lambda: client.get_schema(EVIDENCE_ID))).schema_type == "AVRO"


async def test_nobody_gets_in_without_a_key(registry: Served) -> None:
    for client in (
        SchemaRegistryClient({"url": f"{registry.url}/registry"}),
        SchemaRegistryClient({"url": f"{registry.url}/registry", "basic.auth.user.info": "a:b"}),
    ):
        with pytest.raises(SchemaRegistryError) as refused:
            await _asked(client.get_subjects)
        assert refused.value.http_status_code == 401


async def test_the_client_finds_its_way_round(registry: Served) -> None:
    client = _basic(registry)
    latest = await _asked(lambda: client.get_latest_version("evidence-value"))
    schema = Schema(json.dumps(builtin_registry().current["evidence"].schema), "AVRO")

    assert await _asked(client.get_subjects) == sorted(f"{topic}-value" for topic in CATALOGUE)
    assert await _asked(lambda: client.get_subjects(subject_prefix="repo")) == ["reports-value"]
    assert await _asked(lambda: client.get_versions("evidence-value")) == [1]
    assert (latest.schema_id, latest.version, latest.subject) == (EVIDENCE_ID, 1, "evidence-value")
    assert json.loads(latest.schema.schema_str) == builtin_registry().current["evidence"].schema
    assert (await _asked(lambda: client.get_version("evidence-value", 1))).schema_id == EVIDENCE_ID
    assert (await _asked(lambda: client.lookup_schema("evidence-value", schema))).version == 1
    assert await _asked(lambda: client.register_schema("evidence-value", schema)) == EVIDENCE_ID
    assert await _asked(lambda: client.get_compatibility("evidence-value")) == "BACKWARD"
    assert await _asked(client.get_compatibility) == "BACKWARD"
    places = await _asked(lambda: client.get_schema_versions(EVIDENCE_ID))
    assert [(one.subject, one.version) for one in places] == [("evidence-value", 1)]
    assert await _asked(lambda: client.get_subjects_by_schema_id(EVIDENCE_ID)) == ["evidence-value"]
    assert await _asked(client.get_schema_types) == ["AVRO"]
    assert await _asked(lambda: client.test_compatibility("evidence-value", schema)) is True
    assert await _asked(client.get_global_mode) == "READONLY"


@pytest.mark.parametrize(
    ("ask", "status", "code"),
    [
        (lambda client: client.get_latest_version("nothing-value"), 404, 40401),
        (lambda client: client.get_version("evidence-value", 9), 404, 40402),
        (lambda client: client.get_schema(7), 404, 40403),
        (lambda client: client.lookup_schema("reports-value", Schema("{}", "AVRO")), 422, 42201),
        (lambda client: client.get_compatibility("nothing-value"), 404, 40408),
    ],
)
async def test_refusals_are_the_registrys_own(
    ask: Callable[[SchemaRegistryClient], object], status: int, code: int, registry: Served
) -> None:
    client = _basic(registry)

    with pytest.raises(SchemaRegistryError) as refused:
        await _asked(lambda: ask(client))

    assert (refused.value.http_status_code, refused.value.error_code) == (status, code)


async def test_the_stock_serializer_writes_what_our_codec_reads(registry: Served) -> None:
    """A producer of theirs: the schema is known, so that registering it is only a look-up."""
    found = evidence("acme")
    schema = json.dumps(builtin_registry().current["evidence"].schema)
    serializer = AvroSerializer(_basic(registry), schema)
    context = SerializationContext("evidence", MessageField.VALUE)

    data = await _asked(lambda: serializer(found.model_dump(), context))

    assert decode("evidence", data) == found


async def test_a_new_schema_is_not_taken(registry: Served) -> None:
    schema = Schema('{"type": "record", "name": "Evidence", "namespace": "io.tocsin", "fields": []}', "AVRO")
    client = _basic(registry)

    with pytest.raises(SchemaRegistryError) as refused:
        await _asked(lambda: client.register_schema("evidence-value", schema))

    assert refused.value.error_code == 42205
    assert await _asked(lambda: client.test_compatibility("evidence-value", schema)) is True


@pytest.mark.broker
@pytest.mark.clickhouse
async def test_evidence_is_read_from_the_broker_with_the_stock_consumer(
    whole_api: Served, kafka: KafkaSettings, tenant: str
) -> None:
    found = [evidence(tenant, finding=str(number)) for number in range(20)]
    assert whole_api.producer is not None
    await whole_api.producer.publish_all(found)
    topic = kafka.names.on_broker(Evidence.TOPIC)

    values = await _asked(lambda: _consumed(kafka, topic, _basic(whole_api), len(found)))

    assert sorted(values) == sorted(one.event_id for one in found)


def _consumed(kafka: KafkaSettings, topic: str, registry: SchemaRegistryClient, wanted: int) -> list[str]:
    deserializer = AvroDeserializer(registry)
    settings: Mapping[str, Any] = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "group.id": uuid4().hex,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    consumer = Consumer(dict(settings))
    consumer.assign([TopicPartition(topic, number, 0) for number in range(CATALOGUE["evidence"].partitions)])
    found: list[str] = []
    try:
        for _ in range(600):
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                context = SerializationContext(topic, MessageField.VALUE)
                found.append(deserializer(message.value(), context)["event_id"])
            if len(found) == wanted:
                return found
    finally:
        consumer.close()
    return found
