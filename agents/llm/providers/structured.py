"""How to ask for a shape, in each of the three ways servers understand, and how to read the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from pydantic import BaseModel, JsonValue

from agents.llm.failures import OutputInvalid
from agents.llm.json_schema import schema_text, strict_schema
from agents.llm.providers.config import StructuredMethod

__all__ = ["Ask", "ask_for", "read_json"]

_THINKING_ENDS = "</think>"


@dataclass(frozen=True, slots=True)
class Ask:
    """What a method adds to a request: a sentence to the system prompt, arguments, and body keys."""

    system_suffix: str
    arguments: Mapping[str, Any]
    body: Mapping[str, Any]


def ask_for(output: type[BaseModel], method: StructuredMethod) -> Ask:
    """Return what to add so that the answer has the shape of `output`.

    `response_format` travels in the body, past the openai package's own parsing: the answer still holds placeholders
    and may be cut, so it is parsed here, once, for all methods.
    """
    schema, name = strict_schema(output), output.__name__
    match method:
        case StructuredMethod.JSON_SCHEMA:
            wanted = {"name": name, "schema": schema, "strict": True}
            return Ask("", {}, {"response_format": {"type": "json_schema", "json_schema": wanted}})
        case StructuredMethod.FUNCTION_CALLING:
            function = {
                "name": name,
                "description": output.__doc__ or name,
                "parameters": schema,
                "strict": True,
            }
            choice = {"type": "function", "function": {"name": name}}
            return Ask("", {"tools": [{"type": "function", "function": function}], "tool_choice": choice}, {})
        case StructuredMethod.JSON_MODE:
            suffix = f"\nAnswer with one JSON object of this schema and nothing else:\n{schema_text(output)}"
            return Ask(suffix, {}, {"response_format": {"type": "json_object"}})
        case _:
            assert_never(method)


def read_json(text: str, tool_arguments: Sequence[str]) -> JsonValue:
    """Return the JSON object in the answer: the first tool call's arguments, or the first object in the text.

    Servers that ignore the asked format wrap it in prose, in a code fence, or put their thinking before it.

    Raises:
        OutputInvalid: there is no JSON object.
    """
    for candidate in (*tool_arguments[:1], text.rpartition(_THINKING_ENDS)[2], text):
        found = _first_object(candidate)
        if found is not None:
            return found
    raise OutputInvalid(f"no JSON object in an answer of {len(text)} characters")


def _first_object(text: str) -> dict[str, JsonValue] | None:
    start = text.find("{")
    if start < 0:
        return None
    try:
        value, _ = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
