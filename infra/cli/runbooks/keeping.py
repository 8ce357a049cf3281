"""Bringing runbooks to an installation: what is new is created, what differs replaced, what is the same left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

from infra.cli.remote.client import ApiClient
from infra.cli.runbooks.found import Read
from infra.cli.runbooks.page import Page
from schemas.errors import RateLimitedError

__all__ = ["keep_runbook", "known_runbooks"]

Row = dict[str, Any]

_MOST: Final = 100_000
_TRIES: Final = 20
_PAUSE_S: Final = 1.0


async def known_runbooks(api: ApiClient) -> dict[str, Row]:
    """Return all runbooks of the key's tenant by their ids."""
    return {one["runbook_id"]: one for one in await api.rows("/v1/runbooks", {}, _MOST)}


async def keep_runbook(
    api: ApiClient,
    read: Read,
    known: Mapping[str, Row],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> str:
    """Return `created`, `replaced` or `same`. Waits where the key's rate is used up. Raises as ApiClient does."""
    draft = _draft(read.page)
    before = known.get(read.name)
    if before is not None and all(before.get(name) == value for name, value in draft.items()):
        return "same"
    condition = {"If-None-Match": "*"} if before is None else {"If-Match": "*"}
    for _ in range(_TRIES):
        try:
            await api.send("PUT", f"/v1/runbooks/{quote(read.name, safe='')}", draft, condition)
        except RateLimitedError:
            await sleep(_PAUSE_S)
        else:
            return "created" if before is None else "replaced"
    raise RateLimitedError(
        "the key's rate is used up", cure="Wait a little, and import again: what is there is left alone."
    )


def _draft(page: Page) -> Row:
    return {"title": page.title, "body": page.body, "services": list(page.services), "url": page.url[:2_048]}
