"""The one error tree. Whether a retry can help is a type, not a flag.

TocsinError
├── RetryableError          the same call may succeed later: back off and pause, never dead-letter
│   ├── UnavailableError      a dependency does not answer (broker, ClickHouse, Redis, SQL, model)
│   │   └── TimeLimitError      it gave up at the time limit it was given
│   ├── RateLimitedError      a dependency asks us to slow down
│   └── LeaseLostError        another worker holds this investigation now
└── TerminalError           the same call will fail again: refuse, dead-letter or report
    ├── InvalidEventError     a message that cannot be decoded or breaks its schema
    ├── UnknownSchemaError    a schema id nobody here knows
    ├── InvalidRequestError   a caller's argument is wrong
    ├── NotFoundError         nothing has this id
    ├── ConfigurationError    a setting is missing or contradicts another
    ├── BudgetExceededError   a limit of tokens, money or time was reached
    └── IntegrityError        an invariant of ours does not hold: a defect, alert on it
"""

from __future__ import annotations

__all__ = [
    "BudgetExceededError",
    "ConfigurationError",
    "IntegrityError",
    "InvalidEventError",
    "InvalidRequestError",
    "LeaseLostError",
    "NotFoundError",
    "RateLimitedError",
    "RetryableError",
    "TerminalError",
    "TimeLimitError",
    "TocsinError",
    "UnavailableError",
    "UnknownSchemaError",
]


class TocsinError(Exception):
    """Every error raised on purpose. `cure` is one sentence a person can act on, or empty."""

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure


class RetryableError(TocsinError):
    """The same call may succeed later."""


class UnavailableError(RetryableError):
    """A dependency does not answer."""


class TimeLimitError(UnavailableError):
    """A dependency worked as long as it may, and gave up: at once it would do so again."""


class RateLimitedError(RetryableError):
    """A dependency asks for fewer calls; `retry_after_s` is its own wish in seconds, or None."""

    def __init__(self, message: str, *, retry_after_s: float | None = None, cure: str = "") -> None:
        super().__init__(message, cure=cure)
        self.retry_after_s = retry_after_s


class LeaseLostError(RetryableError):
    """Another worker holds the lease; this one must stop writing."""


class TerminalError(TocsinError):
    """The same call will fail again."""


class InvalidEventError(TerminalError):
    """A message that cannot be decoded or breaks its schema; `reason` is a short stable slug for metrics."""

    def __init__(self, message: str, *, reason: str, cure: str = "") -> None:
        super().__init__(message, cure=cure)
        self.reason = reason


class UnknownSchemaError(InvalidEventError):
    """A schema id nobody here knows."""

    def __init__(self, schema_id: int) -> None:
        super().__init__(
            f"schema id {schema_id} is not known here",
            reason="unknown_schema",
            cure="Register the schema, or produce with one of the ids `tocsin topics` lists.",
        )
        self.schema_id = schema_id


class InvalidRequestError(TerminalError):
    """A caller's argument is wrong."""


class NotFoundError(TerminalError):
    """Nothing has this id, or not for this tenant."""


class ConfigurationError(TerminalError):
    """A setting is missing or contradicts another."""


class BudgetExceededError(TerminalError):
    """A limit of tokens, money or time was reached."""


class IntegrityError(TerminalError):
    """An invariant of ours does not hold."""
