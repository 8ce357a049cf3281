"""What one try at a model was, what it cost, and how it ended: the row behind a ledger entry."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.events.base import Instant, Name, Record
from schemas.events.ledger import Usage

__all__ = ["AttemptOutcome", "LlmAttempt", "RoleName"]


class RoleName(StrEnum):
    PLANNER = "planner"
    REASONER = "reasoner"
    WRITER = "writer"
    ANSWERER = "answerer"


class AttemptOutcome(StrEnum):
    """How an attempt ended. Closed: a new way to end is a new member here."""

    OK = "ok"
    JOURNAL_HIT = "journal_hit"
    """Answered from the journal; nothing was sent."""
    BUDGET_REFUSED = "budget_refused"
    """The budget did not hold the estimate; nothing was sent."""
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    CUT_STREAM = "cut_stream"
    INVALID_OUTPUT = "invalid_output"
    """Answered, but not with a value of the asked shape."""
    BAD_REQUEST = "bad_request"
    UNSUPPORTED = "unsupported"
    """The server refuses this way of asking for structured output."""
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    MODEL_NOT_FOUND = "model_not_found"
    CONTEXT_LENGTH = "context_length"
    QUOTA = "quota"
    """The account at the provider is out of money: waiting does not help."""
    TRUNCATED = "truncated"
    """The answer hit `max_tokens`."""
    CONTENT_REFUSED = "content_refused"
    """The model or its filter declined to answer."""
    CANCELLED = "cancelled"


class LlmAttempt(Record):
    """One try at one provider. `(step, attempt)` names it within an investigation."""

    provider: Name
    model: Name
    role: RoleName
    step: Name
    attempt: Annotated[int, Field(ge=1)]
    """Counts over all providers of one call, from 1."""
    outcome: AttemptOutcome
    usage: Usage
    """Disjoint token counts; a None is unknown."""
    estimated: bool
    """The usage was estimated by length, because the provider never told it."""
    cost_nano_usd: int | None
    """Integer 10^-9 USD; None is unpriced, never free."""
    price_version: str
    started_at: Instant
    duration_ms: Annotated[int, Field(ge=0)]
    detail: Annotated[str, Field(max_length=500)] = ""
    """The failure in the provider's words, shortened, without secrets of ours (the prompt was masked)."""
