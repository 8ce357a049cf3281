"""Who calls whom and whose calls fail or take long, from the service-graph metrics that a collector has sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.analysis.findings import FindingKind
from agents.analysis.signals import IncidentData, Window
from agents.investigation.memory import request_for
from agents.investigation.nodes.gather_topology import gather_topology
from agents.investigation.nodes.plan import first_window
from agents.investigation.state import Plan
from infra.cli.compose.windows import ClickHouseWindows
from infra.runtime.sql import ControlStore, open_database
from schemas.events import KpiBatch, KpiSamples
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from tests.fakes.full_events import kpis
from tests.fakes.incident_ports import context_for, state_for
from tests.integration.sinks.samples import land

pytestmark = pytest.mark.clickhouse

GRAPH = "traces_service_graph_request"
# What is old is deleted.
ALARM = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=1)
DATA = IncidentData(
    window=Window(*(ALARM.timestamp() + after for after in (-1800, -120, 120, 0))), alarm_service="web"
)
MINUTES = [ALARM + timedelta(minutes=minute) for minute in range(-30, 2)]


@dataclass(frozen=True)
class Edge:
    """Calls a second, and what fails and how long one takes since two minutes before the alarm."""

    client: str
    server: str
    failing: float = 0.0
    slow: float = 0.02


EDGES = (Edge("user", "web", 0.2), Edge("web", "cart", 0.2), Edge("cart", "db", 0.2), Edge("web", "catalog"))


def batches(tenant: str) -> Iterator[KpiBatch]:
    """As the intake makes them: about whom is called, with both ends as labels."""
    times = tuple(round(at.timestamp() * 1000) for at in MINUTES)
    for edge in EDGES:
        values = {
            f"{GRAPH}_total": [10.0 for _ in MINUTES],
            f"{GRAPH}_failed_total": [edge.failing * 10 if _late(at) else 0.0 for at in MINUTES],
            f"{GRAPH}_server_seconds.mean": [edge.slow for _ in MINUTES],
        }
        for metric, column in values.items():
            one = KpiSamples(
                metric=metric,
                unit="s" if metric.endswith("mean") else "1/s",
                labels={"client": edge.client, "server": edge.server},
                times_ms=times,
                values=tuple(column),
            )
            yield kpis(tenant, service=edge.server, series=(one,))


def _late(at: datetime) -> bool:
    return at >= ALARM - timedelta(minutes=2)


async def test_calls_are_counted_by_the_minute(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str, tmp_path: Path
) -> None:
    await land(landing, *batches(tenant))
    async with open_database(tmp_path / "control.sqlite") as database:
        windows = ClickHouseWindows(clickhouse, ControlStore(database))
        found = await windows.calls(tenant, None, MINUTES[0], MINUTES[-1])
        of_db = await windows.calls(tenant, ["db"], MINUTES[0], MINUTES[-1])
        foreign = await windows.calls(f"{tenant}-other", None, MINUTES[0], MINUTES[-1])
    assert len(found.items) == len(MINUTES) * len(EDGES)
    assert {(one.caller, one.service) for one in found.items} == {
        ("", "web"),
        ("web", "cart"),
        ("web", "catalog"),
        ("cart", "db"),
    }
    last = of_db.items[-1]
    assert (last.count, last.failed, last.p50_ms) == pytest.approx((600.0, 120.0, 20.0))
    assert {one.service for one in of_db.items} == {"db"}
    assert foreign.items == ()
    assert GRAPH in found.query


async def test_without_a_topology_it_is_learned_and_who_fails_by_itself_is_told(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str, tmp_path: Path
) -> None:
    await land(landing, *batches(tenant))
    async with open_database(tmp_path / "control.sqlite") as database:
        windows = ClickHouseWindows(clickhouse, ControlStore(database))
        context = context_for(DATA, windows=windows, request=request_for(DATA, tenant=tenant))
        state = state_for(context, plan=Plan(window=first_window(context), tasks=()))
        delta = await gather_topology(state, context)
    told = {(one.kind, one.service) for one in delta["evidence"]}
    assert (FindingKind.CALL_FAILURES, "db") in told
    assert {service for kind, service in told if kind == FindingKind.CALL_FAILURES} == {"db"}
    assert delta["topology"].calls == {"cart": ("db",), "web": ("cart", "catalog")}
    assert any(one.kind == FindingKind.LEARNED_CALL for one in delta["evidence"])
