"""Schemas that were not known at the start, asked for when a message brings their id: each once, whoever waits."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from infra.runtime.schema_registry.client import SchemaText
from infra.runtime.schema_registry.texts import TopicsByRecord, as_registered
from schemas.errors import InvalidEventError, UnknownSchemaError
from schemas.registry import RegisteredSchema

__all__ = ["LearnedSchemas"]

_log = structlog.get_logger(__name__)

_LARGEST_ID: Final = 2**31 - 1
_STRANGERS: Final = 10_000
"""Ids remembered that mean nothing here: garbage may bring any number of them."""


@dataclass(frozen=True, slots=True)
class _Stranger:
    detail: str
    until: float


class LearnedSchemas:
    """Satisfies SchemaSource. Belongs to one event loop. An id that means nothing is not asked for again for `keep_s`."""

    def __init__(
        self,
        ask: Callable[[int], Awaitable[SchemaText | None]],
        topics: TopicsByRecord,
        monotonic: Callable[[], float],
        keep_s: float = 30.0,
    ) -> None:
        """`ask` returns None for an id that the registry does not have, and raises UnavailableError."""
        self._ask = ask
        self._topics = topics
        self._monotonic = monotonic
        self._keep_s = keep_s
        self._known: dict[int, RegisteredSchema] = {}
        self._strangers: OrderedDict[int, _Stranger] = OrderedDict()
        self._asking: dict[int, asyncio.Task[None]] = {}

    def known(self, schema_id: int) -> RegisteredSchema | None:
        return self._known.get(schema_id)

    async def learn(self, schema_id: int) -> None:
        if not 0 < schema_id <= _LARGEST_ID:
            raise UnknownSchemaError(schema_id)
        stranger = self._strangers.get(schema_id)
        if stranger is not None and self._monotonic() < stranger.until:
            raise InvalidEventError(stranger.detail, reason="unknown_schema")
        task = self._asking.get(schema_id)
        if task is None:
            task = self._asking[schema_id] = asyncio.create_task(self._learn(schema_id))
            task.add_done_callback(lambda done: self._asked(schema_id, done))
        # Shielded: whoever gives up waiting takes the answer from nobody else.
        await asyncio.shield(task)

    def _asked(self, schema_id: int, task: asyncio.Task[None]) -> None:
        del self._asking[schema_id]
        if not task.cancelled():
            task.exception()

    async def _learn(self, schema_id: int) -> None:
        found = await self._ask(schema_id)
        try:
            if found is None:
                raise UnknownSchemaError(schema_id)
            self._known[schema_id] = as_registered(schema_id, found, self._topics)
        except InvalidEventError as error:
            self._remember(schema_id, str(error))
            raise
        self._strangers.pop(schema_id, None)
        _log.info("schema_learned", schema_id=schema_id, topic=self._known[schema_id].topic)

    def _remember(self, schema_id: int, detail: str) -> None:
        self._strangers[schema_id] = _Stranger(detail, self._monotonic() + self._keep_s)
        self._strangers.move_to_end(schema_id)
        while len(self._strangers) > _STRANGERS:
            self._strangers.popitem(last=False)
