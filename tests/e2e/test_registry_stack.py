"""The whole product with the ids of a registry outside, read and written by programs that know only that registry."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from infra.cli.context import load_installation, load_settings
from infra.cli.key_ring import read_admin_key
from schemas.errors import ConfigurationError
from schemas.events import AlarmChanged, AlarmRaw, Incident, InvestigationRequested, InvestigationStatus
from schemas.registry import builtin_registry
from schemas.topics import CATALOGUE
from streams.reader import open_reader
from tests.e2e.stack import RunningStack, running, until
from tests.fakes.events import alarm
from tests.fakes.registry_server import RegistryServer, start_registry

pytestmark = pytest.mark.e2e

PAST = datetime.now(UTC) - timedelta(minutes=5)
"""Long enough ago that an investigation need not wait for what follows an alarm."""
FIRST_ID = 100_001


@pytest.fixture(scope="module")
def registry() -> Iterator[RegistryServer]:
    with start_registry(first_id=FIRST_ID, login=("tocsin", "s3cret"), path="/apis/ccompat/v7") as server:
        yield server


@pytest.fixture(scope="module")
def stack(registry: RegistryServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOCSIN_KAFKA__SCHEMA_REGISTRY_URL", registry.url)
        patch.setenv("TOCSIN_KAFKA__SCHEMA_REGISTRY_USER", "tocsin")
        patch.setenv("TOCSIN_KAFKA__SCHEMA_REGISTRY_PASSWORD", "s3cret")
        with running(tmp_path_factory.mktemp("stack")) as own:
            yield own


@pytest.fixture
def client(registry: RegistryServer) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": registry.url, "basic.auth.user.info": "tocsin:s3cret"})


def _ids(registry: RegistryServer) -> dict[str, int]:
    return {topic: registry.subjects[f"{topic}-value"][0].id for topic in CATALOGUE}


def _reported(stack: RunningStack, tenant: str) -> dict[str, Any]:
    def found() -> list[dict[str, Any]]:
        return [one for one in stack.tocsin("incidents", "--tenant", tenant) if one["report"] is not None]

    (incident,) = until(found, f"the report for {tenant}", 90)
    return dict(incident)


def _schema_ids(stack: RunningStack, topic: str) -> set[int]:
    """Return the ids that the messages of a topic carry, byte by byte."""

    async def read() -> set[int]:
        async with open_reader(load_installation(load_settings(stack.data_dir)).kafka) as reader:
            values = [one.value async for one in reader.messages([topic])]
        return {int.from_bytes((value or b"")[1:5], "big") for value in values}

    return asyncio.run(read())


def _read_by_others(stack: RunningStack, client: SchemaRegistryClient, wanted: Collection[str]) -> set[str]:
    """What a stock consumer makes of the evidence: it knows the broker and the registry, and nothing of ours."""
    read, context = AvroDeserializer(client), SerializationContext("evidence", MessageField.VALUE)
    address = stack.state().addresses.kafka
    consumer = Consumer({"bootstrap.servers": address, "group.id": "others", "enable.auto.commit": False})
    consumer.assign(
        [TopicPartition("evidence", number, 0) for number in range(CATALOGUE["evidence"].partitions)]
    )
    found: set[str] = set()

    def complete() -> bool:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.add(read(message.value(), context)["event_id"])
        return found.issuperset(wanted)

    try:
        until(complete, "all evidence")
    finally:
        consumer.close()
    return found


def test_an_alarm_becomes_evidence_under_the_registrys_ids(
    stack: RunningStack, registry: RegistryServer, client: SchemaRegistryClient
) -> None:
    at = PAST.isoformat()
    stack.tocsin("send", "alarm", "HighLatency", "-s", "cart", "--time", at, "--tenant", "one")
    report = _reported(stack, "one")["report"]

    ids = _ids(registry)
    assert min(ids.values()) == FIRST_ID
    for topic in (
        *(AlarmRaw.TOPIC, AlarmChanged.TOPIC, Incident.TOPIC, InvestigationRequested.TOPIC),
        *(InvestigationStatus.TOPIC, "evidence", "reports", "costs"),
    ):
        assert _schema_ids(stack, topic) == {ids[topic]}, topic

    ours = stack.tocsin("evidence", report["investigation_id"], "--tenant", "one")
    wanted = {one["evidence_id"] for one in ours}
    assert wanted
    assert _read_by_others(stack, client, wanted) == wanted


def test_a_producer_of_tomorrow_registers_its_schema_and_is_understood(
    stack: RunningStack, registry: RegistryServer, client: SchemaRegistryClient
) -> None:
    """All five roles run already: the id is new to them. Its alarm is decided, landed and investigated."""
    ours = builtin_registry().current[AlarmRaw.TOPIC].schema
    added = {"name": "weather", "type": "string", "default": ""}
    schema = json.dumps({**ours, "fields": [*ours["fields"], added]})
    write = AvroSerializer(client, schema)
    sent = alarm(tenant="two", occurred_at=PAST, started_at=PAST)
    context = SerializationContext(AlarmRaw.TOPIC, MessageField.VALUE)
    value = write({**sent.model_dump(), "weather": "fair"}, context)
    assert value is not None
    assert int.from_bytes(value[1:5], "big") not in _ids(registry).values()

    producer = Producer({"bootstrap.servers": stack.state().addresses.kafka})
    producer.produce(AlarmRaw.TOPIC, key=sent.key, value=value)
    assert producer.flush(30) == 0

    incident = _reported(stack, "two")
    assert [one["alarm_event_id"] for one in incident["alarms"]] == [sent.event_id]


def test_an_id_that_no_registry_has_is_a_dead_letter(stack: RunningStack) -> None:
    producer = Producer({"bootstrap.servers": stack.state().addresses.kafka})
    producer.produce(AlarmRaw.TOPIC, key="three|x", value=b"\0\0\1\1\1garbage")
    assert producer.flush(30) == 0

    (letter,) = until(lambda: stack.tocsin("dlq", "list", "--tenant", "three"), "the dead letter", 60)
    assert (letter["stage"], letter["reason"]) == ("intake", "unknown_schema")


def test_commands_and_the_api_tell_the_registrys_ids(stack: RunningStack, registry: RegistryServer) -> None:
    ids = _ids(registry)
    (topics,) = stack.tocsin("topics")
    assert {one["topic"]: one["schema_id"] for one in topics} == ids

    with _api(stack) as api:
        told = api.get("/v1/topics").json()
        rows: list[Mapping[str, Any]] = told["items"] if isinstance(told, dict) else told
        assert {one["topic"]: one["schema_id"] for one in rows} == ids
        mirrored = api.get("/registry/subjects/evidence-value/versions/latest").json()
        assert mirrored["id"] == ids["evidence"]
        assert api.get(f"/registry/schemas/ids/{ids['evidence']}").status_code == 200


def test_a_command_that_may_not_ask_says_so_and_sends_nothing(
    stack: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_KAFKA__SCHEMA_REGISTRY_PASSWORD", "other")

    with pytest.raises(ConfigurationError, match=r"refuses tocsin \(401\)") as refused:
        stack.tocsin("send", "alarm", "HighLatency", "-s", "cart", "--tenant", "four")

    assert "SCHEMA_REGISTRY_PASSWORD" in refused.value.cure


def test_nothing_is_lost(stack: RunningStack) -> None:
    (found,) = stack.tocsin("verify", "--settle", "10")
    assert found["holds"], [one for one in found["checks"] if one["wrong"]]


def _api(stack: RunningStack) -> httpx.Client:
    url, key = stack.state().addresses.api_url, read_admin_key(stack.data_dir)
    assert url is not None
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=20, trust_env=False)
