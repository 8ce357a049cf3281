"""What keeps a thousand waiting investigations from costing what a thousand working ones would."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from agents.analysis.findings import Source
from agents.ports import Clock, Freshness, Landed
from schemas.errors import UnavailableError
from schemas.events import InvestigationRequested
from streams.jobs.slots import Claim, Slots

__all__ = ["SharedFreshness", "WorkingSteps"]


class WorkingSteps:
    """Satisfies agents.place_ports.Gate: fair among tenants, then by priority, then the oldest request first.

    The oldest first brings reports out one after the other; in turns, all would come at the end.
    """

    def __init__(self, limit: int) -> None:
        self._slots = Slots(limit)

    @property
    def full(self) -> bool:
        return self._slots.full

    def place(self, request: InvestigationRequested) -> AbstractAsyncContextManager[None]:
        return self._slots.held(Claim(request.tenant, request.priority, request.requested_at.timestamp()))


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one source was last known to be: landed, not known, or why it could not be asked."""

    until: float
    told: Landed | UnavailableError | None


class SharedFreshness:
    """Satisfies agents.ports.Freshness: asks `inner` at most once per tenant, source and `keep_s` for all who wait.

    An answer that is `keep_s` seconds old is still true, because what has landed stays so.
    """

    def __init__(self, inner: Freshness, clock: Clock, keep_s: float) -> None:
        self._inner = inner
        self._clock = clock
        self._keep_s = keep_s
        self._known: dict[tuple[str, Source], _Answer] = {}
        self._turns: defaultdict[tuple[str, Source], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def landed_until(self, tenant: str, sources: Sequence[Source]) -> Mapping[Source, Landed]:
        """Return the state of each source asked for. Raises UnavailableError for all who ask within `keep_s` of one."""
        landed: dict[Source, Landed] = {}
        for source in sources:
            told = await self._told(tenant, source)
            if isinstance(told, UnavailableError):
                raise UnavailableError(str(told))
            if told is not None:
                landed[source] = told
        return landed

    async def _told(self, tenant: str, source: Source) -> Landed | UnavailableError | None:
        name = (tenant, source)
        async with self._turns[name]:
            known = self._known.get(name)
            if known is None or self._clock.monotonic() >= known.until:
                told = await self._ask(tenant, source)
                known = _Answer(self._clock.monotonic() + self._keep_s, told)
                self._known[name] = known
            return known.told

    async def _ask(self, tenant: str, source: Source) -> Landed | UnavailableError | None:
        try:
            return (await self._inner.landed_until(tenant, [source])).get(source)
        except UnavailableError as error:
            return error
