from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from agents.analysis.signals import CallStats, IncidentData, Topology
from agents.investigation.memory import (
    AlwaysFresh,
    CollectingPublisher,
    MemoryHistory,
    MemoryRunbooks,
    MemoryWindows,
    OpenDoor,
    SystemClock,
    memory_ports,
    request_for,
    settings_for,
)
from agents.investigation.nodes.plan import first_window
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from agents.investigation.state import first_alarm_at, first_service
from agents.ports import Admitted, BudgetLevel
from schemas.control import Runbook
from schemas.events.report import Report, Verdict
from tests.fakes.evidence import evidence
from tests.fakes.incident_data import ALARM_AT, bad_deploy, empty, healthy, without
from tests.fakes.incident_ports import context_for

AT = datetime.fromtimestamp(ALARM_AT, tz=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("source", ["alarms", "logs", "changes", "kpis"])
async def test_a_window_holds_what_lies_in_it_of_the_services_asked_for(source: str) -> None:
    windows = MemoryWindows(bad_deploy())
    ask = getattr(windows, source)

    everything = await ask("t", None, AT - HOUR, AT + HOUR)
    cart = await ask("t", ("cart",), AT - HOUR, AT + HOUR)
    nothing = await ask("t", None, AT - 3 * HOUR, AT - 2 * HOUR)

    assert {one.service for one in cart.items} == {"cart"}
    assert len(cart.items) <= len(everything.items)
    assert nothing.items == ()
    assert nothing.rows_read == 0
    assert everything.rows_read >= len(everything.items)


async def test_series_are_cut_to_the_window_and_counted_by_sample() -> None:
    windows = MemoryWindows(bad_deploy())

    answer = await windows.kpis("t", ("cart",), AT - timedelta(seconds=10), AT)

    assert all(np.all((one.times >= ALARM_AT - 10) & (one.times <= ALARM_AT)) for one in answer.items)
    assert all(one.times.size == one.values.size for one in answer.items)
    assert answer.rows_read == sum(one.times.size for one in answer.items)


async def test_calls_and_topology_come_as_they_are_or_not_at_all() -> None:
    call = CallStats(ALARM_AT, "cart", "get", "checkout", 5, 1.0, 2.0)
    windows = MemoryWindows(replace(bad_deploy(), calls=(call,)))

    assert (await windows.calls("t", None, AT - HOUR, AT + HOUR)).items == (call,)
    assert len((await windows.topology("t", None, AT, AT)).items) == 1
    bare = MemoryWindows(replace(healthy(), topology=Topology()))
    assert (await bare.topology("t", None, AT, AT)).items == ()


async def test_the_publisher_keeps_one_event_an_id() -> None:
    publisher = CollectingPublisher()
    one = evidence("cart")

    await publisher.publish(one, one)
    await publisher.publish(evidence("web"))

    assert len(publisher.order) == 3
    assert len(publisher.events) == 2


def report(
    name: str, *, tenant: str = "a", services: tuple[str, ...] = ("cart",), revision: int = 1
) -> Report:
    return Report(
        tenant=tenant,
        occurred_at=AT,
        investigation_id=name,
        incident_id="inc",
        revision=revision,
        verdict=Verdict.BENIGN,
        headline="h",
        services=services,
        started_at=AT,
        finished_at=AT + timedelta(seconds=revision),
    )


async def test_history_is_of_one_tenant_and_the_last_revision_holds() -> None:
    history = MemoryHistory([report("x"), report("x", revision=2), report("y", tenant="b")])

    found = await history.report("a", "x")

    assert found is not None
    assert found.revision == 2
    assert await history.report("a", "y") is None


async def test_history_knows_reports_about_a_service_newest_first() -> None:
    history = MemoryHistory([report("x"), report("y", revision=3), report("z", services=("web",))])

    found = await history.reports_about("a", ["cart"], AT + HOUR, 10)

    assert [one.investigation_id for one in found.items] == ["y", "x"]
    assert len((await history.reports_about("a", ["cart"], AT + HOUR, 1)).items) == 1
    assert (await history.reports_about("a", ["cart"], AT, 10)).items == ()


async def test_runbooks_are_of_one_tenant() -> None:
    book = Runbook(runbook_id="r", tenant="a", title="t", body="b")

    assert await MemoryRunbooks((book,)).runbooks("a") == (book,)
    assert await MemoryRunbooks((book,)).runbooks("b") == ()


async def test_the_rest_lets_everything_through() -> None:
    data = bad_deploy()
    ports = memory_ports(data)

    assert await AlwaysFresh().landed_until("t", []) == {}
    assert await ports.lease.still_held()
    assert await ports.cancellation.reason("t", "i") == ""
    assert await OpenDoor(BudgetLevel.MODERATE).admit(request_for(data)) == Admitted(BudgetLevel.MODERATE)
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize("data", [bad_deploy(), healthy(), empty()])
def test_the_request_and_settings_look_at_exactly_the_window_of_the_data(data: IncidentData) -> None:
    window = first_window(context_for(data)).signal()

    assert window.start == pytest.approx(data.window.start, abs=1e-3)
    assert window.end == pytest.approx(data.window.end, abs=1e-3)
    assert window.baseline_start == pytest.approx(data.window.baseline_start, abs=1e-2)
    assert settings_for(data).max_widenings == 0


def test_a_request_names_the_alarm_or_says_that_it_names_none() -> None:
    named, nameless = request_for(bad_deploy()), request_for(replace(healthy(), alarm_service=""))

    assert first_service(named) == "frontend"
    assert first_service(nameless) == ""
    assert first_alarm_at(named) == AT
    assert request_for(bad_deploy(), case="b").investigation_id != named.investigation_id


async def test_an_alarm_that_names_no_service_is_investigated_all_the_same() -> None:
    data = replace(bad_deploy(), alarm_service="")
    ports = memory_ports(data)

    outcome = await Investigations(ports.settings).investigate(request_for(data), ports)

    assert isinstance(outcome, Reported)
    assert outcome.report.causes[0].service == "cart"


async def test_candidates_bound_who_may_be_named() -> None:
    data = replace(bad_deploy(), candidates=frozenset({"payment", "checkout"}))
    ports = memory_ports(data)

    outcome = await Investigations(ports.settings).investigate(request_for(data), ports)

    assert isinstance(outcome, Reported)
    assert {cause.service for cause in outcome.ranking.causes} == {"payment", "checkout"}


async def test_a_service_without_data_is_no_suspect() -> None:
    data = without(bad_deploy(), ["payment"])
    ports = memory_ports(data)

    outcome = await Investigations(ports.settings).investigate(request_for(data), ports)

    assert isinstance(outcome, Reported)
    assert outcome.report.causes[0].service == "cart"
    assert "payment" not in {cause.service for cause in outcome.report.causes}
