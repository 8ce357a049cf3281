"""An installation over a real server for `tocsin top` to look at: incidents, investigations, costs and lag that are known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from api.http.cost_views import CostGroupView
from api.http.views import ConsumerLag, InvestigationView, TopicView
from api.read_ports import CostAnswer
from schemas.events import InvestigationState, Severity
from tests.fakes import full_events as full
from tests.fakes.api import FakeApi, FakeProbe, make_api
from tests.fakes.api_reads import TablesInMemory, make_reads
from tests.integration.api_reads.serving import Served, serve

__all__ = ["installation", "ongoing", "topic"]


def topic(name: str, messages: int, **lags: int) -> TopicView:
    return TopicView(
        topic=name,
        name_on_broker=name,
        key="tenant",
        event_type="t",
        partitions=1,
        retention_s=None,
        compacted=False,
        subject="s",
        schema_id=1,
        exists=True,
        messages=messages,
        consumers=tuple(ConsumerLag(group=f"tocsin.{name}", lag=lag) for name, lag in lags.items()),
    )


def ongoing(name: str, state: InvestigationState, **changes: object) -> InvestigationView:
    queued = InvestigationView.queued(full.request("acme", name))
    return queued.model_copy(update={"state": state, "step": "gather", "progress": 0.5, **changes})


def tables(now: datetime) -> TablesInMemory:
    group = CostGroupView(
        key=f"{now:%Y-%m-%d}",
        entries=2,
        unpriced=1,
        cost_nano_usd=5_000_000,
        tokens={},
        rows_read=None,
        duration_ms=1,
    )
    minutes = [timedelta(minutes=one) for one in range(10)]
    return TablesInMemory(
        incident_rows=[
            full.incident("acme", "inc_old", severity=Severity.CRITICAL, opened_at=now - minutes[9]),
            full.incident("acme", "inc_new", severity=Severity.CRITICAL, opened_at=now - minutes[1]),
            full.incident("acme", "inc_minor", severity=Severity.MINOR, opened_at=now),
        ],
        investigation_rows={
            "acme": [
                ongoing("inv_queued", InvestigationState.QUEUED),
                ongoing("inv_waiting", InvestigationState.WAITING),
                ongoing("inv_running", InvestigationState.RUNNING),
            ]
        },
        cost_answer=CostAnswer((group,), group.model_copy(update={"key": ""}), False, "SELECT 1"),
    )


@asynccontextmanager
async def installation(*probes: FakeProbe) -> AsyncIterator[tuple[Served, FakeApi, TablesInMemory]]:
    now = datetime.now(UTC)
    known = tables(now)
    topics = (topic("alarms.raw", 10, triage=4, land=0), topic("evidence", 7, land=2))
    api = make_api(probes or [FakeProbe("broker")], reads=make_reads(known, topics=topics))
    api.clock.at = now
    async with serve(api) as served:
        yield served, api, known
