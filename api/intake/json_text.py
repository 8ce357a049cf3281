"""JSON and NDJSON to items."""

from __future__ import annotations

from typing import Final

import orjson

from api.intake.limits import Limits
from api.intake.parsed import Item, ItemProblem, check_count, problem_of
from api.intake.refusal import ItemError, ItemReason, RefusalKind, RefusedError

__all__ = ["JSON_LINES", "as_object", "json_items", "media_type", "nests_deeper", "read_json"]

JSON_LINES: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)
_CURE: Final = "Send `Content-Type: application/json`, or `application/x-ndjson` with an object a line."


def media_type(content_type: str) -> str:
    """Return the type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def read_json(body: bytes, limits: Limits) -> object:
    """Return the value. Raises RefusedError: MALFORMED, TOO_DEEP."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(RefusalKind.MALFORMED, f"The body is not JSON: {error}.") from error
    if nests_deeper(value, limits.depth):
        raise RefusedError(
            RefusalKind.TOO_DEEP, f"The JSON nests deeper than {limits.depth} levels.", limit=limits.depth
        )
    return value


def nests_deeper(value: object, limit: int) -> bool:
    """Return whether lists and objects nest deeper than the limit; looks at each container once."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limit):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def json_items(body: bytes, content_type: str, limits: Limits) -> tuple[list[Item], list[ItemProblem]]:
    """Return the items of an object, an array of objects, or a line each; a line that is no JSON is a problem.

    Raises:
        RefusedError: MEDIA_TYPE, MALFORMED, TOO_DEEP, TOO_MANY.
    """
    kind = media_type(content_type)
    if kind in JSON_LINES:
        return _lines(body, limits)
    if kind != "application/json" and not kind.endswith("+json"):
        raise RefusedError(
            RefusalKind.MEDIA_TYPE, f"The body is {kind[:80] or 'of no named type'}, not JSON.", cure=_CURE
        )
    value = read_json(body, limits)
    if not isinstance(value, list):
        return [Item(0, "", value)], []
    check_count(len(value), limits)
    return [Item(index, f"/{index}", one) for index, one in enumerate(value)], []


def _lines(body: bytes, limits: Limits) -> tuple[list[Item], list[ItemProblem]]:
    lines = [line for line in body.splitlines() if line.strip()]
    check_count(len(lines), limits)
    if not lines:
        raise RefusedError(RefusalKind.MALFORMED, "The body has no line.")
    good: list[Item] = []
    bad: list[ItemProblem] = []
    for index, line in enumerate(lines):
        try:
            good.append(_line(index, line, limits))
        except ItemError as error:
            bad.append(problem_of(error, index, f"/{index}", line, limits))
    return good, bad


def _line(index: int, line: bytes, limits: Limits) -> Item:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ItemError(ItemReason.MALFORMED_LINE, f"not JSON: {error}") from error
    if nests_deeper(value, limits.depth):
        raise ItemError(ItemReason.TOO_DEEP, f"nests deeper than {limits.depth} levels")
    return Item(index, f"/{index}", value, line)


def as_object(item: Item, limits: Limits) -> dict[str, object]:
    """Return the item's members. Raises ItemError: NOT_AN_OBJECT, TOO_LARGE."""
    if not isinstance(item.value, dict):
        raise ItemError(ItemReason.NOT_AN_OBJECT, "an item is a JSON object")
    size = len(item.as_bytes())
    if size > limits.item:
        raise ItemError(ItemReason.TOO_LARGE, f"{size} bytes, more than {limits.item}")
    return item.value
