"""What a parser makes of a body: events, and a problem for each item that it could not take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

import orjson
from pydantic import ValidationError

from api.intake.limits import Limits
from api.intake.refusal import ItemError, ItemReason, RefusalKind, RefusedError
from schemas.events import Event

__all__ = ["Arrival", "Item", "ItemProblem", "Parsed", "check_count", "problem_of", "sort_out"]

_DETAIL: Final = 500
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Whose request it is and when it came. `source` is what events call their source that do not say it themselves."""

    tenant: str
    source: str
    at: datetime
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a body: its number from 0, its JSON pointer, its value as orjson reads it; `line` if it was one."""

    index: int
    pointer: str
    value: object
    line: bytes | None = None

    def as_bytes(self) -> bytes:
        """Return it as it came, as far as JSON can tell."""
        return orjson.dumps(self.value) if self.line is None else self.line


@dataclass(frozen=True, slots=True)
class ItemProblem:
    """Why an item was not taken. `raw` is the item as it came; None where it is not to be kept."""

    index: int
    pointer: str
    reason: ItemReason
    detail: str
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class Parsed:
    """A body, sorted out. `accepted` counts items: many samples make one event."""

    events: tuple[Event, ...]
    accepted: int
    problems: tuple[ItemProblem, ...] = ()
    truncated: int = 0
    """How many items the sender says it has left out itself."""


def check_count(count: int, limits: Limits) -> None:
    """Raise RefusedError where a body brings more items than it may."""
    if count > limits.items:
        raise RefusedError(
            RefusalKind.TOO_MANY,
            f"The body has {count} items; a request may bring {limits.items}.",
            limit=limits.items,
            value=count,
            cure="Send smaller batches.",
        )


def sort_out(
    items: Iterable[Item],
    parse: Callable[[Item], _T],
    limits: Limits,
    *,
    raw: Callable[[Item], bytes] = Item.as_bytes,
) -> tuple[list[_T], list[ItemProblem]]:
    """Parse each item; one that raises ItemError, ValidationError, ValueError or OverflowError becomes a problem.

    `raw` gives an item as it came.
    """
    good: list[_T] = []
    bad: list[ItemProblem] = []
    for item in items:
        try:
            good.append(parse(item))
        except (
            ValueError,
            OverflowError,
        ) as error:  # ItemError and pydantic's ValidationError are ValueErrors
            bad.append(problem_of(error, item.index, item.pointer, raw(item), limits))
    return good, bad


def problem_of(error: Exception, index: int, pointer: str, raw: bytes | None, limits: Limits) -> ItemProblem:
    """Return the problem that an error is. What is larger than an item may be is not kept."""
    reason, where, detail = _told(error)
    kept = reason is not ItemReason.UNSUPPORTED and raw is not None and len(raw) <= limits.item
    return ItemProblem(index, pointer + where, reason, detail[:_DETAIL], raw if kept else None)


def _told(error: Exception) -> tuple[ItemReason, str, str]:
    match error:
        case ItemError():
            return error.reason, error.pointer, error.detail
        case ValidationError():
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            missing = first["type"] == "missing"
            where = "".join(f"/{_escaped(part)}" for part in first["loc"])
            return ItemReason.MISSING_FIELD if missing else ItemReason.INVALID_VALUE, where, first["msg"]
        case _:
            return ItemReason.INVALID_VALUE, "", str(error)


def _escaped(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")[:100]
