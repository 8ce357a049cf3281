"""Server-sent events of the API, read through lost connections: each begins after the last event that came."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import httpx

from schemas.errors import InvalidRequestError, TocsinError, UnavailableError

__all__ = ["EventStream", "StreamEvent"]

_END: Final = "end"
_LONGEST_WAIT_S: Final = 10.0
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One event: its name, its id to resume from, its data as JSON text."""

    name: str
    id: str
    data: str


def _refusal(status: int, body: bytes) -> TocsinError:
    return InvalidRequestError(f"the API answers {status}: {body[:300].decode(errors='replace')}")


def _trusted(_error: httpx.HTTPError) -> None: ...


@dataclass(slots=True)
class EventStream:
    """Reads one stream. `patience_s` is how long no connection may be had before it gives up."""

    client: httpx.AsyncClient
    path: str
    patience_s: float
    sleep: Callable[[float], Awaitable[None]]
    lost: Callable[[str], None]
    """Told why a connection ended early."""
    monotonic: Callable[[], float] = time.monotonic
    refusal: Callable[[int, bytes], TocsinError] = _refusal
    """Says what an answer means that no second try will change."""
    untrusted: Callable[[httpx.HTTPError], TocsinError | None] = _trusted
    """Says what is wrong with a connection that will never be had; None where it may come back."""
    _last: str = ""
    _wait_s: float = 1.0
    _failures: int = 0
    _heard: float = field(default=0.0)

    async def events(self) -> AsyncIterator[StreamEvent]:
        """Yield the events up to and with `end`.

        Raises:
            TocsinError: what `refusal` or `untrusted` says: the API will not answer this.
            UnavailableError: no connection for longer than the patience.
        """
        self._heard = self.monotonic()
        while True:
            try:
                async for event in self._connection():
                    yield event
                    if event.name == _END:
                        return
            except httpx.UnsupportedProtocol as error:
                raise InvalidRequestError(
                    str(error), cure="Write the address as http://host:port."
                ) from error
            except httpx.HTTPError as error:
                hopeless = self.untrusted(error)
                if hopeless is not None:
                    raise hopeless from error
                await self._pause(repr(error))
            else:
                await self._pause("the stream ended")

    async def _connection(self) -> AsyncIterator[StreamEvent]:
        headers = {"Accept": "text/event-stream"}
        if self._last:
            headers["Last-Event-ID"] = self._last
        async with self.client.stream("GET", self.path, headers=headers) as response:
            if response.status_code == HTTPStatus.NO_CONTENT:
                yield StreamEvent(_END, self._last, "{}")
                return
            if response.status_code != HTTPStatus.OK:
                self._refused(response.status_code, await response.aread())
            async for event in self._parsed(response):
                yield event

    async def _parsed(self, response: httpx.Response) -> AsyncIterator[StreamEvent]:
        """Read as the HTML standard says (9.2.6), as far as the API writes it."""
        fields: dict[str, str] = {}
        async for line in response.aiter_lines():
            self._heard, self._failures = self.monotonic(), 0
            if line:
                name, _, value = line.partition(":")
                self._take(fields, name, value.removeprefix(" "))
            elif fields:
                self._last = fields.get("id", self._last)
                if "data" in fields:
                    yield StreamEvent(fields.get("event", "message"), self._last, fields["data"])
                fields = {}

    def _take(self, fields: dict[str, str], name: str, value: str) -> None:
        if name == "retry" and value.isdecimal():
            self._wait_s = min(int(value) / 1000, _LONGEST_WAIT_S)
        elif name == "data" and "data" in fields:
            fields["data"] += f"\n{value}"
        else:
            fields[name] = value

    def _refused(self, status: int, body: bytes) -> None:
        """Raise what the answer means; what may pass is raised as a lost connection."""
        if status in _PASSING:
            raise httpx.RemoteProtocolError(
                f"the API answers {status}: {body[:300].decode(errors='replace')}"
            )
        raise self.refusal(status, body)

    async def _pause(self, why: str) -> None:
        if self.monotonic() - self._heard > self.patience_s:
            raise UnavailableError(f"no connection for {self.patience_s:.0f} s: {why}", cure="Is the API up?")
        self.lost(why)
        await self.sleep(min(self._wait_s * 2**self._failures, _LONGEST_WAIT_S))
        self._failures += 1
