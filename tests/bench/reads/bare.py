"""The peer: a bare FastAPI route that returns rows it has at hand, under the uvicorn settings of the role `api`.

`python -m tests.bench.reads.bare PORT`: nobody asks who it is, nothing is limited, logged, measured or looked up.
"""

from __future__ import annotations

import sys
from datetime import datetime

import uvicorn
import uvloop
from fastapi import FastAPI

from api.http.views import IncidentView, Listing
from infra.cli.compose.api import _config
from schemas.events import IncidentTransition, Severity

__all__ = ["bare_app"]

_MOST = 50


def bare_app() -> FastAPI:
    """Return the application; `/rows/N` answers with N incidents."""
    app = FastAPI()
    rows = tuple(_row(number) for number in range(_MOST))

    @app.get("/rows/{count}")
    async def get_rows(count: int) -> Listing[IncidentView]:
        return Listing[IncidentView](items=rows[:count], next_cursor=None)

    return app


def _row(number: int) -> IncidentView:
    at = datetime.fromisoformat("2026-11-20T12:00:00.123456+00:00")
    return IncidentView(
        incident_id=f"inc-{number:06}",
        title=f"HighLatency on service-{number % 20:02}",
        severity=Severity.CRITICAL,
        transition=IncidentTransition.CLOSED,
        open=False,
        opened_at=at,
        updated_at=at,
        services=("service-01", "service-02", "service-03"),
        alarm_count=3,
        active_count=0,
        merged_into="",
        revision=2,
    )


async def _serve(port: int) -> None:
    config = _config(bare_app())
    config.port = port
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
