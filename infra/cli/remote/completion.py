"""What a shell offers to complete: names of contexts, ids of incidents and investigations. Silent when in doubt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from infra.cli.remote.contexts import LOCAL, book_file, read_book
from schemas.errors import TocsinError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["context_names", "incident_ids", "investigation_ids"]

_WITHIN_S: Final = 1.5
_MANY: Final = 40


def context_names(incomplete: str) -> list[tuple[str, str]]:
    """Return the contexts that begin so, with their addresses."""
    try:
        book = read_book(book_file(os.environ))
    except TocsinError:
        return []
    known = {**{name: one.url for name, one in book.contexts.items()}, LOCAL: "this machine's installation"}
    return [(name, told) for name, told in known.items() if name.startswith(incomplete)]


def incident_ids(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return the latest incidents that begin so, with their titles."""
    rows = _latest("/v1/incidents", ctx.params)
    return _beginning(((one["incident_id"], one["title"]) for one in rows), incomplete)


def investigation_ids(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return the latest investigations that begin so, with where they stand."""
    rows = _latest("/v1/investigations", ctx.params)
    told = ((one["investigation_id"], f"{one['state']}: {one['title']}") for one in rows)
    return _beginning(told, incomplete)


def _beginning(rows: Iterator[tuple[str, str]], incomplete: str) -> list[tuple[str, str]]:
    return [(name, told) for name, told in rows if name.startswith(incomplete)]


def _latest(path: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask the API that the command would, or the stack's; nobody there, or no key, completes nothing."""
    # A shell asks for names of contexts, too, which must not wait for an HTTP client.
    import asyncio  # noqa: PLC0415

    from infra.cli.context import load_settings  # noqa: PLC0415
    from infra.cli.remote.client import open_api  # noqa: PLC0415
    from infra.cli.remote.place import Asked, elsewhere, of_stack  # noqa: PLC0415

    async def asked() -> list[dict[str, Any]]:
        async with asyncio.timeout(_WITHIN_S), open_api(endpoint, _WITHIN_S) as api:
            return await api.rows(path, {}, _MANY)

    try:
        data = options.get("data")
        asked_for = Asked(
            context=options.get("context") or os.environ.get("TOCSIN_CONTEXT", ""),
            url=options.get("url") or os.environ.get("TOCSIN_URL", ""),
            key=options.get("key") or os.environ.get("TOCSIN_API_KEY", ""),
            data=Path(data) if data else None,
        )
        settings = load_settings(asked_for.data)
        book = read_book(book_file(os.environ))
        endpoint = elsewhere(asked_for, book, os.environ, settings) or of_stack(asked_for, settings)
        return asyncio.run(asked())
    except (TocsinError, TimeoutError):
        return []
