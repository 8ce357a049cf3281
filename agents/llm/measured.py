"""Attempts as metrics, for dashboards and alerts; the ledger in ClickHouse is the account."""

from __future__ import annotations

from typing import Final

from agents.llm.attempt import AttemptOutcome, LlmAttempt
from schemas.metrics import LLM_ATTEMPTS, LLM_COST, LLM_TOKENS, LLM_UNPRICED, Recorder

__all__ = ["measure"]

_NANO: Final = 1e-9


def measure(recorder: Recorder, attempt: LlmAttempt) -> None:
    """Count an attempt, its known tokens by kind, and its cost in USD; one without a price is counted as such."""
    provider, model = attempt.provider, attempt.model
    recorder.count(LLM_ATTEMPTS, outcome=attempt.outcome.value, provider=provider, model=model)
    for kind, tokens in attempt.usage.model_dump().items():
        if tokens:
            recorder.count(LLM_TOKENS, tokens, kind=kind, provider=provider, model=model)
    if attempt.cost_nano_usd is None:
        recorder.count(LLM_UNPRICED, provider=provider, model=model)
    elif attempt.outcome is not AttemptOutcome.JOURNAL_HIT:
        recorder.count(LLM_COST, attempt.cost_nano_usd * _NANO, provider=provider, model=model)
