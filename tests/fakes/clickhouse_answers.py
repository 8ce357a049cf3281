"""A ClickHouse that answers from a script and remembers what it was asked: for tests of what is sent and made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.errors import TocsinError
from sinks.clickhouse.client import ClickHouse, Columns, Rows
from sinks.clickhouse.native import NativeBlock
from sinks.clickhouse.query import Query, QueryInfo

__all__ = ["AnsweringClickHouse", "Insert"]


@dataclass(frozen=True, slots=True)
class Insert:
    table: str
    columns: Columns | NativeBlock
    token: str


@dataclass
class AnsweringClickHouse(ClickHouse):
    """`answer` gives each query's rows; `refuse` fails what it names, an insert by table or a statement by its text."""

    answer: Callable[[Query], Sequence[Mapping[str, Any]]] = field(default=lambda _: ())
    refuse: Callable[[str], TocsinError | None] = field(default=lambda _: None)
    queries: list[Query] = field(default_factory=list)
    inserts: list[Insert] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)

    async def query(self, query: Query) -> Rows:
        self.queries.append(query)
        query.bound()
        return Rows(tuple(self.answer(query)), QueryInfo(query.rendered(), 11, 2.5))

    async def insert(self, table: str, columns: Columns | NativeBlock, token: str) -> None:
        self._check(table)
        self.inserts.append(Insert(table, columns, token))

    async def execute(self, sql: str) -> None:
        self._check(sql)
        self.statements.append(sql)

    def _check(self, what: str) -> None:
        error = self.refuse(what)
        if error is not None:
            raise error
