"""The strict JSON schema of an output model, as OpenAI's structured outputs accept it.

They want every property required, `additionalProperties: false`, and refuse some keywords
(https://platform.openai.com/docs/guides/structured-outputs, "Supported schemas"). What is taken out here is
still enforced when the answer is validated.
"""

from __future__ import annotations

import json
from functools import cache

from pydantic import BaseModel, JsonValue

__all__ = ["schema_text", "strict_schema"]

_REFUSED = frozenset({"default", "title", "minLength", "maxLength", "uniqueItems", "examples"})


def strict_schema(model: type[BaseModel]) -> dict[str, JsonValue]:
    """Return the model's schema, strict throughout."""
    strict = _strict(model.model_json_schema())
    assert isinstance(strict, dict)
    return strict


@cache
def schema_text(model: type[BaseModel]) -> str:
    """Return the strict schema as JSON text."""
    return json.dumps(strict_schema(model))


def _strict(node: JsonValue) -> JsonValue:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _children(key, value) for key, value in node.items() if key not in _REFUSED}
    properties = kept.get("properties")
    if kept.get("type") == "object" and isinstance(properties, dict):
        kept["required"] = list(properties)
        kept["additionalProperties"] = False
    return kept


def _children(key: str, value: JsonValue) -> JsonValue:
    # Below these two the keys are names of ours, which may well be "title" or "default".
    if key in {"properties", "$defs"} and isinstance(value, dict):
        return {name: _strict(schema) for name, schema in value.items()}
    return _strict(value)
