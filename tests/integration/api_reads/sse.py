"""A reader of server-sent events, as plain as the specification."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

__all__ = ["SseEvent", "events_of", "listening"]


@dataclass(frozen=True, slots=True)
class SseEvent:
    name: str
    id: str
    data: dict[str, Any]


async def events_of(response: httpx.Response) -> AsyncIterator[SseEvent]:
    """Yield the events of a stream; comments and retry times are passed over."""
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield SseEvent(fields.get("event", "message"), fields.get("id", ""), json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, investigation_id: str, last_id: str = ""
) -> AsyncIterator[AsyncIterator[SseEvent]]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with client.stream(
        "GET", f"/v1/investigations/{investigation_id}/events", headers=headers
    ) as response:
        assert response.status_code == 200, await response.aread()
        yield events_of(response)
