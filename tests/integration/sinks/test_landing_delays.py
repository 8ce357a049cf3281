"""When telemetry landed against when it was stamped, in ClickHouse: whose clock is ahead, and what investigations make of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agents.investigation.clocks import right_kpis, with_clocks
from agents.investigation.memory import request_for
from agents.investigation.state import LookWindow
from infra.cli.compose.windows import ClickHouseWindows
from infra.runtime.sql import ControlStore, open_database
from schemas.events import Event, InvestigationRequested, KpiSamples, LogLine
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding
from sinks.clickhouse.queries.conditions import Scope
from sinks.clickhouse.queries.delays import DelayRow, landing_delays
from sinks.clickhouse.query import Limit, Query
from tests.fakes.full_events import kpis, logs
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import context_for
from tests.integration.sinks.samples import FixedClock, land

pytestmark = pytest.mark.clickhouse


class Sender:
    """Tells of itself every so often, by a clock of its own; everything lands a second later."""

    def __init__(self, landing: ClickHouseLanding, clock: FixedClock, tenant: str) -> None:
        self._landing, self._clock, self._tenant = landing, clock, tenant
        self._now = clock.time
        self._sent = 0

    @property
    def scope(self) -> Scope:
        return Scope(self._tenant, self._now - timedelta(hours=2), self._now + timedelta(hours=2))

    def at(self, seconds: float) -> datetime:
        return self._now + timedelta(seconds=seconds)

    async def measures(
        self,
        service: str,
        taken: Sequence[float],
        *,
        ahead_s: float = 0.0,
        metric: str = "cpu",
        **labels: str,
    ) -> None:
        """Send samples taken then (seconds from now), each in a message of its own."""
        for second in taken:
            stamp = round((self.at(second).timestamp() + ahead_s) * 1000)
            samples = KpiSamples(metric=metric, labels=labels, times_ms=(stamp,), values=(second,))
            await self._land(second, kpis(self._tenant, service=service, series=(samples,)))

    async def says(self, service: str, written: Sequence[float], *, ahead_s: float = 0.0) -> None:
        """Send lines written then, in one message."""
        lines = tuple(LogLine(at=self.at(second + ahead_s), message="m") for second in written)
        await self._land(written[-1], logs(self._tenant, service=service, records=lines))

    async def _land(self, second: float, event: Event) -> None:
        self._clock.time = self.at(second + 1.0)
        await land(self._landing, event, first=self._sent)
        self._sent += 1


@pytest.fixture
def sender(landing: ClickHouseLanding, clock: FixedClock, tenant: str) -> Sender:
    return Sender(landing, clock, tenant)


async def _rows(clickhouse: ClickHouse, sender: Sender) -> dict[tuple[str, str], DelayRow]:
    found = await landing_delays(clickhouse, sender.scope)
    return {(row.table, row.service): row for row in found.rows}


async def test_the_least_delay_of_each_service_by_table(clickhouse: ClickHouse, sender: Sender) -> None:
    await sender.measures("cart", (-60, -45, -30))
    await sender.measures("db", (-60, -30, 0), ahead_s=40.0)
    await sender.says("db", (-50, -20), ahead_s=25.0)

    found = await _rows(clickhouse, sender)

    least = {name: row.least_s for name, row in found.items()}
    assert least == pytest.approx(
        {("kpis", "cart"): 1.0, ("kpis", "db"): -39.0, ("logs", "db"): -24.0}, abs=0.01
    )
    steps = {name: row.step_s for name, row in found.items()}
    assert steps == pytest.approx({("kpis", "cart"): 15.0, ("kpis", "db"): 30.0, ("logs", "db"): 0.0})


async def test_one_sender_or_metric_among_several_is_not_the_service(
    clickhouse: ClickHouse, sender: Sender
) -> None:
    for metric, ahead_s in (("cpu", 0.0), ("rps", 0.0), ("predicted", 3600.0)):
        await sender.measures("cart", (-30, -15), metric=metric, ahead_s=ahead_s)
    for pod, ahead_s in (("a", 0.0), ("b", 40.0), ("c", 0.0)):
        await sender.measures("db", (-30, -15), pod=pod, ahead_s=ahead_s)
        await sender.says("db", (-30, -15), ahead_s=ahead_s)

    found = await _rows(clickhouse, sender)

    least = {name: row.least_s for name, row in found.items()}
    assert least == pytest.approx(
        dict.fromkeys((("kpis", "cart"), ("kpis", "db"), ("logs", "db")), 1.0), abs=0.01
    )


async def test_what_is_sent_again_later_lands_no_sooner(clickhouse: ClickHouse, sender: Sender) -> None:
    await sender.measures("cart", (-60, -30))
    await sender.measures("cart", (0,), ahead_s=-60.0)
    assert (await _rows(clickhouse, sender))["kpis", "cart"].least_s == pytest.approx(1.0, abs=0.01)


async def test_it_keeps_to_its_window_its_services_and_its_limit(
    clickhouse: ClickHouse, sender: Sender, tenant: str
) -> None:
    for service in ("cart", "db", "web"):
        await sender.measures(service, (-60, -30))
        await sender.says(service, (-60, -30))
    early = Scope(tenant, sender.at(-70), sender.at(-50))

    some = await landing_delays(clickhouse, sender.scope, services=("cart", "web"))
    none = await landing_delays(clickhouse, Scope(f"{tenant}-x", early.start, early.end))
    first = await landing_delays(clickhouse, sender.scope, limit=Limit(2, 5.0))
    one = await landing_delays(clickhouse, early, services=("db",))

    assert [(row.table, row.service) for row in some.rows] == [
        ("kpis", "cart"),
        ("kpis", "web"),
        ("logs", "cart"),
        ("logs", "web"),
    ]
    assert none.rows == ()
    assert (len(first.rows), first.truncated) == (2, True)
    assert {(row.table, row.step_s) for row in one.rows} == {("kpis", 0.0), ("logs", 0.0)}
    pasted = await clickhouse.query(Query("pasted", some.info.sql))
    assert [row["least_s"] for row in pasted.rows] == [row.least_s for row in some.rows]


async def test_an_investigation_reads_who_is_ahead_as_if_it_were_not(
    clickhouse: ClickHouse, sender: Sender, tenant: str, tmp_path: Path
) -> None:
    for service, ahead_s in (("cart", 0.0), ("db", 40.0), ("web", 0.0)):
        await sender.measures(service, range(-120, 41, 20), ahead_s=ahead_s)
    start, end = sender.at(-100.5), sender.at(20.5)
    look = LookWindow(baseline_start=start, start=start, end=end, alarm_at=end)
    async with open_database(tmp_path / "control.sqlite") as database:
        windows = ClickHouseWindows(clickhouse, ControlStore(database))
        window, (cost,) = await with_clocks(
            look, context_for(bad_deploy(), windows=windows, request=_of(tenant))
        )
        plain = await windows.kpis(tenant, None, start, end)
        right = await right_kpis(windows, window)(tenant, None, start, end)

    assert [(one.source, one.service) for one in window.ahead] == [("kpis", "db")]
    assert window.ahead[0].seconds == pytest.approx(39.0, abs=0.1)
    assert cost.step == "clocks"
    assert (cost.rows_read or 0) >= 24
    stamped = {one.service: one.values.tolist() for one in plain.items}
    assert stamped["db"] == [-120.0, -100.0, -80.0, -60.0, -40.0, -20.0]
    taken = {one.service: one.values.tolist() for one in right.items}
    assert taken["cart"] == taken["web"] == [-100.0, -80.0, -60.0, -40.0, -20.0, 0.0, 20.0]
    assert taken["db"] == [-100.0, -80.0, -60.0, -40.0, -20.0, 0.0]
    shown = await clickhouse.query(Query("shown", right.query))
    assert {row["service"] for row in shown.rows} == {"cart", "db", "web"}


def _of(tenant: str) -> InvestigationRequested:
    return request_for(bad_deploy(), tenant=tenant)
