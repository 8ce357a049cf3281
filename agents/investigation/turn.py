"""One investigation's turn among its tenant's: taken before its first step that costs, given back at its end."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from agents.place_ports import Queued, Turns
from schemas.events.investigation import InvestigationRequested

__all__ = ["Turn"]


@dataclass(slots=True)
class Turn:
    """Belongs to one run; its steps may ask for it side by side."""

    turns: Turns
    request: InvestigationRequested
    _held: AsyncExitStack = field(default_factory=AsyncExitStack)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _taken: bool = False

    async def take(self, queued: Queued) -> None:
        """Return once it is this investigation's turn; at once from then on. Raises UnavailableError."""
        async with self._asking:
            if not self._taken:
                await self._held.enter_async_context(self.turns.place(self.request, queued))
                self._taken = True

    async def give_back(self) -> None:
        """Let the next one have it. Does not raise; harmless where it was never taken."""
        await self._held.aclose()
