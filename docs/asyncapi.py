"""Write the AsyncAPI 3.0 document of the topics: build/asyncapi.yaml, and docs/reference/asyncapi.yaml for the site.

Made from the topic catalogue and the `.avsc` files, so it can say nothing that is not so. Bindings: Kafka 0.5.0.
Run by `make docs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

import yaml

from schemas.events import Event
from schemas.registry import builtin_registry
from schemas.topics import CATALOGUE, Topic

__all__ = ["document", "main"]

Node = Mapping[str, object]

_ROOT = Path(__file__).parents[1]
_WRITTEN_TO: Final = (_ROOT / "build" / "asyncapi.yaml", _ROOT / "docs" / "reference" / "asyncapi.yaml")
_BINDING: Final = {"bindingVersion": "0.5.0"}
_AVRO: Final = "application/vnd.apache.avro+json;version=1.9.0"
_FOR_PRODUCERS: Final = ("alarms.raw", "kpis.raw", "logs.raw", "changes.raw", "feedback")
"""What programs outside send to Tocsin; of every other topic Tocsin is the only producer."""

_ABOUT = """\
Alarms in, evidence and causes out. Programs send alarms, KPI samples, log lines and changes; Tocsin sends what it
decided, what it found, what it concludes and what that cost.

Values are Avro behind Confluent's frame (a zero byte and the schema id in four bytes, big-endian), keys are UTF-8
text, headers are CloudEvents 1.0 in the binary mode of its Kafka binding. Delivery is at least once; `ce_id` names an
event for good, so a repeat can be told. An installation may put a prefix before every topic's name.
"""

_HEADERS: Final[Mapping[str, str]] = {
    "ce_specversion": "Version of CloudEvents: 1.0.",
    "ce_id": "The event's id, a function of its cause: a repeat has the same.",
    "ce_type": "What kind of event it is.",
    "ce_source": "Who produced it, for example `/tocsin/investigate`.",
    "ce_subject": "What it is about.",
    "ce_time": "When it happened, RFC 3339.",
    "ce_dataschema": "Path of the value's schema in the registry: `/schemas/ids/<id>`.",
    "content-type": "application/avro",
    "traceparent": "W3C Trace Context of what caused the event, where it is known.",
}
_DATES: Final = ("ce_time",)


def document(release: str) -> Node:
    """Return the document for this release of Tocsin, as plain mappings and lists."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:tocsin:events",
        "info": _info(release),
        "defaultContentType": "application/avro",
        "servers": {"kafka": _server()},
        "channels": {name: _channel(topic) for name, topic in CATALOGUE.items()},
        "operations": dict(_operation(topic) for topic in CATALOGUE.values()),
        "components": {
            "messages": {_name(topic): _message(topic) for topic in CATALOGUE.values()},
            "schemas": {"Headers": _headers()},
        },
    }


def _info(release: str) -> Node:
    return {
        "title": "Tocsin events",
        "version": release,
        "description": _ABOUT,
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        "tags": [{"name": "incidents", "description": "Alarms, incidents and their investigation."}],
    }


def _server() -> Node:
    registry = {"schemaRegistryUrl": "http://localhost:8080/registry", "schemaRegistryVendor": "confluent"}
    return {
        "host": "{broker}",
        "protocol": "kafka",
        "description": "An installation's broker. Its API serves the schemas in the form of the Schema Registry.",
        "variables": {"broker": {"default": "localhost:9092", "description": "`host:port`."}},
        "bindings": {"kafka": {**registry, **_BINDING}},
    }


def _channel(topic: Topic) -> Node:
    kept: dict[str, object] = {
        "cleanup.policy": topic.config["cleanup.policy"].split(","),
        "retention.ms": int(topic.config["retention.ms"]),
    }
    settings = {"topic": topic.name, "partitions": topic.partitions, "topicConfiguration": kept}
    return {
        "address": topic.name,
        "description": _sentence(topic.event),
        "messages": {_name(topic): {"$ref": f"#/components/messages/{_name(topic)}"}},
        "bindings": {"kafka": {**settings, **_BINDING}},
    }


def _operation(topic: Topic) -> tuple[str, Node]:
    action = "receive" if topic.name in _FOR_PRODUCERS else "send"
    return f"{action}{_name(topic)}", {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"Tocsin {action}s {topic.name}.",
        "description": f"{_sentence(topic.event)} Ordered by key: {_key(topic)}.",
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{_name(topic)}"}],
        "bindings": {"kafka": _BINDING},
    }


def _message(topic: Topic) -> Node:
    registered = builtin_registry().current[topic.name]
    key = {"type": "string", "description": f"UTF-8 text made of: {_key(topic)}."}
    lookup = {"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "4"}
    return {
        "name": topic.event.TYPE,
        "title": _name(topic),
        "summary": _sentence(topic.event),
        "description": f"Schema id {registered.id}, subject `{topic.subject}`.",
        "contentType": "application/avro",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"schemaFormat": _AVRO, "schema": registered.schema},
        "bindings": {
            "kafka": {"key": key, **lookup, "schemaLookupStrategy": "TopicNameStrategy", **_BINDING}
        },
    }


def _headers() -> Node:
    return {
        "type": "object",
        "description": "Of every message Tocsin sends, `traceparent` where known. A program outside need not send any.",
        "properties": {
            name: {
                "type": "string",
                "description": says,
                **({"format": "date-time"} if name in _DATES else {}),
            }
            for name, says in _HEADERS.items()
        },
    }


def _name(topic: Topic) -> str:
    return topic.event.__name__


def _key(topic: Topic) -> str:
    return topic.key.replace("|", ", ")


def _sentence(model: type[Event]) -> str:
    return " ".join((model.__doc__ or "").split())


class _Dumper(yaml.SafeDumper):
    """Lines stay lines, and what is said twice is written twice: for readers, not for size."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def main() -> None:
    text = yaml.dump(
        document(version("tocsin")), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110
    )
    for path in _WRITTEN_TO:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
