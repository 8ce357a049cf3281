"""Frames of stack traces: what failed and where in the own code, as JVM and .NET, Python, Go and JavaScript write it."""

from __future__ import annotations

import re

from agents.analysis.log_mining.failures import failure_class

__all__ = ["stack_class"]

_MANAGED_FRAME = re.compile(r"^\s*at\s+(?:[\w.$/@-]+/)?([\w.$<>]+)\(", re.MULTILINE)
_PYTHON_FRAME = re.compile(r'^\s*File "([^"]+)", line \d+, in (\S+)', re.MULTILINE)
# The function and its arguments, and below it the file: https://pkg.go.dev/runtime/debug#PrintStack.
_GO_FRAME = re.compile(r"^([^\s(][^\n]*?)\([^()\n]*\)\n\s+(\S+\.go):\d+", re.MULTILINE)
# `at async Cart.merge [as add] (/app/cart.js:1:2)`, `at /app/cart.js:1:2`: https://v8.dev/docs/stack-trace-api.
_SCRIPT_FRAME = re.compile(
    r"^\s*at\s+(?:async\s+|new\s+)*(?:([\w.$<>#]+)(?:\s\[as\s[^\]\n]+\])?\s\()?([^\s()]+):\d+:\d+\)?\s*$",
    re.MULTILINE,
)
_CAUSED = re.compile(r"^\s*(?:Caused by|\[cause\]):\s*", re.MULTILINE)
_PANIC = re.compile(r"^(?:panic|fatal error): ", re.MULTILINE)
# Frames of runtimes and of what calls an application do not tell which part of it failed.
_FOREIGN_CLASS = re.compile(
    r"(?:java|javax|jdk|jakarta|sun|com\.sun|kotlin|kotlinx|scala|groovy|org\.springframework|org\.apache"
    r"|org\.hibernate|org\.eclipse|io\.netty|io\.grpc|reactor|System|Microsoft)\b"
)
_FOREIGN_PYTHON = re.compile(r".*(?:site-packages|lib/python)")
_FOREIGN_GO = re.compile(
    r"(?:panic|runtime|reflect|testing|sync|net|io|os|bufio|fmt|time|context|database|encoding|crypto|syscall|internal)(?:[./]|$)"
)
_FOREIGN_GO_FILE = re.compile(r".*/(?:pkg/mod|vendor)/")
_FOREIGN_SCRIPT = re.compile(r"node:|internal/|.*\bnode_modules\b")
_PARTS = 2


def stack_class(stack: str, head: str = "") -> str:
    """`NullPointerException at Cart.merge`: the innermost exception and the innermost frame of the application.

    `head` is the line before the trace, which names the exception where no cause is given. Empty without a trace.
    """
    readers = (_python, _go, _script, _managed)
    return next((told for reader in readers if (told := reader(stack, head))), "")


def _python(stack: str, _: str) -> str:
    frames = _PYTHON_FRAME.findall(stack)
    if not frames:
        return ""
    file, function = next((one for one in reversed(frames) if not _FOREIGN_PYTHON.match(one[0])), frames[-1])
    return _told(failure_class(stack), f"{_name(file)}:{function}")


def _go(stack: str, head: str) -> str:
    frames = _GO_FRAME.findall(stack)
    if not frames:
        return ""
    own = (one for one in frames if not _FOREIGN_GO.match(one[0]) and not _FOREIGN_GO_FILE.match(one[1]))
    function, _ = next(own, frames[0])
    said = _before(_GO_FRAME, f"{head}\n{stack}")
    failure = failure_class(said) or ("panic" if _PANIC.search(said) else "")
    return _told(failure, _last(_name(function).replace("(*", "").replace(")", "").replace("[...]", "")))


def _script(stack: str, head: str) -> str:
    said, inner = _innermost(stack, head)
    frames = _SCRIPT_FRAME.findall(inner) or _SCRIPT_FRAME.findall(stack)
    if not frames:
        return ""
    function, file = next((one for one in frames if not _FOREIGN_SCRIPT.match(one[1])), frames[0])
    where = _last(function) if function and "<anonymous>" not in function else _name(file)
    return _told(failure_class(_before(_SCRIPT_FRAME, said)), where)


def _managed(stack: str, head: str) -> str:
    said, inner = _innermost(stack, head)
    frames = _MANAGED_FRAME.findall(inner) or _MANAGED_FRAME.findall(stack)
    if not frames:
        return ""
    where = next((frame for frame in frames if not _FOREIGN_CLASS.match(frame)), frames[0])
    return _told(failure_class(_before(_MANAGED_FRAME, said)), _last(where))


def _innermost(stack: str, head: str) -> tuple[str, str]:
    """What names the failure, and the trace that it belongs to: of the last cause, else of all with the line before it."""
    inner = _CAUSED.split(stack)[-1]
    return (inner if _CAUSED.search(stack) else f"{head}\n{stack}"), inner


def _before(frame: re.Pattern[str], text: str) -> str:
    found = frame.search(text)
    return text[: found.start()] if found else text


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _last(dotted: str) -> str:
    return ".".join(dotted.split(".")[-_PARTS:])


def _told(failure: str, where: str) -> str:
    return f"{failure} at {where}" if failure else f"at {where}"
