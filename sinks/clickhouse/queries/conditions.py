"""Pieces that queries are put together from. SQL comes from here and its callers only; values are parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sinks.clickhouse.query import Parameter

__all__ = [
    "EVERYTHING",
    "Condition",
    "Scope",
    "WideScope",
    "among",
    "both",
    "bounds",
    "equal",
    "maybe_equal",
    "wide_bounds",
]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a question is about: one tenant, and [start, end] in event time."""

    tenant: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class WideScope:
    """Several tenants, or all of them (None: the caller has made sure that the asker may see them), and [start, end]."""

    tenants: tuple[str, ...] | None
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Condition:
    """A boolean SQL expression with its parameters."""

    sql: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


EVERYTHING: Final = Condition("true")


def equal(column: str, value: str) -> Condition:
    """The column has this value."""
    return Condition(f"{column} = {{{column}:String}}", {column: value})


def maybe_equal(column: str, value: str) -> Condition:
    """The column has this value; an empty text asks for nothing."""
    return equal(column, value) if value else EVERYTHING


def among(column: str, values: Collection[str] | None) -> Condition:
    """The column has one of the values; None asks for nothing, an empty collection for no row."""
    if values is None:
        return EVERYTHING
    name = f"{column}_among"
    return Condition(f"{column} IN {{{name}:Array(String)}}", {name: tuple(values)})


def bounds(scope: Scope, column: str) -> Condition:
    """The rows of the scope, by this column's time."""
    return both(equal("tenant", scope.tenant), _between(column, scope.start, scope.end))


def wide_bounds(scope: WideScope, column: str) -> Condition:
    """The rows of the scope, by this column's time."""
    return both(among("tenant", scope.tenants), _between(column, scope.start, scope.end))


def _between(column: str, start: datetime, end: datetime) -> Condition:
    sql = f"{column} >= {{start:DateTime64(6, 'UTC')}}\n  AND {column} <= {{end:DateTime64(6, 'UTC')}}"
    return Condition(sql, {"start": start, "end": end})


def both(*conditions: Condition) -> Condition:
    """All of them hold."""
    wanted = [condition for condition in conditions if condition is not EVERYTHING]
    parameters = {name: value for one in wanted for name, value in one.parameters.items()}
    return Condition("\n  AND ".join(one.sql for one in wanted) or "true", parameters)
