"""One look at an installation over its API: every section asked at once, each failing alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from infra.cli.remote.client import ApiClient
from infra.cli.top.flow import FlowSource, RateWindow
from infra.cli.top.look import (
    OPENED_AT_MOST,
    Investigating,
    Look,
    OpenIncident,
    Part,
    Problem,
    Process,
    Rates,
    Spending,
    StageLag,
)
from schemas.access import Permission
from schemas.errors import TocsinError
from schemas.events import InvestigationState

__all__ = ["Gatherer", "Who", "who"]

_T = TypeVar("_T")

_AT_WORK: Final = (InvestigationState.RUNNING, InvestigationState.RESUMED, InvestigationState.WAITING)
_NOT_ENDED: Final = (*_AT_WORK, InvestigationState.QUEUED, InvestigationState.DEFERRED)
_ROWS: Final = 200
"""Of each list: more than any terminal shows, because the API does not sort by severity and time at once."""
_RECENT: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Who:
    """Whose key it is, and what it may see."""

    tenant: str
    permissions: frozenset[str]


async def who(api: ApiClient) -> Who:
    """Ask who the key is. Raises what ApiClient raises: here a wrong address or key shows first."""
    found = await api.get("/v1/me")
    return Who(found["tenant"], frozenset(found["permissions"]))


@dataclass(slots=True)
class Gatherer:
    """Looks again and again; rates come from the second look on."""

    api: ApiClient
    me: Who
    flows: FlowSource
    now: Callable[[], datetime]
    processes: Callable[[], Sequence[Process]] = tuple
    """Of the stack on this machine."""
    monotonic: Callable[[], float] = time.monotonic
    _window: RateWindow = field(default_factory=RateWindow)

    async def look(self) -> Look:
        """Return what is seen now; what cannot be seen is among the problems. Raises no TocsinError."""
        problems: list[Problem] = []
        now = self.now()
        health, flow, incidents, opened, investigations, spending = await asyncio.gather(
            self._section("health", None, self._health, problems),
            self._section("lag and rates", Permission.READ, self._flow, problems),
            self._section("incidents", Permission.READ, self._incidents, problems),
            self._section("incidents opened", Permission.READ, lambda: self._opened(now), problems),
            self._section("investigations", Permission.READ, self._investigations, problems),
            self._section("costs", Permission.COSTS, lambda: self._spending(now), problems),
        )
        return Look(
            at=now,
            name=self.api.endpoint.name,
            url=self.api.endpoint.url,
            tenant=self.me.tenant,
            status=health["status"] if health else None,
            version=health["version"] if health else "",
            parts=tuple(Part.of(*one) for one in health["parts"].items()) if health else (),
            processes=tuple(self.processes()),
            lag=flow[0] if flow else None,
            rates=flow[1] if flow else None,
            incidents=incidents[0] if incidents else None,
            more_incidents=bool(incidents and incidents[1]),
            opened_in_10_min=opened,
            investigations=investigations[0] if investigations else None,
            more_investigations=bool(investigations and investigations[1]),
            spending=spending,
            problems=tuple(problems),
        )

    async def _section(
        self, name: str, needs: Permission | None, asked: Callable[[], Awaitable[_T]], problems: list[Problem]
    ) -> _T | None:
        if needs is not None and needs.value not in self.me.permissions:
            problems.append(Problem(name, f"this key may not: it lacks the permission {needs.value}"))
            return None
        try:
            return await asked()
        except TocsinError as error:
            problems.append(Problem(name, str(error)))
        except (KeyError, TypeError, ValueError) as error:
            told = f"answered in a form that this version does not know: {error!r}"
            problems.append(Problem(name, told))
        return None

    async def _health(self) -> dict[str, Any]:
        return await self.api.get("/health/detailed", also=503)

    async def _flow(self) -> tuple[tuple[StageLag, ...], Rates]:
        found = await self.flows.flow()
        return found.lag, self._window.rates(self.monotonic(), found.totals, self.flows.landed_unit)

    async def _incidents(self) -> tuple[tuple[OpenIncident, ...], bool]:
        page = await self.api.get("/v1/incidents", {"open": True, "sort": "severity", "limit": _ROWS})
        rows = sorted(map(OpenIncident.of, page["items"]), key=lambda one: one.opened_at, reverse=True)
        ranks = {row["severity"]: rank for rank, row in reversed(list(enumerate(page["items"])))}
        return tuple(sorted(rows, key=lambda one: ranks[one.severity])), page["next_cursor"] is not None

    async def _opened(self, now: datetime) -> int:
        asked = {"start": (now - _RECENT).isoformat()}
        return len(await self.api.rows("/v1/incidents", asked, OPENED_AT_MOST))

    async def _investigations(self) -> tuple[tuple[Investigating, ...], bool]:
        states = tuple(one.value for one in _NOT_ENDED)
        ranks = {state: rank for rank, state in enumerate(states)}
        page = await self.api.get("/v1/investigations", {"state": states, "sort": "last_at", "limit": _ROWS})
        found = sorted(map(Investigating.of, page["items"]), key=lambda one: ranks[one.state])
        return tuple(found), page["next_cursor"] is not None

    async def _spending(self, now: datetime) -> Spending:
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        recent, days, budget = await asyncio.gather(
            self._costs("kind", now - timedelta(hours=1)), self._costs("day", month), self._budget()
        )
        today = [one["cost_nano_usd"] for one in days["groups"] if one["key"] == f"{now:%Y-%m-%d}"]
        return Spending(
            last_hour_nano_usd=_spent(recent["total"]),
            today_nano_usd=today[0] if today else 0,
            month_nano_usd=_spent(days["total"]),
            monthly_budget_nano_usd=budget,
            unpriced_this_month=days["total"]["unpriced"],
        )

    async def _costs(self, by: str, start: datetime) -> dict[str, Any]:
        return await self.api.get("/v1/costs", {"by": by, "start": start.isoformat(), "format": "json"})

    async def _budget(self) -> int | None:
        if Permission.READ.value not in self.me.permissions:
            return None
        return int((await self.api.get("/v1/tenant"))["limits"]["monthly_budget_nano_usd"])


def _spent(total: dict[str, Any]) -> int | None:
    """Nothing was spent where there are no entries; where none has a price, nobody knows."""
    spent = total["cost_nano_usd"]
    return None if spent is None and total["entries"] else spent or 0
