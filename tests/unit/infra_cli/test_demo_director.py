"""The demo's director with a watcher that is fed by hand: what it waits for, and what it makes of what comes."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar, cast

import pytest
from rich.console import Console

from infra.cli.context import Installation
from infra.cli.demo import director as module
from infra.cli.demo.director import Director
from infra.cli.demo.feed import Feed, Schedule
from infra.cli.demo.screen import Screen
from infra.cli.watch import Watcher
from infra.local.shop.faults import FaultKind, choose_fault
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from schemas.errors import UnavailableError
from schemas.events import (
    Event,
    Incident,
    IncidentTransition,
    InvestigationRequested,
    InvestigationState,
    InvestigationStatus,
    Report,
    RequestKind,
    Verdict,
)
from tests.fakes import full_events as full
from tests.fakes.events import alarm, incident_of

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAULT = choose_fault(FaultKind.BAD_DEPLOY, 1)
T = TypeVar("T")


@dataclass
class Sent:
    events: list[Event] = field(default_factory=list)

    async def publish(self, event: Event) -> None:
        self.events.append(event)


@dataclass
class Stage:
    """A director, and the hands that feed its watcher."""

    director: Director
    watcher: Watcher
    sent: Sent
    said: io.StringIO

    async def comes(self, *events: Event) -> None:
        for event in events:
            await self.watcher._take(event)

    async def plays(self, act: Awaitable[T], *events: Event) -> T:
        """Begin the act, let the events come one after another, and return what the act ends with."""
        task = asyncio.ensure_future(act)
        for event in events:
            for _ in range(3):
                await asyncio.sleep(0)
            assert not task.done()
            await self.comes(event)
        return await asyncio.wait_for(task, 30)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    sent, said = Sent(), io.StringIO()
    screen = Screen(Console(file=said, width=160))
    schedule = Schedule(speed=1.0, again_at_s=200.0, harmless_at_s=150.0)
    feed = Feed(sent, SystemClock(), 1, FAULT, "acme", schedule, lambda _: None)  # type: ignore[arg-type]  # the part it uses
    feed.started = START
    watcher = Watcher("acme", screen.tocsin_event)
    installation = cast("Installation", _Where(Settings(data_dir=tmp_path)))
    return Stage(Director(installation, feed, watcher, screen), watcher, sent, said)


@dataclass
class _Where:
    settings: Settings


def incident(after_s: float, number: int = 1) -> Incident:
    at = START + timedelta(seconds=after_s)
    return incident_of(
        alarm(f"A{number}", started_at=at, occurred_at=at), incident_id=f"inc_{number}", opened_at=at
    )


def requested(
    one: Incident, kind: RequestKind = RequestKind.TRIGGER, number: int = 1
) -> InvestigationRequested:
    return full.request(
        "acme", f"inv_{one.incident_id}_{number}", incident=one, kind=kind, requested_at=one.opened_at
    )


def report(request: InvestigationRequested, verdict: Verdict = Verdict.CAUSE_FOUND) -> Report:
    return full.report(
        "acme",
        request.investigation_id,
        report_id=f"rep_{request.investigation_id}",
        incident_id=request.incident.incident_id,
        verdict=verdict,
    )


def status(request: InvestigationRequested, state: InvestigationState) -> InvestigationStatus:
    return full.status(
        "acme", request.investigation_id, incident_id=request.incident.incident_id, state=state, step="kpis"
    )


async def test_the_first_incident_since_the_fault_is_followed_to_its_report(stage: Stage) -> None:
    early, during = incident(FAULT.starts_s - 10, 1), incident(FAULT.starts_s + 10, 2)
    asked, distraction = requested(during), requested(early)
    found = await stage.plays(
        stage.director.fault(), early, distraction, report(distraction), during, asked, report(asked)
    )
    assert found.incident.incident_id == "inc_2"
    assert found.report.investigation_id == asked.investigation_id


async def test_of_an_incident_that_was_merged_the_other_ones_report_counts(stage: Stage) -> None:
    one, other = incident(FAULT.starts_s + 10, 1), incident(FAULT.starts_s + 12, 2)
    first, second = requested(one), requested(other)
    merged = one.model_copy(
        update={"event_id": "ice_m", "transition": IncidentTransition.MERGED, "merged_into": "inc_2"}
    )
    found = await stage.plays(stage.director.fault(), one, first, other, second, merged, report(second))
    assert found.report == report(second)
    # The survivor was told with it, and is no incident of the next act.
    later = incident(FAULT.starts_s + 20, 3)
    asked = requested(later)
    assert (await stage.plays(stage.director.fault(), later, asked, report(asked))).report == report(asked)


async def test_a_look_that_was_given_up_is_not_waited_for(stage: Stage) -> None:
    one = incident(FAULT.starts_s + 10)
    first, second = requested(one), requested(one, number=2)
    given_up = status(second, InvestigationState.CANCELLED)
    found = await stage.plays(stage.director.fault(), one, first, second, report(first), given_up)
    assert found.report == report(first)


async def test_of_a_fault_that_came_again_the_remembered_answer_counts(stage: Stage) -> None:
    one = incident(210.0)
    first, second = requested(one, RequestKind.RECURRENCE), requested(one, number=2)
    remembered = report(first).model_copy(update={"recurrence_of": "inv_before"})
    found = await stage.plays(stage.director.again(), one, first, second, remembered, report(second))
    assert found.report == remembered


async def test_a_fault_that_came_again_and_was_not_known_again_is_told_as_it_is(stage: Stage) -> None:
    one = incident(210.0)
    asked = requested(one)
    found = await stage.plays(stage.director.again(), one, asked, report(asked))
    assert found.report == report(asked)


async def test_of_an_incident_that_outgrew_its_report_the_last_look_counts(stage: Stage) -> None:
    one = incident(FAULT.starts_s + 10)
    first, second = requested(one), requested(one, number=2)
    taken_back = requested(one, RequestKind.CANCEL, number=3)
    found = await stage.plays(
        stage.director.fault(), one, first, second, report(first), taken_back, report(second)
    )
    assert found.report.investigation_id == second.investigation_id


async def test_the_return_of_the_fault_is_another_incident(stage: Stage) -> None:
    first, second = incident(FAULT.starts_s + 10, 1), incident(205.0, 2)
    for one in (first, second):
        await stage.comes(one, requested(one), report(requested(one)))
    assert (await stage.plays(stage.director.again())).incident.incident_id == "inc_2"


async def test_an_incident_is_over_when_it_cleared_or_closed(stage: Stage) -> None:
    one, other = incident(40.0, 1), incident(50.0, 2)
    waiting = asyncio.ensure_future(stage.director.over(one))
    await stage.comes(one, other.model_copy(update={"transition": IncidentTransition.CLEARED}))
    await asyncio.sleep(0)
    assert not waiting.done()
    await stage.comes(one.model_copy(update={"transition": IncidentTransition.CLOSED, "event_id": "ice_2"}))
    await asyncio.wait_for(waiting, 30)


async def test_a_healthy_shop_is_looked_at_by_hand(stage: Stage) -> None:
    life: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    life.set_result(None)
    task = asyncio.ensure_future(stage.director.healthy(life))
    for _ in range(5):
        await asyncio.sleep(0)
    (asked,) = stage.sent.events
    assert isinstance(asked, InvestigationRequested)
    assert (asked.kind, asked.incident.services) == (RequestKind.MANUAL, ("web-frontend",))
    await stage.comes(report(asked, Verdict.BENIGN))
    assert (await asyncio.wait_for(task, 30)).verdict is Verdict.BENIGN


async def test_a_healthy_shop_that_raised_something_is_judged_by_that(stage: Stage) -> None:
    life: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    life.set_result(None)
    one = incident(20.0)
    await stage.comes(one, requested(one), report(requested(one), Verdict.INCONCLUSIVE))
    assert (await stage.plays(stage.director.healthy(life))).verdict is Verdict.INCONCLUSIVE
    assert stage.sent.events == []


async def test_the_worker_is_killed_while_it_investigates_the_harmless_alarm(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[str] = []
    monkeypatch.setattr(Director, "kill", lambda _self, role: killed.append(role))
    one = incident(155.0)
    asked = requested(one)
    task = asyncio.ensure_future(stage.director.harmless())
    await stage.comes(one, asked)
    for _ in range(5):
        await asyncio.sleep(0)
    assert killed == [], "it does not run yet"
    await stage.comes(status(asked, InvestigationState.RUNNING))
    await stage.comes(report(asked, Verdict.BENIGN))
    found = await asyncio.wait_for(task, 30)
    assert killed == ["investigate"]
    assert (found.incident.incident_id, found.report.verdict) == ("inc_1", Verdict.BENIGN)


async def test_what_never_comes_is_an_error_that_names_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.01)
    acts: list[Callable[[], Awaitable[object]]] = [stage.director.fault, stage.director.again]
    for act in acts:
        with pytest.raises(UnavailableError, match="did not come within"):
            await act()


def test_where_nothing_runs_nobody_is_killed(stage: Stage) -> None:
    stage.director.kill("investigate")
    assert "kill -9" not in stage.said.getvalue()
