"""A query as a value: SQL with typed placeholders, its parameters, and the text a person can paste."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Generic, TypeVar

from schemas.errors import InvalidRequestError

__all__ = ["Answer", "Limit", "Parameter", "Query", "QueryInfo"]

Parameter = str | int | float | datetime | tuple[str, ...]
"""What a placeholder may be filled with; a datetime needs a time zone."""

_Row = TypeVar("_Row")
_PLACEHOLDER = re.compile(r"\{(\w+):([^{}]+)\}")
_ESCAPES = {
    "\\": "\\\\",
    "'": "\\'",
    "\n": "\\n",
    "\t": "\\t",
    "\r": "\\r",
    "\0": "\\0",
    "\b": "\\b",
    "\f": "\\f",
}
_ESCAPING = str.maketrans(_ESCAPES)


@dataclass(frozen=True, slots=True)
class QueryInfo:
    """What a query was and did: the SQL with its parameters filled in, rows read, milliseconds as the caller saw them."""

    sql: str
    rows_read: int
    duration_ms: float


@dataclass(frozen=True, slots=True)
class Answer(Generic[_Row]):
    """Rows and how they were got. `truncated`: the row limit was reached, there may be more.

    `one_in`: these are every so many-th of what there is.
    """

    rows: tuple[_Row, ...]
    info: QueryInfo
    truncated: bool = False
    one_in: int = 1


@dataclass(frozen=True, slots=True)
class Limit:
    """How many rows a query may return, and after how many seconds ClickHouse ends it; None: as any other query."""

    rows: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """`sql` holds ClickHouse placeholders (`{tenant:String}`); `name` is its label in metrics.

    After `seconds` the server ends it (TimeLimitError); None: when the client's own patience ends.
    """

    name: str
    sql: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    seconds: float | None = None

    def rendered(self) -> str:
        """The SQL with literals for placeholders: the same rows when pasted into any client.

        Without parameters the SQL is taken as it is. Raises InvalidRequestError for a placeholder left over.
        """
        return _PLACEHOLDER.sub(self._literal, self.sql) if self.parameters else self.sql

    def bound(self) -> dict[str, str | int | float | list[str]]:
        """The parameters as ClickHouse's server-side binding takes them."""
        return {name: _bound(value) for name, value in self.parameters.items()}

    def _literal(self, placeholder: re.Match[str]) -> str:
        name, type_name = placeholder.groups()
        if name not in self.parameters:
            raise InvalidRequestError(f"query {self.name} lacks its parameter {name}")
        return _rendered(self.parameters[name], type_name.strip())


def _bound(value: Parameter) -> str | int | float | list[str]:
    if isinstance(value, datetime):
        return _instant(value)
    return list(value) if isinstance(value, tuple) else value


def _rendered(value: Parameter, type_name: str) -> str:
    if isinstance(value, datetime):
        return f"CAST({_quoted(_instant(value))}, {_quoted(type_name)})"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, tuple):
        # An empty array literal has no element type of its own.
        return f"CAST([{', '.join(map(_quoted, value))}], {_quoted(type_name)})"
    return repr(value)


def _instant(at: datetime) -> str:
    if at.tzinfo is None:
        raise InvalidRequestError("an instant needs a time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _quoted(text: str) -> str:
    return f"'{text.translate(_ESCAPING)}'"
