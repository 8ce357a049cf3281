"""A service whose clock is ahead: nothing lands before it was taken, so its stamps are put right and that is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agents.analysis.findings import FindingKind, Source
from agents.analysis.signals import IncidentData, KpiSeries, LogRecord
from agents.investigation.ahead import Ahead, clocks_ahead
from agents.investigation.clocks import right_kpis, right_logs, with_clocks
from agents.investigation.memory import MemoryWindows
from agents.investigation.nodes.plan import first_window
from agents.investigation.nodes.wait import wait
from agents.investigation.state import LookWindow
from agents.ports import Delay, Fetched, Landed, QueryLimits
from schemas.errors import UnavailableError
from schemas.events.evidence import Evidence
from schemas.events.report import Report
from tests.fakes.incident_data import ALARM_AT, bad_deploy
from tests.fakes.incident_ports import Landing, StepClock, collected, context_for, evidence_in, state_for
from tests.fakes.investigation_runs import ports_for, published, run
from tests.fakes.landing_times import landed, stamped_ahead
from tests.fakes.node_orders import WINDOW_END, planned

DATA = landed(bad_deploy())
TOLD = "cart stamps its metrics 40 s ahead of when they landed: put right"


def delay(service: str, least_s: float, source: Source = Source.KPIS, step_s: float = 5.0) -> Delay:
    return Delay(source, service, least_s, step_s)


def look(*ahead: Ahead) -> LookWindow:
    return first_window(context_for(DATA)).model_copy(update={"ahead": ahead})


def clock(service: str, seconds: float, source: Source = Source.KPIS) -> Ahead:
    return Ahead(source=source, service=service, seconds=seconds)


class TestWhoIsAhead:
    @pytest.mark.parametrize(
        ("least", "found"),
        [
            ({"a": 1.0, "b": 2.0, "c": -40.0}, {"c": 40.0}),
            ({"a": 1.0, "c": -40.0}, {"c": 40.0}),
            ({"a": 300.0, "b": 0.5, "c": 60.0}, {}),
            ({"a": 1.0, "b": 2.0, "c": -9.9}, {}),
            ({"a": -3600.0, "b": -3601.0, "c": -3599.5}, {}),
            ({"a": -20.0, "b": -21.0, "c": -60.04}, {"c": 39.0}),
            ({"c": -40.0}, {}),
            ({}, {}),
        ],
    )
    def test_who_lands_before_it_was_taken_by_the_typical_clock(
        self, least: dict[str, float], found: dict[str, float]
    ) -> None:
        told = clocks_ahead([delay(name, seconds) for name, seconds in least.items()])
        assert {one.service: one.seconds for one in told} == found

    def test_less_than_a_step_may_be_an_interval_stamped_by_its_end(self) -> None:
        steps = [(60.0, ()), (30.0, (40.0,))]
        for step_s, found in steps:
            told = clocks_ahead([delay("a", 1.0), delay("b", 1.0), delay("c", -40.0, step_s=step_s)])
            assert tuple(one.seconds for one in told) == found

    def test_log_lines_may_be_stamped_by_another_clock(self) -> None:
        lines = [delay(name, -30.0, Source.LOGS, 0.0) for name in ("a", "b")]
        told = clocks_ahead([delay("a", 1.0), delay("b", 1.0), *lines])
        assert told == (clock("a", 30.0, Source.LOGS), clock("b", 30.0, Source.LOGS))


class TestPlanning:
    async def test_it_is_asked_once_for_the_time_of_the_incident_and_posted(self) -> None:
        context = context_for(stamped_ahead(DATA, 40.0, "cart"))

        window, costs = await with_clocks(first_window(context), context)

        assert window.ahead == (clock("cart", 40.0), clock("cart", 40.0, Source.LOGS))
        assert [one.step for one in costs] == ["clocks"]
        assert collected(context) == list(costs)
        assert window.wider(2.0, 3600.0).ahead == window.ahead

    async def test_clocks_are_believed_where_nobody_can_be_asked_or_landing_is_not_known(self) -> None:
        class Away(MemoryWindows):
            async def delays(
                self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
            ) -> Fetched[Delay]:
                raise UnavailableError(f"no delays of {tenant} {services} in {start} to {end}")

        away, unknown = context_for(DATA, windows=Away(DATA)), context_for(bad_deploy())

        assert await with_clocks(look(), away) == (look(), ())
        assert (await with_clocks(look(), unknown))[0] == look()


class Asked(MemoryWindows):
    """Remembers what was read of whom, in seconds after the alarm."""

    def __init__(self, data: IncidentData, limits: QueryLimits | None = None) -> None:
        super().__init__(data, limits)
        object.__setattr__(self, "reads", [])

    reads: list[tuple[Any, float, float]]

    async def kpis(
        self, tenant: str, services: Sequence[str] | None, start: datetime, end: datetime
    ) -> Fetched[KpiSeries]:
        span = (start.timestamp() - ALARM_AT, end.timestamp() - ALARM_AT)
        self.reads.append((None if services is None else list(services), *span))
        return await super().kpis(tenant, services, start, end)


class TestReading:
    START, END = (datetime.fromtimestamp(ALARM_AT + s, tz=UTC) for s in (-600, 60))

    async def test_who_is_ahead_is_read_later_and_put_back(self) -> None:
        windows = Asked(stamped_ahead(DATA, 40.0, "cart"))
        plain = await MemoryWindows(DATA).kpis("t", None, self.START, self.END)

        found = await right_kpis(windows, look(clock("cart", 40.0)))("t", None, self.START, self.END)

        assert windows.reads == [(["cart"], -560, 100), (None, -600, 60)]
        assert found.query.count("-- kpis") == 2
        assert found.rows_read > plain.rows_read
        kept = {(one.service, one.metric): one for one in found.items}
        assert len(kept) == len(found.items) == len(plain.items)
        for one in plain.items:
            np.testing.assert_array_equal(kept[one.service, one.metric].times, one.times)
            np.testing.assert_array_equal(kept[one.service, one.metric].values, one.values)

    async def test_each_by_its_own_clock(self) -> None:
        data = stamped_ahead(stamped_ahead(DATA, 40.0, "cart"), 25.0, "payment")
        query = right_logs(
            MemoryWindows(data), look(clock("cart", 40.0, Source.LOGS), clock("payment", 25.0, Source.LOGS))
        )

        found = await query("t", None, self.START, self.END)
        plain = await MemoryWindows(DATA).logs("t", None, self.START, self.END)

        def told(lines: Sequence[LogRecord]) -> list[tuple[float, str, str]]:
            return sorted((one.time, one.service, one.message) for one in lines)

        assert told(found.items) == told(plain.items)

    @pytest.mark.parametrize(
        ("asked", "reads"),
        [
            (["payment"], [(["payment"], -600, 60)]),
            (["cart"], [(["cart"], -560, 100)]),
            (["cart", "payment"], [(["cart"], -560, 100), (["payment"], -600, 60)]),
        ],
    )
    async def test_nobody_is_read_twice_who_was_asked_for_by_name(
        self, asked: list[str], reads: list[Any]
    ) -> None:
        windows = Asked(stamped_ahead(DATA, 40.0, "cart"))
        found = await right_kpis(windows, look(clock("cart", 40.0)))("t", asked, self.START, self.END)
        assert windows.reads == reads
        assert {one.service for one in found.items} == set(asked)

    async def test_where_all_clocks_are_right_the_query_is_the_stores_own(self) -> None:
        windows = MemoryWindows(DATA)
        assert right_kpis(windows, look()) == windows.kpis
        assert right_logs(windows, look(clock("cart", 40.0))) == windows.logs

    async def test_what_either_query_left_out_is_told(self) -> None:
        windows = MemoryWindows(stamped_ahead(DATA, 40.0, "cart"), QueryLimits(20, 20, 1.0))
        found = await right_logs(windows, look(clock("cart", 40.0, Source.LOGS)))(
            "t", None, self.START, self.END
        )
        assert found.truncated
        assert found.one_in > 1


def causes(report: Report) -> list[tuple[str, str, float | None]]:
    return [(one.service, one.kind, one.confidence) for one in report.causes]


class TestWholeRuns:
    async def test_a_culprit_ahead_is_found_as_if_it_were_not_and_the_report_says_so(self) -> None:
        data = stamped_ahead(DATA, 40.0, "cart")
        plain, ports = await run(DATA, ports_for(DATA)), ports_for(data)

        told = await run(data, ports)

        assert causes(told) == causes(plain)
        assert told.began_at == plain.began_at
        assert f"{TOLD}." in told.summary
        assert "ahead of" not in plain.summary

    async def test_without_landing_times_it_shows_what_it_takes(self) -> None:
        data = stamped_ahead(bad_deploy(), 40.0, "cart")
        plain, blind = await run(DATA, ports_for(DATA)), await run(data, ports_for(data))
        assert blind.began_at != plain.began_at

    async def test_evidence_carries_the_figure_and_shows_both_queries(self) -> None:
        data = stamped_ahead(DATA, 40.0, "cart", sources=(Source.KPIS,))
        ports = ports_for(data)

        await run(data, ports)

        every = [one for one in published(ports) if isinstance(one, Evidence) and one.step == "kpis"]
        (clock_told,) = (one for one in every if one.kind == FindingKind.CLOCK_AHEAD)
        assert clock_told.statement == TOLD
        assert clock_told.query.count("-- kpis") >= 2
        figures = {one.service: json.loads(one.data).get("clock_ahead_s") for one in every}
        assert figures.pop("cart") == 40.0
        assert set(figures.values()) == {None}
        lines = [one for one in published(ports) if isinstance(one, Evidence) and one.step == "logs"]
        assert all("clock_ahead_s" not in json.loads(one.data) for one in lines)


class TestWaiting:
    @pytest.mark.parametrize(("seconds", "late"), [(39, True), (40, False)])
    async def test_the_stamps_of_a_clock_that_is_ahead_end_no_wait_early(
        self, seconds: float, late: bool
    ) -> None:
        reached = Landed(event_time=WINDOW_END + timedelta(seconds=seconds))
        context = context_for(DATA, clock=StepClock(), freshness=Landing([{Source.KPIS: reached}]))
        plan = planned(context)
        plan = plan.model_copy(update={"window": look(clock("cart", 40.0))})

        told = await wait(state_for(context, plan=plan), context)

        assert told == {"late": (Source.KPIS,) if late else ()}

    async def test_what_else_is_read_is_waited_for_as_ever(self) -> None:
        reached = {source: Landed(event_time=WINDOW_END) for source in (Source.LOGS, Source.ALARMS)}
        context = context_for(
            DATA, clock=StepClock(), freshness=Landing([{**reached, Source.CHANGES: Landed()}])
        )
        plan = planned(context).model_copy(update={"window": look(clock("cart", 40.0))})
        assert await wait(state_for(context, plan=plan), context) == {"late": (Source.CHANGES,)}
        assert evidence_in(collected(context)) == []


class TestDelaysInMemory:
    async def delays(self, data: IncidentData) -> dict[tuple[Source, str], Delay]:
        end = datetime.fromtimestamp(ALARM_AT, tz=UTC)
        found = await MemoryWindows(data).delays("t", None, end - timedelta(seconds=120), end)
        return {(one.source, one.service): one for one in found.items}

    async def test_one_for_each_source_and_service(self) -> None:
        data = stamped_ahead(landed(bad_deploy(), 2.0), 40.0, "cart", sources=(Source.LOGS,))
        found = await self.delays(data)
        assert len(found) == 10
        assert found[Source.KPIS, "cart"] == Delay(Source.KPIS, "cart", 2.0, 5.0)
        assert found[Source.LOGS, "cart"].least_s == pytest.approx(-38.0)

    async def test_one_metric_of_times_to_come_does_not_make_the_service_be_ahead(self) -> None:
        forecast = tuple(
            replace(one, times=one.times + 3600.0) if one.metric == "requests" else one for one in DATA.kpis
        )
        found = await self.delays(replace(DATA, kpis=forecast))
        assert {one.least_s for (source, _), one in found.items() if source is Source.KPIS} == {0.0}

    async def test_nothing_is_known_where_landing_is_not(self) -> None:
        assert await self.delays(bad_deploy()) == {}
