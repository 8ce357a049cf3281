"""Columns of a table and how an event fills them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final, Protocol

from schemas.events import Event
from sinks.clickhouse.client import Columns
from sinks.clickhouse.native import NativeBlock
from sinks.ports import LandedMessage

__all__ = [
    "BOOL",
    "FLOAT",
    "INSTANT",
    "INT",
    "KEYWORD",
    "LABELS",
    "MAYBE_FLOAT",
    "MAYBE_INSTANT",
    "MAYBE_INT",
    "TEXT",
    "Column",
    "RowPerEvent",
    "Stamp",
    "TableWriter",
    "computed",
    "enum",
    "instant",
    "maybe_instant",
    "micros",
    "plain",
    "trailer",
]

TEXT: Final = "String"
KEYWORD: Final = "LowCardinality(String)"
INSTANT: Final = "DateTime64(6, 'UTC')"
MAYBE_INSTANT: Final = "Nullable(DateTime64(6, 'UTC'))"
INT: Final = "Int64"
MAYBE_INT: Final = "Nullable(Int64)"
FLOAT: Final = "Float64"
MAYBE_FLOAT: Final = "Nullable(Float64)"
BOOL: Final = "Bool"
LABELS: Final = "Map(String, String)"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What landing adds to every row: `landed_at_ms` unix ms, `expires_at` unix s by tenant, `epoch` of the log."""

    landed_at_ms: int
    expires_at: dict[str, int]
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its ClickHouse type, and its value in an event."""

    name: str
    type: str
    value: Callable[[Any], object]


class TableWriter(Protocol):
    """Turns the messages of one topic into the columns of one table. Pure."""

    @property
    def table(self) -> str: ...

    @property
    def event(self) -> type[Event]: ...

    def columns(self, messages: Sequence[LandedMessage], stamp: Stamp) -> Columns | NativeBlock:
        """Return the rows of these messages, in order; every event is of class `event`."""
        ...

    def rows_of(self, event: Event) -> int:
        """How many rows this event becomes."""
        ...


def plain(type_name: str, *names: str) -> tuple[Column, ...]:
    """Columns named as their fields, stored as they are."""
    return tuple(Column(name, type_name, attrgetter(name)) for name in names)


def enum(*names: str) -> tuple[Column, ...]:
    """Columns of text enums. StrEnum members are text, but slower to encode than their values."""
    return tuple(Column(name, KEYWORD, attrgetter(f"{name}.value")) for name in names)


def instant(*names: str) -> tuple[Column, ...]:
    """Columns of instants, in microseconds."""
    return tuple(Column(name, INSTANT, _micros_of(attrgetter(name))) for name in names)


def maybe_instant(*names: str) -> tuple[Column, ...]:
    """Columns of instants that may be missing."""
    return tuple(Column(name, MAYBE_INSTANT, _micros_of(attrgetter(name))) for name in names)


def computed(name: str, type_name: str, value: Callable[[Any], object]) -> tuple[Column, ...]:
    """A column that is more than a field."""
    return (Column(name, type_name, value),)


def micros(at: datetime) -> int:
    """Unix microseconds, exactly."""
    return (at - _EPOCH) // _MICROSECOND


def _micros_of(get: Callable[[Any], datetime | None]) -> Callable[[Any], int | None]:
    def value(event: Any) -> int | None:
        at = get(event)
        return None if at is None else micros(at)

    return value


_TRAILER: Final = (
    ("_topic", KEYWORD),
    ("_epoch", KEYWORD),
    ("_partition", "Int32"),
    ("_offset", "Int64"),
    ("_index", "UInt32"),
    ("landed_at", "DateTime64(3, 'UTC')"),
    ("expires_at", "DateTime('UTC')"),
)


def trailer(messages: Sequence[LandedMessage], counts: Sequence[int], stamp: Stamp) -> Columns:
    """Return where each row came from and how long it stays; message i has `counts[i]` rows."""
    rows = sum(counts)
    pairs = list(zip(messages, counts, strict=True))
    data: tuple[list[object], ...] = (
        _repeated((message.topic, count) for message, count in pairs),
        [stamp.epoch] * rows,
        _repeated((message.partition, count) for message, count in pairs),
        _repeated((message.offset, count) for message, count in pairs),
        [index for count in counts for index in range(count)],
        [stamp.landed_at_ms] * rows,
        _repeated((stamp.expires_at[message.event.tenant], count) for message, count in pairs),
    )
    return Columns(tuple(name for name, _ in _TRAILER), tuple(kind for _, kind in _TRAILER), data)


def _repeated(values: Any) -> list[object]:
    column: list[object] = []
    for value, count in values:
        column += [value] * count
    return column


_COMMON: Final = (*plain(TEXT, "event_id"), *plain(KEYWORD, "tenant"), *instant("occurred_at"))


class RowPerEvent:
    """A table with one row per event: the common columns, its own, and where the row came from."""

    def __init__(self, table: str, event: type[Event], *groups: tuple[Column, ...]) -> None:
        self.table = table
        self.event = event
        self._own = _COMMON + tuple(column for group in groups for column in group)

    def columns(self, messages: Sequence[LandedMessage], stamp: Stamp) -> Columns:
        events = [message.event for message in messages]
        rest = trailer(messages, [1] * len(events), stamp)
        return Columns(
            names=tuple(column.name for column in self._own) + rest.names,
            types=tuple(column.type for column in self._own) + rest.types,
            data=[*([column.value(event) for event in events] for column in self._own), *rest.data],
        )

    def rows_of(self, event: Event) -> int:  # noqa: ARG002 - every event is one row
        return 1
