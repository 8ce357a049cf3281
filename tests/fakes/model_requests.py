"""What a scripted model reads of a request, and the answers it is made of, in the shapes that the roles ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.openai_server import Recorded

__all__ = ["Request", "cause", "data_query", "planned", "reasoned", "smallest"]

_BLOCK = re.compile(r"<<<EVIDENCE (\S+)\n(.*?)\n>>>END \1", re.DOTALL)
_MOST_LABELS = 50
_LABEL = re.compile(r"E\d+")
_RANKED = re.compile(r"^(\S+) \((\w+), confidence [\d.]+\)(?: \[([^\]]*)\])?: (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Request:
    """What a model sees of a request."""

    role: str
    """The name of the shape: PlannerOutput, ReasonerOutput, WriterOutput, or another."""
    prompt: str
    schema: Mapping[str, Any]

    @classmethod
    def of(cls, recorded: Recorded) -> Request:
        body = recorded.body
        name, schema = _shape(body)
        prompt = next((m["content"] for m in body["messages"] if m["role"] == "user"), "")
        return cls(name, prompt, schema)

    @property
    def blocks(self) -> dict[str, str]:
        """The fenced blocks by id."""
        return dict(_BLOCK.findall(self.prompt))

    @property
    def labels(self) -> list[str]:
        return [name for name in self.blocks if _LABEL.fullmatch(name)]

    def about(self, service: str) -> list[str]:
        """The labels of the evidence that names the service."""
        return [label for label in self.labels if service in self.blocks[label]]

    @property
    def ranked(self) -> list[tuple[str, str, str, str]]:
        """(service, kind, labels, statement) of the statistics' ranking, or of the verified causes."""
        return _RANKED.findall(self.blocks.get("ranking", "") or self.blocks.get("causes", ""))

    @property
    def services(self) -> list[str]:
        return self.blocks.get("services", "").splitlines()


def cause(service: str, labels: list[str], statement: str, **changes: Any) -> dict[str, Any]:
    base = {
        "service": service,
        "indicator": None,
        "kind": "unknown",
        "statement": statement,
        "evidence_ids": labels[:_MOST_LABELS],
        "confidence": 0.9,
    }
    return {**base, **changes}


def data_query(
    look_at: str, service: str | None, match: str | None = None, minutes: int = 30
) -> dict[str, Any]:
    return {"look_at": look_at, "service": service, "match": match, "minutes_before": minutes}


def reasoned(*causes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"causes": list(causes), "ruled_out": [], "missing": [], "queries": [], **more}


def planned(source: str, services: list[str], minutes: int = 0) -> dict[str, Any]:
    return {"source": source, "services": services, "question": "what changed?", "minutes_before": minutes}


def smallest(schema: Mapping[str, Any], text: str) -> Any:
    """The smallest value of the shape, with this text wherever a text is asked for."""
    defs = schema.get("$defs", {})

    def value(node: Mapping[str, Any]) -> Any:
        if "$ref" in node:
            return value(defs[node["$ref"].rpartition("/")[2]])
        if "enum" in node or "const" in node:
            return node.get("const", next(iter(node.get("enum", [])), None))
        options = node.get("anyOf")
        if options:
            return None if any(one.get("type") == "null" for one in options) else value(options[0])
        kinds: dict[str, Any] = {"string": text, "array": [], "boolean": False}
        if node.get("type") == "object":
            return {key: value(one) for key, one in node.get("properties", {}).items()}
        return kinds.get(node.get("type", ""), node.get("minimum", 0))

    return value(schema)


def _shape(body: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The name and the schema of the asked shape, however the server is asked for it."""
    wanted = body.get("response_format", {}).get("json_schema")
    if wanted is not None:
        return wanted["name"], wanted["schema"]
    if body.get("tools"):
        function = body["tools"][0]["function"]
        return function["name"], function["parameters"]
    system = next((m["content"] for m in body["messages"] if m["role"] == "system"), "")
    schema = json.loads(system[system.index("\n{") :]) if "\n{" in system else {}
    known = {"tasks": "PlannerOutput", "causes": "ReasonerOutput", "headline": "WriterOutput"}
    names = (name for key, name in known.items() if key in schema.get("properties", {}))
    return next(names, "Unknown"), schema
