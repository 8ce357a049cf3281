"""Whether this process can serve: every probe asked at once, each with a time-out, the answers kept for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from api.ports import Clock, Probe
from schemas.errors import TocsinError

__all__ = ["Finding", "Readiness"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one probe said: `detail` is what was found or why it is not ready; `seconds` is how long it took."""

    name: str
    ready: bool
    detail: str
    seconds: float


class Readiness:
    """Asks the probes at most once per `keep_s`, however many ask for the answer."""

    def __init__(self, probes: Sequence[Probe], clock: Clock, *, timeout_s: float, keep_s: float) -> None:
        self._probes = tuple(probes)
        self._clock = clock
        self._timeout_s = timeout_s
        self._keep_s = keep_s
        self._turn = asyncio.Lock()
        self._found: tuple[Finding, ...] = ()
        self._until = float("-inf")

    async def look(self) -> tuple[Finding, ...]:
        """Return what each probe says, at most `keep_s` old. Never raises, takes at most about the time-out."""
        async with self._turn:
            if self._clock.monotonic() >= self._until:
                self._found = tuple(await asyncio.gather(*(self._ask(probe) for probe in self._probes)))
                self._until = self._clock.monotonic() + self._keep_s
            return self._found

    async def _ask(self, probe: Probe) -> Finding:
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                detail, ready = await probe.check(), True
        except TimeoutError:
            detail, ready = f"no answer within {self._timeout_s:g} s", False
        except TocsinError as error:
            detail, ready = str(error), False
        return Finding(probe.name, ready, detail, self._clock.monotonic() - started)
