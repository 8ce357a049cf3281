"""chDB behind a typed face: one engine per process, a fresh connection per query.

A connection costs 0.3 ms and carries all state of a session (settings, database, temporary tables), so a
fresh one per query is what makes settings per query, also after an error. Everything here blocks and may be
called from several threads at once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import chdb
from chdb.state.sqlitelike import Connection, StreamingResult, connect

from infra.local.clickhouse_front.errors import BAD_ARGUMENTS, ClickHouseError
from infra.local.clickhouse_front.requests import Query
from infra.local.clickhouse_front.statements import Insertion, Statement
from schemas.errors import UnavailableError

__all__ = ["Answer", "Engine", "RowStream", "Summary"]

# Formats whose pieces may be put end to end: no header, no footer, no separator between rows.
_STREAMABLE: Final = frozenset(
    {
        "csv",
        "jsoncompacteachrow",
        "jsoneachrow",
        "jsonlines",
        "native",
        "ndjson",
        "rowbinary",
        "tabseparated",
        "tabseparatedraw",
        "tsv",
        "tsvraw",
    }
)


@dataclass(frozen=True, slots=True)
class Summary:
    """What X-ClickHouse-Summary says: rows and bytes read and written, elapsed nanoseconds."""

    read_rows: int
    read_bytes: int
    written_rows: int
    written_bytes: int
    elapsed_ns: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole result; `format` is None for a statement that returns no rows."""

    body: bytes
    format: str | None
    summary: Summary


class RowStream:
    """A SELECT's result in pieces of about one block; the owner calls `close`, also after an error."""

    def __init__(self, connection: Connection, result: StreamingResult, output: str) -> None:
        self.format = output
        self._connection = connection
        self._result = result

    def read(self) -> bytes | None:
        """The next piece, or None at the end. Raises ClickHouseError."""
        try:
            piece = self._result.fetch()  # type: ignore[no-untyped-call]  # chDB leaves it unannotated
        except chdb.ChdbError as error:
            raise ClickHouseError.from_engine(str(error)) from error
        return None if piece is None else _bytes(piece)

    def close(self) -> None:
        """Cancel what is left and give the connection back."""
        with suppress(chdb.ChdbError):
            self._result.cancel()  # type: ignore[no-untyped-call]  # chDB leaves it unannotated
        self._connection.close()


