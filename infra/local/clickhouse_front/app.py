"""The ASGI application: who may ask, how much, and how many at once; then one exchange per request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any, Final

from infra.local.clickhouse_front.access import check_access
from infra.local.clickhouse_front.errors import BAD_ARGUMENTS, QUERY_IS_TOO_LARGE, ClickHouseError
from infra.local.clickhouse_front.exchange import Exchange, Exchanges
from infra.local.clickhouse_front.replies import OK, Headers, Send, error_reply, no_handle_reply, send_reply
from infra.local.clickhouse_front.requests import Credentials, RawRequest, parse_credentials
from infra.local.clickhouse_front.slots import Slots

__all__ = ["Front", "Limits"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

_PROBES: Final = frozenset({"/ping", "/replicas_status"})


@dataclass(frozen=True, slots=True)
class Limits:
    """`allowed` None lets everybody in; `max_body` bounds a request's body as sent, in bytes."""

    allowed: Credentials | None
    max_body: int


class Front:
    """Serves `/` and `/ping`. Owns nothing: who made the engine and its threads closes them."""

    def __init__(
        self, exchanges: Exchanges, slots: Slots, limits: Limits, *, new_tag: Callable[[], str]
    ) -> None:
        self._exchanges = exchanges
        self._slots = slots
        self._limits = limits
        self._new_tag = new_tag

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        head = _raw_request(scope)
        tag = self._new_tag()
        headers = (*self._exchanges.headers, ("x-clickhouse-query-id", _query_id(head) or tag))
        if scope["path"] in _PROBES:
            await send_reply(send, OK, headers)
        elif scope["path"] != "/":
            await send_reply(send, no_handle_reply(scope["path"]), headers)
        else:
            try:
                await self._answer(head, tag, headers, receive, send)
            except ClickHouseError as error:
                await send_reply(send, error_reply(error, self._exchanges.version), headers)

    async def _answer(
        self, head: RawRequest, tag: str, headers: Headers, receive: Receive, send: Send
    ) -> None:
        check_access(parse_credentials(head), self._limits.allowed)
        raw = replace(head, body=await _read_body(receive, self._limits.max_body))
        if raw.is_read_only and not raw.body and "query" not in raw.url_params:
            await send_reply(send, OK, headers)
            return
        gone = asyncio.create_task(_disconnected(receive))
        try:
            async with self._slots.take():
                await self._exchanges.run(Exchange(raw, tag, gone, send, headers))
        finally:
            gone.cancel()


def _raw_request(scope: Message) -> RawRequest:
    return RawRequest(
        method=scope["method"],
        query_string=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
    )


def _query_id(raw: RawRequest) -> str:
    """The client's own id for its query, where a header can carry it back."""
    asked = raw.url_params.get("query_id", "")
    return asked if asked.isascii() and asked.isprintable() else ""


async def _read_body(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClickHouseError.refusal(BAD_ARGUMENTS, "the client left before its request was complete")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise ClickHouseError.refusal(
                QUERY_IS_TOO_LARGE, f"the body is larger than {limit} bytes: send smaller batches"
            )
    return bytes(body)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
