"""Which words report a failure, and what kind of failure a line or a stack trace names."""

from __future__ import annotations

import re

__all__ = ["FAILURE_LEVELS", "failure_class", "reports_failure", "signs_of", "speaks_http", "status_class"]

FAILURE_LEVELS = frozenset({"error", "fatal", "critical", "severe", "emergency", "alert", "panic"})
"""Severities, in lower case, that report a failure whatever the words."""

# What runtimes, drivers and the network say when something did not work; `timeout=5s` only sets one.
_FAILURE = re.compile(
    r"""\b(error|fatal|critical|severe|panic|exception|traceback|emerg|failed|failure|refused|unreachable|unavailable
        |deadlock|timed[ ]out|timeout(?!\w*\s*[=:])|broken[ ]pipe|reset[ ]by[ ]peer|out[ ]of[ ]memory|OOMKilled
        |no[ ]space[ ]left|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED)\b
      | \w(Exception|Error)\b""",
    re.IGNORECASE | re.VERBOSE,
)
# A word of failure holds one of these: looking for them first spares the calm lines the expression.
_HINTS = (
    *(
        "err",
        "fatal",
        "critical",
        "severe",
        "panic",
        "exception",
        "traceback",
        "emerg",
        "fail",
        "refused",
        "unreach",
    ),
    *("unavail", "deadlock", "time", "pipe", "reset", "memory", "oom", "space", "exceeded", "exhausted"),
)
_CALM_LEVEL = re.compile(r"\b(INFO|DEBUG|TRACE)\b")
_HTTP = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\b|\bHTTP/|\b(status|code)\b", re.IGNORECASE)
# A status stands behind its name, or behind a path or a quoted request line: `"GET /a HTTP/1.1" 503`, `GET /a 503`.
_STATUS = re.compile(
    r"""\b(?:status(?:[ _]?code)?|response[ ]code|HTTP/\d(?:\.\d)?)["']?(?:\s*[=:]\s*|\s+)["']?([1-5])\d\d\b
      | \b(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\s[^\s"]+(?:\sHTTP/[\d.]+)?["']?\s+([1-5])\d\d\b""",
    re.IGNORECASE | re.VERBOSE,
)
_NAMED = re.compile(r"\b(?:[A-Za-z_$][\w$]*\.)*([A-Za-z_$][\w$]*(?:Exception|Error|Fault|Panic))\b")
_GRPC = re.compile(
    r"\b(CANCELLED|INVALID_ARGUMENT|DEADLINE_EXCEEDED|NOT_FOUND|ALREADY_EXISTS|PERMISSION_DENIED|RESOURCE_EXHAUSTED"
    r"|FAILED_PRECONDITION|ABORTED|OUT_OF_RANGE|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS|UNAUTHENTICATED)\b"
)


def signs_of(text: str) -> tuple[bool, bool]:
    """Whether there are words of failure, and whether a calm level (INFO, DEBUG, TRACE) is among the words."""
    lower = text.lower()
    failure = any(hint in lower for hint in _HINTS) and _FAILURE.search(text) is not None
    return failure, _CALM_LEVEL.search(text) is not None


def reports_failure(text: str) -> bool:
    """Whether the words report a failure: a calm level among them says that they do not."""
    lower = text.lower()
    if not any(hint in lower for hint in _HINTS):
        return False
    return _FAILURE.search(text) is not None and _CALM_LEVEL.search(text) is None


def speaks_http(text: str) -> bool:
    """Whether a line of these words may hold a status of HTTP."""
    return _HTTP.search(text) is not None


def status_class(text: str) -> str:
    """`2xx` to `5xx`, the class of the first status of HTTP in the line; empty without one."""
    found = _STATUS.search(text)
    return f"{found.group(1) or found.group(2)}xx" if found else ""


def failure_class(text: str) -> str:
    """What kind of failure a line names: the last exception, a status of gRPC, a failed status of HTTP; else empty."""
    names = _NAMED.findall(text)
    if names:
        return str(names[-1])
    grpc = _GRPC.search(text)
    if grpc:
        return grpc.group(1)
    status = status_class(text)
    return f"HTTP {status}" if status == "5xx" else ""
