"""One HTTP exchange, from the whole request to the last byte of the response."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final, TypeVar

from infra.local.clickhouse_front.compression import Compressor, compressor
from infra.local.clickhouse_front.engine import Engine, RowStream
from infra.local.clickhouse_front.errors import ClickHouseError
from infra.local.clickhouse_front.replies import (
    Headers,
    Send,
    answer_reply,
    exception_block,
    send_piece,
    send_reply,
    send_start,
)
from infra.local.clickhouse_front.requests import Query, RawRequest, parse_query
from infra.local.clickhouse_front.statements import Statement

__all__ = ["Exchange", "Exchanges", "Workers"]

T = TypeVar("T")

_CANCEL_EVERY_S: Final = 0.25
_EXCEPTION_TAG_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class Workers:
    """Threads for the engine's blocking calls: `queries` one per slot, `control` to cancel beside them."""

    queries: Executor
    control: Executor


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request under way; `tag` names its query to the engine, `gone` ends when the client has left."""

    raw: RawRequest
    tag: str
    gone: asyncio.Task[None]
    send: Send
    headers: Headers


class Exchanges:
    """Runs exchanges on an engine.

    A SELECT in a format that can be cut is streamed unless the client sets wait_end_of_query=1; every other
    result is held in memory once. A read whose client leaves is cancelled; a write runs to its end.
    """

    def __init__(self, engine: Engine, workers: Workers) -> None:
        self._engine = engine
        self._workers = workers

    @property
    def headers(self) -> Headers:
        """What every response says."""
        return (
            ("x-clickhouse-timezone", self._engine.timezone),
            ("x-clickhouse-server-display-name", "tocsin"),
        )

    @property
    def version(self) -> str:
        return self._engine.version

    async def run(self, exchange: Exchange) -> None:
        """Answer the request. Raises ClickHouseError as long as nothing of the response has been sent."""
        query = await self._call(lambda: parse_query(exchange.raw))
        stream = await self._call(lambda: self._engine.open_stream(query, exchange.tag))
        if stream is not None:
            await self._stream(exchange, query, stream)
            return
        reply = await self._attended(
            exchange,
            lambda: answer_reply(self._engine.run(query, exchange.tag), query.encoding),
            cancellable=isinstance(query.statement, Statement) and query.statement.returns_rows,
        )
        await send_reply(exchange.send, reply, exchange.headers)

    async def _stream(self, exchange: Exchange, query: Query, stream: RowStream) -> None:
        """The first piece is read before the status is sent, so that most errors have their own status."""
        packer = None if query.encoding is None else compressor(query.encoding)
        try:
            first = await self._piece(exchange, stream, packer)
            await send_start(
                exchange.send, 200, (*exchange.headers, *_stream_headers(exchange, query, stream))
            )
            await self._send_rest(exchange, stream, packer, first)
        finally:
            await self._call(stream.close)

    async def _send_rest(
        self, exchange: Exchange, stream: RowStream, packer: Compressor | None, first: bytes | None
    ) -> None:
        """A failure is told within the body, which then lacks its end: no client takes it for whole."""
        piece = first
        try:
            while piece is not None and not exchange.gone.done():
                await send_piece(exchange.send, piece, more=True)
                piece = await self._piece(exchange, stream, packer)
        except ClickHouseError as error:
            block = exception_block(error, _exception_tag(exchange))
            packed = block if packer is None else packer.compress(block) + packer.flush()
            await send_piece(exchange.send, packed, more=True)
        else:
            await send_piece(exchange.send, b"" if packer is None else packer.flush(), more=False)

    async def _piece(self, exchange: Exchange, stream: RowStream, packer: Compressor | None) -> bytes | None:
        return await self._attended(exchange, lambda: _packed(stream.read(), packer), cancellable=True)

    async def _attended(self, exchange: Exchange, work: Callable[[], T], *, cancellable: bool) -> T:
        """The work's result; while its client is gone the engine is asked to give up, until it does."""
        running = asyncio.ensure_future(self._call(work))
        if cancellable:
            await asyncio.wait({running, exchange.gone}, return_when=asyncio.FIRST_COMPLETED)
            while not running.done():
                await _on(self._workers.control, lambda: self._engine.cancel(exchange.tag))
                await asyncio.wait({running}, timeout=_CANCEL_EVERY_S)
        return await running

    async def _call(self, work: Callable[[], T]) -> T:
        return await _on(self._workers.queries, work)


async def _on(executor: Executor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(executor, work)


def _exception_tag(exchange: Exchange) -> str:
    return exchange.tag.replace("-", "")[:_EXCEPTION_TAG_LENGTH]


def _stream_headers(exchange: Exchange, query: Query, stream: RowStream) -> Headers:
    headers: Headers = (
        ("content-type", "text/plain; charset=UTF-8"),
        ("x-clickhouse-format", stream.format),
        ("x-clickhouse-exception-tag", _exception_tag(exchange)),
    )
    return headers if query.encoding is None else (*headers, ("content-encoding", query.encoding))


def _packed(piece: bytes | None, packer: Compressor | None) -> bytes | None:
    return piece if piece is None or packer is None else packer.compress(piece)
