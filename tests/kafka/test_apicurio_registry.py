"""Against a registry that others wrote, with the stock Confluent client beside ours."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from infra.runtime.clock import SystemClock
from infra.runtime.schema_registry import RegistryAddress, RegistryPolicy, open_schema_registry
from schemas.codec import encode
from schemas.errors import ConfigurationError, InvalidEventError
from schemas.events import AlarmRaw
from schemas.registry import SchemaRegistry, builtin_registry
from schemas.registry_reading import read_event
from schemas.topics import CATALOGUE, TopicNames
from tests.fakes.apicurio import fetch_apicurio, start_apicurio
from tests.fakes.events import alarm
from tests.fakes.full_events import evidence

pytestmark = pytest.mark.kafka

OURS = builtin_registry().current[AlarmRaw.TOPIC].schema


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("apicurio")
    try:
        server = fetch_apicurio(folder)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, ConfigurationError) as error:
        pytest.skip(f"Apicurio cannot be had from Maven here: {error}")
    with start_apicurio(server, folder / "apicurio.log") as url:
        yield url


@pytest.fixture
def theirs(registry: str) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": registry})


async def _opened(url: str, prefix: str, **policy: Any) -> SchemaRegistry:
    address, names = RegistryAddress((url,)), TopicNames(prefix)
    async with open_schema_registry(address, names, SystemClock(), RegistryPolicy(**policy)) as schemas:
        return schemas


async def test_all_schemas_are_taken_once_and_found_again(
    registry: str, theirs: SchemaRegistryClient
) -> None:
    first, beside = await asyncio.gather(_opened(registry, "a."), _opened(registry, "a."))
    again = await _opened(registry, "a.", register=False)

    ids = {topic: one.id for topic, one in first.current.items()}
    for schemas in (beside, again):
        assert {topic: one.id for topic, one in schemas.current.items()} == ids
    for topic in CATALOGUE:
        latest = await asyncio.to_thread(theirs.get_latest_version, f"a.{topic}-value")
        assert (latest.schema_id, latest.version) == (ids[topic], 1)


async def test_the_stock_deserializer_reads_what_we_write(
    registry: str, theirs: SchemaRegistryClient
) -> None:
    schemas = await _opened(registry, "b.")
    found = evidence("acme")
    context = SerializationContext("b.evidence", MessageField.VALUE)

    values = await asyncio.to_thread(AvroDeserializer(theirs), encode(found, schemas), context)

    assert values["event_id"] == found.event_id
    assert values["data"] == found.data


async def test_what_a_producer_of_tomorrow_writes_is_read(
    registry: str, theirs: SchemaRegistryClient
) -> None:
    added = {"name": "weather", "type": "string", "default": ""}
    tomorrow = json.dumps({**OURS, "fields": [*OURS["fields"], added]})
    sent = alarm()
    address = RegistryAddress((registry,))
    async with open_schema_registry(address, TopicNames("c."), SystemClock()) as schemas:
        context = SerializationContext(f"c.{AlarmRaw.TOPIC}", MessageField.VALUE)
        write = AvroSerializer(theirs, tomorrow)
        data = await asyncio.to_thread(write, {**sent.model_dump(), "weather": "fair"}, context)
        assert data is not None
        assert int.from_bytes(data[1:5], "big") not in schemas.by_id

        assert await read_event(AlarmRaw.TOPIC, data, schemas) == sent
        with pytest.raises(InvalidEventError) as refused:
            await read_event(AlarmRaw.TOPIC, b"\0\0\1\1\1garbage", schemas)
    assert refused.value.reason == "unknown_schema"
    later = await _opened(registry, "c.")
    assert {one.version for one in later.by_id.values() if one.topic == AlarmRaw.TOPIC} == {None, 1, 2}


async def test_an_incompatible_past_and_a_missing_schema_are_told(
    registry: str, theirs: SchemaRegistryClient
) -> None:
    fields = [{"name": "event_id", "type": "int"}, *OURS["fields"][1:]]
    past = Schema(json.dumps({**OURS, "fields": fields}), "AVRO")
    await asyncio.to_thread(theirs.set_compatibility, None, "BACKWARD")
    await asyncio.to_thread(theirs.register_schema, "d.alarms.raw-value", past)

    with pytest.raises(
        ConfigurationError, match=r"schema of d\.alarms\.raw-value: .*INT at /fields/0"
    ) as refused:
        await _opened(registry, "d.")
    with pytest.raises(ConfigurationError, match=r"does not have the schema of alarms\.raw"):
        await _opened(registry, "e.", register=False)
    assert "(409)" in str(refused.value)


async def test_the_root_of_the_server_is_told_not_to_be_a_registry(registry: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await _opened(registry.removesuffix("/apis/ccompat/v7"), "f.")
    assert "/apis/ccompat/v7" in refused.value.cure
