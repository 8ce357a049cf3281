"""How commands reach ClickHouse, and the time they ask about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

import typer

from infra.cli.context import Installation, load_installation
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from schemas.errors import InvalidRequestError
from sinks.clickhouse.client import ClickHouse, ClickHouseAddress, open_clickhouse

__all__ = ["Since", "address_of", "ask", "since"]

Since = Annotated[
    str, typer.Option("--since", help="How far back: 30m, 6h, 7d; or an ISO 8601 time.", show_default=True)
]

_T = TypeVar("_T")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def address_of(installation: Installation) -> ClickHouseAddress:
    """Return the address that the sinks connect to."""
    section = installation.settings.clickhouse
    return ClickHouseAddress(
        url=installation.clickhouse_url,
        user=section.user,
        password=section.password.get_secret_value(),
        database=section.database,
    )


def ask(settings: Settings, question: Callable[[ClickHouse], Awaitable[_T]]) -> _T:
    """Connect, ask, close. Blocks; raises UnavailableError when nobody answers."""

    async def asked() -> _T:
        async with open_clickhouse(address_of(load_installation(settings))) as clickhouse:
            return await question(clickhouse)

    return asyncio.run(asked())


def since(text: str) -> tuple[datetime, datetime]:
    """Return [start, end]: from then to a little after now, because clocks of sources may run ahead."""
    now = SystemClock().now()
    return _start(text, now), now + timedelta(hours=1)


def _start(text: str, now: datetime) -> datetime:
    try:
        if text[-1:] in _UNITS and text[:-1].replace(".", "", 1).isdecimal():
            return now - timedelta(**{_UNITS[text[-1]]: float(text[:-1])})
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidRequestError(
            f"--since {text!r} is no time", cure="Write 30m, 6h, 7d, or a time like 2026-03-01T12:00."
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
