"""What the gateway needs from outside. Shapes are plain, so that an adapter needs to import only `schemas`."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Protocol

from agents.llm.attempt import LlmAttempt

__all__ = ["AttemptLedger", "Budget", "CallJournal", "Clock", "Random", "Sleep"]


class Budget(Protocol):
    """Money held before it is spent. Every method may wait for a store, and is safe to repeat with the same key."""

    async def reserve(self, scopes: Sequence[str], nano_usd: int, key: str) -> None:
        """Hold `nano_usd` in every scope, or in none.

        A key that already holds, or was settled, is left as it is. A hold that is never settled expires by the
        adapter's own rule.

        Raises:
            BudgetExceededError: a scope has less left.
            UnavailableError: the store is away; the gateway then refuses.
        """

    async def settle(self, scopes: Sequence[str], nano_usd: int, key: str) -> None:
        """Turn the hold into `nano_usd` spent, also where the hold has expired; the second call for a key does nothing.

        Raises:
            UnavailableError: the store is away; the hold stays until it expires.
        """


class CallJournal(Protocol):
    """Answers already paid for, so that a repeat after a crash costs nothing. Text in, text out; the text is masked."""

    async def get(self, investigation_id: str, step: str, prompt_hash: str) -> str | None:
        """Return what `put` stored, or None. Raises UnavailableError."""

    async def put(self, investigation_id: str, step: str, prompt_hash: str, answer: str) -> None:
        """Store durably before returning; the first answer for a key stays. Raises UnavailableError."""


class AttemptLedger(Protocol):
    """Where attempts are written down. Must not block and must not raise: it is called while a task is cancelled.

    `(attempt.step, attempt.attempt, outcome is journal_hit)` is the identity: after a journal hit the original attempts are
    recorded again, because the crash may have come before they were published.
    """

    def record(self, attempt: LlmAttempt) -> None: ...


class Clock(Protocol):
    """Time as an argument."""

    def now(self) -> datetime:
        """Return the wall clock, UTC, aware."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""


class Sleep(Protocol):
    def __call__(self, delay: float, /) -> Awaitable[None]: ...


class Random(Protocol):
    def __call__(self) -> float:
        """Return a number in [0, 1)."""
