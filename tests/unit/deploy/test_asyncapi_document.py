from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from fastavro.schema import parse_schema
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # no stubs are installed

from docs import asyncapi
from schemas.envelope import headers_of
from schemas.registry import builtin_registry, schema_id_of
from schemas.topics import CATALOGUE
from tests.fakes.events import alarm

SCHEMA = json.loads(Path(__file__).with_name("asyncapi-3.0.0.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft7Validator(SCHEMA)
DOCUMENT: dict[str, Any] = json.loads(json.dumps(asyncapi.document("1.2.3")))
TOPICS = sorted(CATALOGUE)


def message(topic: str) -> Mapping[str, Any]:
    ((name, reference),) = DOCUMENT["channels"][topic]["messages"].items()
    assert reference == {"$ref": f"#/components/messages/{name}"}
    return cast("Mapping[str, Any]", DOCUMENT["components"]["messages"][name])


def at(pointer: str) -> object:
    node: Any = DOCUMENT
    for part in pointer.removeprefix("#/").split("/"):
        node = node[part]
    return node


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for value in node.values() for found in references(value)]
    if isinstance(node, list):
        return [found for value in node for found in references(value)]
    return []


def test_the_document_is_valid_asyncapi_3_0_0() -> None:
    assert [error.message for error in VALIDATOR.iter_errors(DOCUMENT)] == []
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"]["version"] == "1.2.3"


@given(st.sampled_from(TOPICS), st.sampled_from(("address", "bindings", "messages")))
def test_the_schema_sees_what_is_broken(topic: str, part: str) -> None:
    broken = json.loads(json.dumps(DOCUMENT))
    broken["channels"][topic][part] = 7
    assert not VALIDATOR.is_valid(broken)


def test_a_kafka_binding_that_does_not_exist_is_seen() -> None:
    broken = json.loads(json.dumps(DOCUMENT))
    broken["channels"]["evidence"]["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"] = ["shrink"]
    assert not VALIDATOR.is_valid(broken)


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)
    assert len(found) >= 3 * len(TOPICS)
    for pointer in found:
        assert at(pointer), pointer


def test_every_topic_has_one_channel_one_message_and_one_operation() -> None:
    assert sorted(DOCUMENT["channels"]) == TOPICS
    channels = [operation["channel"]["$ref"] for operation in DOCUMENT["operations"].values()]
    assert sorted(channels) == [f"#/channels/{name}" for name in TOPICS]
    assert len(DOCUMENT["components"]["messages"]) == len(TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_channel_says_what_the_broker_is_told(topic: str) -> None:
    declared = CATALOGUE[topic]
    binding = DOCUMENT["channels"][topic]["bindings"]["kafka"]
    assert binding["topic"] == DOCUMENT["channels"][topic]["address"] == topic
    assert binding["partitions"] == declared.partitions
    kept = binding["topicConfiguration"]
    assert ",".join(kept["cleanup.policy"]) == declared.config["cleanup.policy"]
    assert str(kept["retention.ms"]) == declared.config["retention.ms"]


@pytest.mark.parametrize("topic", TOPICS)
def test_a_message_carries_the_schema_its_id_names(topic: str) -> None:
    found = message(topic)
    registered = builtin_registry().current[topic]
    schema = found["payload"]["schema"]
    assert parse_schema(schema)
    assert schema_id_of(schema) == registered.id
    assert f"Schema id {registered.id}, subject `{topic}-value`" in found["description"]
    assert found["name"] == CATALOGUE[topic].event.TYPE


@pytest.mark.parametrize("topic", TOPICS)
def test_the_bindings_tell_a_client_where_the_schema_id_is(topic: str) -> None:
    binding = message(topic)["bindings"]["kafka"]
    assert binding["schemaIdLocation"] == "payload"
    assert binding["schemaLookupStrategy"] == "TopicNameStrategy"
    for part in CATALOGUE[topic].key.split("|"):
        assert part in binding["key"]["description"]
    assert DOCUMENT["servers"]["kafka"]["bindings"]["kafka"]["schemaRegistryVendor"] == "confluent"


def test_the_headers_named_are_those_sent() -> None:
    event = alarm(occurred_at=datetime(2026, 11, 1, tzinfo=UTC))
    sent = headers_of(event, source="/tocsin/test", traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01")
    assert [name for name, _ in sent] == list(DOCUMENT["components"]["schemas"]["Headers"]["properties"])


def test_what_programs_may_send_is_received() -> None:
    actions = {one["channel"]["$ref"]: one["action"] for one in DOCUMENT["operations"].values()}
    for topic in ("alarms.raw", "kpis.raw", "logs.raw", "changes.raw"):
        assert actions[f"#/channels/{topic}"] == "receive"
    for topic in ("evidence", "reports", "costs", "dead-letters"):
        assert actions[f"#/channels/{topic}"] == "send"


def test_the_files_written_hold_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = (tmp_path / "build" / "asyncapi.yaml", tmp_path / "site" / "asyncapi.yaml")
    monkeypatch.setattr(asyncapi, "_WRITTEN_TO", targets)
    asyncapi.main()
    texts = [path.read_text(encoding="utf-8") for path in targets]
    assert texts[0] == texts[1]
    read = yaml.safe_load(texts[0])
    assert read["channels"] == DOCUMENT["channels"]
    assert read["components"] == DOCUMENT["components"]
    assert "&id" not in texts[0]
