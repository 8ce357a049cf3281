"""ETag, If-Match and If-None-Match (RFC 9110): nobody overwrites what they have not seen."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Header

from api.http.problem import Problem

__all__ = ["IfMatch", "IfNoneMatch", "matches", "quoted", "require_match", "stale"]

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The ETag of what is to be changed, as it was last read."),
]
IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", description="An ETag that is known already.")
]

_TAG: Final = re.compile(r'(W/)?"([^"]*)"')


def quoted(etag: str) -> str:
    """Return the header's value for a strong tag."""
    return f'"{etag}"'


def matches(header: str, etag: str, *, weakly: bool = True) -> bool:
    """Whether a list of tags, or `*`, names this one; a weak tag counts only where one compares `weakly`."""
    tags = _TAG.findall(header)
    return header.strip() == "*" or any(tag == etag and (weakly or not weak) for weak, tag in tags)


def require_match(header: str | None, etag: str) -> None:
    """Raise a 428 problem where If-Match is missing, a 412 problem where it names another state."""
    if header is None:
        raise Problem(
            428,
            "if-match-required",
            "A change must say what it changes.",
            cure="Read it first, and send its ETag as `If-Match`.",
        )
    if not matches(header, etag, weakly=False):
        raise stale()


def stale() -> Problem:
    """Return the problem of a change to what has changed meanwhile."""
    return Problem(
        412,
        "stale",
        "It has changed since you read it.",
        cure="Read it again, and decide again.",
    )
