"""A person who has an address and a key, and an API over tables in memory that answers there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from api.http.cost_views import CostGroupView
from api.http.views import InvestigationView
from api.read_ports import CostAnswer
from schemas.events import InvestigationState, Verdict
from tests.fakes import full_events as full
from tests.fakes.api import make_api
from tests.fakes.api_reads import TablesInMemory, make_reads
from tests.fakes.person import Person
from tests.integration.api_reads.serving import serve

__all__ = ["desk", "tables"]


def tables() -> TablesInMemory:
    """A little of everything, of the tenant `acme`."""
    ended = InvestigationView.queued(full.request("acme")).model_copy(
        update={
            "state": InvestigationState.COMPLETED,
            "verdict": Verdict.CAUSE_FOUND,
            "headline": "the [cart]",
        }
    )
    group = CostGroupView(
        key="big",
        entries=2,
        unpriced=1,
        cost_nano_usd=5_000_000,
        tokens={"input_uncached": 10, "cache_read": None, "output": 3},
        rows_read=None,
        duration_ms=1,
    )
    return TablesInMemory(
        incident_rows=[full.incident("acme", "inc_1"), full.incident("acme", "inc_2", title="quiet")],
        investigation_rows={"acme": [ended]},
        evidence_rows=[full.evidence("acme", statement="cpu rose", score=7.256)],
        report_rows=[full.report("acme", markdown="# It was the cart")],
        cost_answer=CostAnswer((group,), group.model_copy(update={"key": ""}), False, "SELECT 1"),
    )


@asynccontextmanager
async def desk(over: TablesInMemory, **changed: Any) -> AsyncIterator[Person]:
    """Serve the tables while the context lasts, and yield somebody of `acme` who may do everything there."""
    api = make_api(reads=make_reads(over), **changed)
    api.clock.at = datetime.now(UTC)
    async with serve(api) as served:
        yield Person(served.url)
