"""The budget in memory: right within one process, forgotten with it. The embedded default and the tests' fake."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.errors import BudgetExceededError, InvalidRequestError

__all__ = ["InMemoryBudget"]


@dataclass(slots=True)
class InMemoryBudget:
    """`Budget` over a dict. `limits` is nano-USD per scope; a scope without a limit is counted but not bounded.

    Holds have no expiry here: the holder and the budget die together.
    """

    limits: Mapping[str, int] = field(default_factory=dict)
    _spent: dict[str, int] = field(default_factory=dict, init=False)
    _holds: dict[str, int] = field(default_factory=dict, init=False)
    _held: dict[str, int] = field(default_factory=dict, init=False)
    _settled: set[str] = field(default_factory=set, init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def reserve(self, scopes: Sequence[str], nano_usd: int, key: str) -> None:
        """Hold in all scopes or none. Raises BudgetExceededError, or InvalidRequestError for a negative amount."""
        if nano_usd < 0:
            raise InvalidRequestError(f"a reservation of {nano_usd} nano-USD is negative")
        async with self._lock:
            if key in self._holds or key in self._settled:
                return
            for scope in scopes:
                self._check(scope, nano_usd)
            self._holds[key] = nano_usd
            self._add(self._held, scopes, nano_usd)

    async def settle(self, scopes: Sequence[str], nano_usd: int, key: str) -> None:
        """Turn a hold into money spent, once per key."""
        async with self._lock:
            if key in self._settled:
                return
            self._settled.add(key)
            self._add(self._held, scopes, -self._holds.pop(key, 0))
            self._add(self._spent, scopes, nano_usd)

    def spent(self, scope: str) -> int:
        """Return nano-USD settled in the scope."""
        return self._spent.get(scope, 0)

    def held(self, scope: str) -> int:
        """Return nano-USD reserved and not yet settled in the scope."""
        return self._held.get(scope, 0)

    def _check(self, scope: str, nano_usd: int) -> None:
        limit = self.limits.get(scope)
        if limit is None:
            return
        left = limit - self.spent(scope) - self.held(scope)
        if nano_usd > left or left <= 0:
            raise BudgetExceededError(
                f"{scope} has {max(left, 0)} of {limit} nano-USD left, {nano_usd} are wanted",
                cure="Raise the limit, or wait for its next period.",
            )

    @staticmethod
    def _add(table: dict[str, int], scopes: Sequence[str], nano_usd: int) -> None:
        for scope in scopes:
            table[scope] = table.get(scope, 0) + nano_usd
