"""Turns what openai, LangChain and the HTTP client raise into our own failures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import openai
from langchain_core.exceptions import ContextOverflowError

from agents.llm.failures import (
    AttemptFailure,
    BadRequest,
    ConnectionFailed,
    ContentRefused,
    ContextTooLong,
    Forbidden,
    ModelNotFound,
    OutputInvalid,
    QuotaExhausted,
    RateLimited,
    ServerFailed,
    StreamCut,
    TimedOut,
    Unauthenticated,
    Unsupported,
)

__all__ = ["retry_after_s", "translate"]

_CONTEXT = re.compile(r"(?i)context[ _](?:length|window|size)|too many (?:input )?tokens|prompt is too long")
_FORMAT = re.compile(r"(?i)response_format|json_schema|json_object|structured|tool|function|schema|grammar")
_NOT_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"})
_REQUEST_TOO_LARGE = 413


def translate(error: Exception, now: datetime) -> AttemptFailure:
    """Return the failure that `error` means. An error nobody knows is an invalid answer: it came out of parsing one."""
    match error:
        case AttemptFailure():
            failure = error
        case ContextOverflowError():
            failure = ContextTooLong(str(error))
        case openai.APIStatusError():
            failure = _by_status(error, now)
        case openai.APIConnectionError():
            failure = _by_connection(error)
        case openai.APIError():
            failure = ServerFailed(str(error))
        case TimeoutError():
            failure = TimedOut(str(error) or "no answer in time")
        case _:
            failure = OutputInvalid(f"{type(error).__name__}: {error}")
    return failure


_TERMINAL = {401: Unauthenticated, 402: QuotaExhausted, 403: Forbidden, 404: ModelNotFound}
_TRY_AGAIN = frozenset({408, 409, 425})


def _by_status(error: openai.APIStatusError, now: datetime) -> AttemptFailure:
    text, status = str(error), error.status_code
    if status in _TERMINAL:
        return _TERMINAL[status](text)
    if status == 429:
        exhausted = error.code == "insufficient_quota"
        return (
            QuotaExhausted(text)
            if exhausted
            else RateLimited(text, retry_after_s(error.response.headers, now))
        )
    if status >= 500 or status in _TRY_AGAIN:
        return ServerFailed(text, retry_after_s(error.response.headers, now))
    return _refused(error)


def _refused(error: openai.APIStatusError) -> AttemptFailure:
    text = str(error)
    too_long = error.status_code == _REQUEST_TOO_LARGE or error.code == "context_length_exceeded"
    if too_long or _CONTEXT.search(text):
        return ContextTooLong(text)
    if error.code in {"content_filter", "content_policy_violation"}:
        return ContentRefused(text)
    return Unsupported(text) if _FORMAT.search(text) else BadRequest(text)


def _by_connection(error: openai.APIConnectionError) -> AttemptFailure:
    # By name: openai 3 runs over httpx2, openai 2 over httpx, with the same classes.
    if any(type(cause).__name__ in _NOT_SENT for cause in _causes(error)):
        return ConnectionFailed(f"{error}: {error.__cause__}")
    if isinstance(error, openai.APITimeoutError):
        return TimedOut(str(error))
    return StreamCut(str(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the pause the server asks for in seconds (RFC 9110, 10.2.3: seconds or a date), or None."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    return seconds if seconds is not None or text is None else _until(text, now)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < float("inf") else None


def _until(date: str, now: datetime) -> float | None:
    try:
        at = parsedate_to_datetime(date)
    except ValueError:
        return None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
