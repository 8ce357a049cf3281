"""How a try at a model fails. Whether another try at the same provider can help is the type.

    AttemptFailure
    ├── RetryableFailure     the same call may succeed on the same provider
    │   ├── RateLimited        429; carries the provider's Retry-After
    │   ├── ServerFailed       500, 502, 503 and other 5xx, or an error event inside a stream
    │   ├── TimedOut           no answer in time
    │   ├── ConnectionFailed   no connection: nothing was sent
    │   ├── StreamCut          the connection broke after the request was sent
    │   └── OutputInvalid      an answer that is not of the asked shape
    └── TerminalFailure      this provider will refuse the same call again: go to the next one
        ├── BadRequest  Unsupported  Unauthenticated  Forbidden  ModelNotFound
        └── ContextTooLong  QuotaExhausted  OutputTruncated  ContentRefused

These never leave the gateway: its caller gets an outcome, not an exception.
"""

from __future__ import annotations

from typing import ClassVar

from agents.llm.attempt import AttemptOutcome

__all__ = [
    "AttemptFailure",
    "BadRequest",
    "ConnectionFailed",
    "ContentRefused",
    "ContextTooLong",
    "Forbidden",
    "ModelNotFound",
    "OutputInvalid",
    "OutputTruncated",
    "QuotaExhausted",
    "RateLimited",
    "RetryableFailure",
    "ServerFailed",
    "StreamCut",
    "TerminalFailure",
    "TimedOut",
    "Unauthenticated",
    "Unsupported",
]


class AttemptFailure(Exception):  # noqa: N818 - named as what happened; none of them leaves the gateway
    """One try failed.

    `BILLED` says whether the provider may charge for it: an HTTP error status means it generated nothing, anything that
    ends without a status may have been generated and must be estimated. `HEALTHY` says whether the provider works
    all the same, so that the breaker ignores it.
    """

    OUTCOME: ClassVar[AttemptOutcome]
    BILLED: ClassVar[bool] = False
    HEALTHY: ClassVar[bool] = False


class RetryableFailure(AttemptFailure):
    """The same call may succeed on the same provider."""


class _Postponed(RetryableFailure):
    """The provider may wish when it is tried again: in `retry_after_s`, or None."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimited(_Postponed):
    """429."""

    OUTCOME = AttemptOutcome.RATE_LIMITED
    HEALTHY = True


class ServerFailed(_Postponed):
    """5xx, or an error event inside a stream."""

    OUTCOME = AttemptOutcome.SERVER_ERROR


class TimedOut(RetryableFailure):
    OUTCOME = AttemptOutcome.TIMEOUT
    BILLED = True


class ConnectionFailed(RetryableFailure):
    OUTCOME = AttemptOutcome.CONNECTION


class StreamCut(RetryableFailure):
    OUTCOME = AttemptOutcome.CUT_STREAM
    BILLED = True


class OutputInvalid(RetryableFailure):
    OUTCOME = AttemptOutcome.INVALID_OUTPUT
    BILLED = True
    HEALTHY = True


class TerminalFailure(AttemptFailure):
    """This provider will refuse the same call again."""


class BadRequest(TerminalFailure):
    OUTCOME = AttemptOutcome.BAD_REQUEST
    HEALTHY = True


class Unsupported(TerminalFailure):
    """The server refuses this way of asking for structured output; another way may do."""

    OUTCOME = AttemptOutcome.UNSUPPORTED
    HEALTHY = True


class Unauthenticated(TerminalFailure):
    OUTCOME = AttemptOutcome.UNAUTHENTICATED


class Forbidden(TerminalFailure):
    OUTCOME = AttemptOutcome.FORBIDDEN


class ModelNotFound(TerminalFailure):
    OUTCOME = AttemptOutcome.MODEL_NOT_FOUND


class QuotaExhausted(TerminalFailure):
    OUTCOME = AttemptOutcome.QUOTA


class ContextTooLong(TerminalFailure):
    OUTCOME = AttemptOutcome.CONTEXT_LENGTH
    HEALTHY = True


class OutputTruncated(TerminalFailure):
    OUTCOME = AttemptOutcome.TRUNCATED
    BILLED = True
    HEALTHY = True


class ContentRefused(TerminalFailure):
    OUTCOME = AttemptOutcome.CONTENT_REFUSED
    BILLED = True
    HEALTHY = True
