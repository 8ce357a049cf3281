"""Money held before it is spent, over several scopes in one Lua call: check-then-spend cannot race.

Amounts are integer nano-USD per calendar month (UTC). A hold expires, so that a worker that died does not keep
money; settling is idempotent by key, counts in the month of the reservation, and also counts after expiry.
Lua numbers are doubles: amounts stay exact up to 2^53 nano-USD, nine million dollars.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from infra.runtime.redis.client import Redis, load_script, redis_errors
from schemas.errors import BudgetExceededError, InvalidRequestError

__all__ = ["LimitOf", "RedisBudget"]

LimitOf = Callable[[str], Awaitable[int | None]]
"""Limit of a scope in nano-USD per month, or None for no limit."""


class RedisBudget:
    """Satisfies agents.llm.ports.Budget. The first scope names the hash slot: make it the tenant's."""

    def __init__(
        self,
        redis: Redis,
        *,
        prefix: str,
        limit_of: LimitOf,
        now: Callable[[], datetime],
        hold_s: float = 600.0,
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._limit_of = limit_of
        self._now = now
        self._hold_ms = round(hold_s * 1000)
        self._reserve = redis.register_script(load_script("budget_reserve"))
        self._settle = redis.register_script(load_script("budget_settle"))

    async def reserve(self, scopes: Sequence[str], nano_usd: int, key: str) -> None:
        """Hold in all scopes or none. Raises BudgetExceededError, UnavailableError."""
        if nano_usd < 0:
            raise InvalidRequestError(f"a reservation of {nano_usd} nano-USD is negative")
        limits = [await self._limit_of(scope) for scope in scopes]
        window = f"{self._now():%Y-%m}"
        arguments: list[str | int] = [len(scopes), key, nano_usd, self._hold_ms, window]
        arguments += [-1 if limit is None else limit for limit in limits]
        with redis_errors():
            answer = await self._reserve(keys=self._keys(scopes, window, key), args=arguments)
        if int(answer[0]) == 0:
            scope = scopes[int(answer[1]) - 1]
            raise BudgetExceededError(
                f"{scope} has {max(int(answer[2]), 0)} nano-USD left this month, {nano_usd} are wanted",
                cure="Raise the tenant's monthly budget, or wait for the next month.",
            )

    async def settle(self, scopes: Sequence[str], nano_usd: int, key: str) -> None:
        """Turn the hold into money spent; a second call does nothing. Raises UnavailableError."""
        with redis_errors():
            held_in = await self._redis.hget(self._record(scopes, key), "window")
            window = str(held_in or f"{self._now():%Y-%m}")
            await self._settle(
                keys=self._keys(scopes, window, key), args=[len(scopes), key, nano_usd, window]
            )

    async def spent(self, scope: str, scopes: Sequence[str]) -> int:
        """Return nano-USD settled this month in one of the scopes."""
        with redis_errors():
            value = await self._redis.hget(
                self._keys(scopes, f"{self._now():%Y-%m}", "")[scopes.index(scope) * 3], "spent"
            )
        return int(value or 0)

    def _base(self, scopes: Sequence[str]) -> str:
        return f"{self._prefix}:budget:{{{scopes[0]}}}"

    def _record(self, scopes: Sequence[str], key: str) -> str:
        return f"{self._base(scopes)}:key:{key}"

    def _keys(self, scopes: Sequence[str], window: str, key: str) -> list[str]:
        base = self._base(scopes)
        keys = [f"{base}:{scope}:{window}:{part}" for scope in scopes for part in ("sum", "expiry", "holds")]
        return [*keys, self._record(scopes, key)]
