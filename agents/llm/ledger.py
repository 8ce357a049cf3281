"""Attempts kept in memory, until the node that asked turns them into cost entries."""

from __future__ import annotations

from dataclasses import dataclass, field

from agents.llm.attempt import AttemptOutcome, LlmAttempt

__all__ = ["InMemoryLedger"]


@dataclass(slots=True)
class InMemoryLedger:
    """`AttemptLedger` over a dict, in order of first record. An attempt that is recorded twice is kept once."""

    _rows: dict[tuple[str, int, bool], LlmAttempt] = field(default_factory=dict, init=False)

    def record(self, attempt: LlmAttempt) -> None:
        hit = attempt.outcome is AttemptOutcome.JOURNAL_HIT
        self._rows[attempt.step, attempt.attempt, hit] = attempt

    @property
    def attempts(self) -> tuple[LlmAttempt, ...]:
        return tuple(self._rows.values())

    @property
    def cost_nano_usd(self) -> int | None:
        """The sum over all attempts; None if any of them is unpriced."""
        costs = [attempt.cost_nano_usd for attempt in self._rows.values()]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None