class Engine:
    """Owns the directory: a second process on it is refused by the engine. `close` ends it for good.

    The directory holds the engine's own files in `engine/` and bodies of inserts under way in `incoming/`.
    """

    def __init__(self, directory: Path) -> None:
        self._path = str(directory / "engine")
        self._incoming = directory / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        for abandoned in self._incoming.iterdir():
            abandoned.unlink()
        self._keeper = self._connect()
        self.version = _bytes(self._keeper.query("SELECT version()", "TabSeparated")).decode().strip()
        self.timezone = _bytes(self._keeper.query("SELECT timezone()", "TabSeparated")).decode().strip()

    def _connect(self) -> Connection:
        try:
            return connect(self._path)
        except RuntimeError as error:
            raise UnavailableError(
                f"the embedded ClickHouse cannot open {self._path}: {error}",
                cure="Another process may own this directory: stop it, or name another one.",
            ) from error

    def run(self, query: Query, tag: str) -> Answer:
        """Run to the end. `tag` names the query for `cancel`. Raises ClickHouseError."""
        with self._session(query, tag) as connection:
            if isinstance(query.statement, Insertion):
                return self._insert(connection, query, query.statement)
            return _execute(connection, query, query.statement)

    def open_stream(self, query: Query, tag: str) -> RowStream | None:
        """Start a SELECT whose result comes in pieces, or None where `run` must do. Raises ClickHouseError."""
        statement = query.statement
        if query.buffered or isinstance(statement, Insertion) or not statement.is_select:
            return None
        output = statement.format or query.default_format
        if output.lower() not in _STREAMABLE:
            return None
        connection = self._prepared(query, tag)
        try:
            result = connection.send_query(
                _text(statement.sql), query.default_format, params=dict(query.parameters)
            )
        except chdb.ChdbError as error:
            connection.close()
            refused = ClickHouseError.from_engine(str(error))
            if refused.code == BAD_ARGUMENTS and "Streaming query is not supported" in str(refused):
                return None
            raise refused from error
        return RowStream(connection, result, output)

    def cancel(self, tag: str) -> None:
        """Ask the engine to stop the query of this tag; returns at once, and is harmless if it is over."""
        self._kill(f"Settings['log_comment'] = {_quoted(tag)}")

    def cancel_all(self) -> None:
        """Ask the engine to stop everything that runs; returns at once."""
        self._kill("1")

    def close(self) -> None:
        """Close the engine; callers have stopped calling."""
        self._keeper.close()

    def _kill(self, condition: str) -> None:
        connection = self._connect()
        try:
            connection.query(f"KILL QUERY WHERE {condition} ASYNC", "Null")
        except chdb.ChdbError as error:
            raise ClickHouseError.from_engine(str(error)) from error
        finally:
            connection.close()

    @contextmanager
    def _session(self, query: Query, tag: str) -> Iterator[Connection]:
        connection = self._prepared(query, tag)
        try:
            yield connection
        except chdb.ChdbError as error:
            raise ClickHouseError.from_engine(str(error)) from error
        finally:
            connection.close()

    def _prepared(self, query: Query, tag: str) -> Connection:
        connection = self._connect()
        try:
            for statement in _preparation(query, tag):
                connection.query(statement, "Null")
        except chdb.ChdbError as error:
            connection.close()
            raise ClickHouseError.from_engine(str(error)) from error
        return connection

    def _insert(self, connection: Connection, query: Query, insertion: Insertion) -> Answer:
        """Through a file: FROM INFILE reads every input format and keeps the settings of the statement."""
        with tempfile.NamedTemporaryFile(dir=self._incoming) as file:
            file.write(insertion.data)
            file.flush()
            sql = (
                f"{insertion.into} FROM INFILE {_quoted(file.name)} COMPRESSION 'none' "
                f"{insertion.settings} FORMAT {insertion.format}"
            )
            result = connection.query(sql, "Null", params=dict(query.parameters))
        # The engine counts rows read from the file as the rows of the insert.
        return Answer(b"", None, _summary(result, written=(result.rows_read(), result.bytes_read())))


def _preparation(query: Query, tag: str) -> Iterator[str]:
    if query.database:
        yield f"USE {_identifier(query.database)}"
    # `readonly` comes last: it forbids changing settings.
    chosen = {"log_comment": tag, **dict(query.settings)}
    readonly = chosen.pop("readonly", "2" if query.read_only else "")
    yield "SET " + ", ".join(f"{name} = {_quoted(value)}" for name, value in chosen.items())
    if readonly:
        yield f"SET readonly = {_quoted(readonly)}"


def _execute(connection: Connection, query: Query, statement: Statement) -> Answer:
    output = statement.format or query.default_format
    result = connection.query(_text(statement.sql), query.default_format, params=dict(query.parameters))
    if isinstance(result, str):
        return Answer(result.encode(), output if statement.returns_rows else None, Summary(0, 0, 0, 0, 0))
    body = _bytes(result)
    shown = output if body or statement.returns_rows else None
    return Answer(body, shown, _summary(result, written=(result.rows_written(), result.bytes_written())))


def _summary(result: Any, *, written: tuple[int, int]) -> Summary:
    return Summary(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=written[0],
        written_bytes=written[1],
        elapsed_ns=int(result.elapsed() * 1e9),
    )


def _bytes(result: Any) -> bytes:
    """An engine answers an empty result with an empty string instead of a result object."""
    return result.encode() if isinstance(result, str) else bytes(result.bytes() or b"")


def _text(sql: bytes) -> str:
    """The engine takes bytes too, and a statement with binary literals is not UTF-8."""
    return sql  # type: ignore[return-value]  # chDB annotates only str


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _identifier(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"
