"""Lists in pages, each continued from where the last ended (keyset pagination), never by counting rows.

What comes in between two pages moves nothing: a row that was there when the first was asked for is seen exactly once, as
long as its own sort value stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from schemas.errors import InvalidRequestError
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.conditions import EVERYTHING, Condition
from sinks.clickhouse.query import Parameter, Query, QueryInfo

__all__ = [
    "LIMITS",
    "MAX_PAGE",
    "SEVERITY_RANK",
    "Page",
    "PageRequest",
    "Position",
    "Sort",
    "SortType",
    "ask_page",
    "has_element",
    "last_revisions",
    "paging",
    "without_position",
]

MAX_PAGE: Final = 1_000
"""Rows of one page, at most."""

LIMITS: Final = "SETTINGS max_execution_time = 20, max_threads = 1"
"""Seconds after which ClickHouse gives a list up: UnavailableError. Many lists are read at once: a thread for each will do."""

SEVERITY_RANK: Final = "toInt64(indexOf(['cleared', 'warning', 'minor', 'major', 'critical'], severity))"
"""Severities in order, the worst highest."""

_LAST_REVISIONS: Final = """SELECT {columns}, {value} AS position_value, {id} AS position_id
FROM (
  SELECT *
  FROM {table}
  WHERE tenant = {{tenant:String}}
  ORDER BY {id}, revision DESC, occurred_at DESC
  LIMIT 1 BY {id}
)
WHERE {where}
ORDER BY {order}
LIMIT {{limit:UInt64}}
{limits}"""

_Row = TypeVar("_Row")


class SortType(Enum):
    """The ClickHouse type of what is sorted by."""

    INSTANT = "DateTime64(6, 'UTC')"
    INTEGER = "Int64"
    NUMBER = "Float64"


@dataclass(frozen=True, slots=True)
class Sort:
    """What rows can be ordered by: an expression over the list's columns that is never NULL and never NaN."""

    sql: str
    type: SortType = SortType.INSTANT


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: its last row's sort value as text, and that row's id."""

    value: str
    id: str


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`sort` is a name that the list knows; ids break ties, ascending either way. `limit` is in rows, up to MAX_PAGE."""

    sort: str
    descending: bool = True
    after: Position | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Page(Generic[_Row]):
    """Rows, how they were got, and where the next page begins; None after the last."""

    rows: tuple[_Row, ...]
    info: QueryInfo
    next: Position | None


@dataclass(frozen=True, slots=True)
class Paging:
    """The pieces of SQL that make a page: what lies after the position, the order, and the sort value to select."""

    after: Condition
    order: str
    value: str
    limit: int


def paging(request: PageRequest, sorts: Mapping[str, Sort], id_column: str) -> Paging:
    """Return the pieces. Raises InvalidRequestError for a sort the list has not, a position of another, a wrong limit."""
    sort = sorts.get(request.sort)
    if sort is None:
        raise InvalidRequestError(
            f"cannot sort by {request.sort!r}", cure=f"Sort by one of {', '.join(sorted(sorts))}."
        )
    if not 1 <= request.limit <= MAX_PAGE:
        raise InvalidRequestError(f"a page has 1 to {MAX_PAGE} rows, not {request.limit}")
    direction = "DESC" if request.descending else "ASC"
    return Paging(
        after=EVERYTHING if request.after is None else _beyond(request.after, sort, request, id_column),
        order=f"{sort.sql} {direction}, {id_column}",
        value=sort.sql,
        limit=request.limit,
    )


def without_position(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row as the list knows it, without what says where it stands."""
    return {name: value for name, value in row.items() if not name.startswith("position_")}


def _beyond(position: Position, sort: Sort, request: PageRequest, id_column: str) -> Condition:
    value = f"{{after_value:{sort.type.value}}}"
    sign = "<" if request.descending else ">"
    sql = f"({sort.sql} {sign} {value} OR ({sort.sql} = {value} AND {id_column} > {{after_id:String}}))"
    return Condition(sql, {"after_value": _parsed(position.value, sort.type), "after_id": position.id})


def _parsed(text: str, kind: SortType) -> Parameter:
    try:
        return _PARSERS[kind](text)
    except ValueError as error:
        raise InvalidRequestError(
            f"no position of this list: {error}", cure="Begin at the first page."
        ) from None


def _instant(text: str) -> Parameter:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at


def _number(text: str) -> Parameter:
    value = float(text)
    if math.isnan(value):
        raise ValueError("NaN is nowhere in an order")
    return value


_PARSERS: Final[Mapping[SortType, Callable[[str], Parameter]]] = {
    SortType.INSTANT: _instant,
    SortType.INTEGER: int,
    SortType.NUMBER: _number,
}


async def ask_page(
    clickhouse: ClickHouse, query: Query, paged: Paging, make: Callable[[Mapping[str, Any]], _Row]
) -> Page[_Row]:
    """Run a list's query and cut the page.

    The SQL selects `paged.value AS position_value` and the row's id as `position_id`, and is limited by
    `{limit:UInt64}`, which is filled in here: one more than the page has, to know whether another follows.
    """
    wanted = Query(query.name, query.sql, {**query.parameters, "limit": paged.limit + 1})
    found = await clickhouse.query(wanted)
    rows = found.rows[: paged.limit]
    position = _end(rows) if len(found.rows) > paged.limit else None
    return Page(tuple(make(row) for row in rows), found.info, position)


def last_revisions(table: str, id_column: str, columns: str, where: Condition, paged: Paging) -> str:
    """Return the SQL of a page of the rows with each id's last revision; what an older one said counts no more.

    An incident's opening, say, moves back when an older alarm joins. A row that is there twice changes nothing of what
    comes last, so FINAL is not needed; name the `columns`: the whole events are ten times the rest, and need not be read.
    Takes the parameters `tenant` and `limit`.
    """
    return _LAST_REVISIONS.format(
        table=table,
        id=id_column,
        columns=columns,
        value=paged.value,
        where=where.sql,
        order=paged.order,
        limits=LIMITS,
    )


def _end(rows: Sequence[Mapping[str, Any]]) -> Position:
    value = rows[-1]["position_value"]
    return Position(
        value.isoformat() if isinstance(value, datetime) else repr(value), rows[-1]["position_id"]
    )


def has_element(column: str, value: str) -> Condition:
    """The array column has this element; an empty text asks for nothing."""
    return (
        Condition(f"has({column}, {{in_{column}:String}})", {f"in_{column}": value}) if value else EVERYTHING
    )
