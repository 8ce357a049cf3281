"""What people read of an installation elsewhere: the same questions as of the tables, asked over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from infra.cli.remote.client import ApiClient, Parameters
from schemas.errors import NotFoundError

__all__ = ["Row", "costs_of", "evidence_of", "incidents_of", "report_of", "report_text_of"]

Row = dict[str, Any]
"""A JSON object of the API; fields that this version does not know stay in it."""


async def incidents_of(
    api: ApiClient, start: datetime, *, service: str, open_only: bool, limit: int
) -> tuple[list[Row], dict[str, Row]]:
    """Return incidents opened since, newest first, and by their ids the latest investigation that has a verdict."""
    opened_since: Row = {"start": start.isoformat(), "service": service, "open": open_only}
    incidents = await api.rows("/v1/incidents", opened_since, limit)
    found = (
        await api.rows("/v1/investigations", {"start": start.isoformat()}, limit * 10) if incidents else []
    )
    return incidents, {one["incident_id"]: one for one in reversed(found) if one["verdict"]}


async def report_of(api: ApiClient, investigation: str, start: datetime) -> Row:
    """Return a report; the last one that was finished since where no investigation is named. Raises NotFoundError."""
    if not investigation:
        latest = await api.rows("/v1/reports", {"start": start.isoformat()}, 1)
        if not latest:
            raise NotFoundError("there is no report of this time", cure="Look further back with --since.")
        investigation = latest[0]["investigation_id"]
    return await api.get(f"/v1/reports/{quote(investigation, safe='')}", {"format": "json"})


async def report_text_of(api: ApiClient, investigation: str, asked: Parameters, file: str = "") -> str:
    """Return a report as a page, or one of its pictures. Raises NotFoundError."""
    return await api.text(f"/v1/reports/{quote(investigation, safe='')}{file}", asked)


async def evidence_of(api: ApiClient, investigation: str, *, step: str, limit: int) -> list[Row]:
    """Return findings of an investigation, the first first."""
    asked: Row = {"investigation_id": investigation, "order": "asc", "step": (step,) if step else ()}
    return await api.rows("/v1/evidence", asked, limit)


async def costs_of(
    api: ApiClient, by: str, start: datetime, only: Mapping[str, str], groups: int = 10_000
) -> Row:
    """Return the ledger since then, grouped."""
    asked: Row = {"by": by, "start": start.isoformat(), "limit": groups, "format": "json", **only}
    return await api.get("/v1/costs", asked)
