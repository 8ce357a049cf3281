from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from rich.console import Console

from infra.cli.demo.director import accuses
from infra.cli.demo.feed import Counts, Feed, Schedule
from infra.cli.demo.judging import Story, judge
from infra.cli.demo.screen import Screen
from infra.cli.watch import Watcher
from infra.local.shop.faults import Fault, FaultKind, choose_fault
from infra.runtime.clock import SystemClock
from schemas.errors import UnavailableError
from schemas.events import (
    AlarmRaw,
    AlarmStatus,
    Decision,
    Event,
    Evidence,
    Incident,
    IncidentTransition,
    InvestigationState,
    InvestigationStatus,
    Report,
    ReportedCause,
    Severity,
    Verdict,
)
from sinks.clickhouse.queries.costs import CostGroup
from tests.fakes.events import EPOCH, alarm, incident_of
from tests.fakes.full_events import decision

FAULT = choose_fault(FaultKind.CPU_HOG, 1)


@dataclass
class Sent:
    """A producer that remembers."""

    events: list[Event] = field(default_factory=list)

    async def publish_all(self, events: Sequence[Event]) -> None:
        self.events.extend(events)


def _feed(
    fault: Fault | None, schedule: Schedule, on_event: Callable[[Event], None] = lambda _: None
) -> tuple[Feed, Sent]:
    sent = Sent()
    feed = Feed(sent, SystemClock(), 1, fault, "shop", schedule, on_event)  # type: ignore[arg-type]  # the producer's part it uses
    return feed, sent


async def test_the_shops_time_comes_to_the_present_when_it_ends() -> None:
    feed, sent = _feed(FAULT, Schedule(speed=1_000.0, history_s=120.0, length_s=60.0))
    shop = feed.shop()
    await feed.send_history(shop)
    before = len(sent.events)
    await feed.live(shop)
    assert len(sent.events) > before > 0
    assert feed.at_s == 60.0
    now = SystemClock().now()
    assert timedelta(seconds=-2) < now - feed.now < timedelta(seconds=30)
    assert all(event.occurred_at <= now for event in sent.events)


async def test_everything_sent_is_counted_and_shown() -> None:
    shown: list[Event] = []
    feed, sent = _feed(FAULT, Schedule(speed=10_000.0, history_s=60.0, length_s=90.0), shown.append)
    shop = feed.shop()
    await feed.send_history(shop)
    await feed.live(shop)
    assert shown == sent.events
    assert feed.counts.alarms == sum(isinstance(one, AlarmRaw) for one in sent.events) > 0
    assert feed.counts.samples > feed.counts.lines > feed.counts.changes >= 0


def _screen() -> tuple[Screen, io.StringIO]:
    stream = io.StringIO()
    return Screen(Console(file=stream, width=200)), stream


def test_an_alarm_is_shown_once_however_often_it_is_repeated() -> None:
    screen, stream = _screen()
    for _ in range(3):
        screen.shop_event(alarm(summary="errors [12%]"))
    assert stream.getvalue().count("HighErrorRate") == 1
    assert "errors [12%]" in stream.getvalue()


def test_a_storm_is_not_shown_to_its_last_alarm() -> None:
    screen, stream = _screen()
    for number in range(30):
        screen.shop_event(alarm(f"Alarm{number:02}"))
    assert stream.getvalue().count("Alarm") == 6
    assert "and more" in stream.getvalue()


def test_of_many_metrics_that_left_their_range_an_act_shows_the_first() -> None:
    screen, stream = _screen()
    for act in (1, 2):
        screen.act(act, "Something breaks")
        for number in range(30):
            screen.tocsin_event(
                decision(alarm(f"Kpi{act}"), source="detect", summary=f"metric {act}-{number:02} fell")
            )
    screen.tocsin_event(decision(alarm("repeated"), Decision.DEDUPLICATED, source="detect"))
    shown = stream.getvalue()
    assert [shown.count(f"metric {act}-") for act in (1, 2)] == [8, 8]
    assert shown.count("and more metrics") == 2


def test_what_tocsin_does_is_told_step_by_step() -> None:
    screen, stream = _screen()
    opened = incident_of(alarm())
    screen.tocsin_event(opened)
    screen.tocsin_event(_moved(opened, IncidentTransition.CLEARED))
    screen.tocsin_event(_status(InvestigationState.RUNNING, "gather_kpis", "23 findings"))
    screen.tocsin_event(_status(InvestigationState.RESUMED, "", ""))
    screen.tocsin_event(_evidence("cart cpu rose", 3.0))
    screen.tocsin_event(_evidence("nothing much", 0.2))
    told = stream.getvalue()
    for part in ("opened: HighErrorRate on cart", "cleared", "23 findings", "resumed", "cart cpu rose"):
        assert part in told
    assert "nothing much" not in told


def _moved(incident: Incident, transition: IncidentTransition) -> Incident:
    return incident.model_copy(update={"transition": transition, "revision": incident.revision + 1})


def _status(state: InvestigationState, step: str, message: str) -> InvestigationStatus:
    return InvestigationStatus(
        tenant="acme",
        occurred_at=EPOCH,
        investigation_id="inv",
        incident_id="inc",
        state=state,
        step=step,
        message=message,
    )


def _evidence(statement: str, score: float) -> Evidence:
    return Evidence(
        tenant="acme",
        occurred_at=EPOCH,
        investigation_id="inv",
        incident_id="inc",
        step="kpis",
        finding=statement,
        kind="level_shift",
        statement=statement,
        score=score,
        window_start=EPOCH,
        window_end=EPOCH,
    )


def _report(verdict: Verdict, *services: str) -> Report:
    causes = tuple(ReportedCause(service=name, kind="cpu", statement="it is") for name in services)
    return Report(
        tenant="shop",
        occurred_at=EPOCH,
        investigation_id="inv",
        incident_id="inc",
        verdict=verdict,
        headline="h",
        causes=causes,
        started_at=EPOCH,
        finished_at=EPOCH,
        confidence=0.9,
    )


@pytest.mark.parametrize(
    ("fault", "report", "right"),
    [
        (FAULT, _report(Verdict.CAUSE_FOUND, FAULT.expected_service, "other"), True),
        (FAULT, _report(Verdict.CAUSE_FOUND, "other", FAULT.expected_service), False),
        (FAULT, _report(Verdict.INCONCLUSIVE, FAULT.expected_service), False),
        (FAULT, _report(Verdict.BENIGN), False),
        (FAULT, None, False),
        (None, _report(Verdict.BENIGN), True),
        (None, _report(Verdict.CAUSE_FOUND, "cart"), False),
        (None, None, True),
    ],
)
def test_only_the_right_cause_first_is_right(fault: Fault | None, report: Report | None, right: bool) -> None:
    assert judge(fault, 1, Story(report), 10.0).right is right


RIGHT = _report(Verdict.CAUSE_FOUND, FAULT.expected_service)
REMEMBERED = RIGHT.model_copy(update={"recurrence_of": "inv"})
HARMLESS = _report(Verdict.BENIGN)


@pytest.mark.parametrize(("entries", "nano_usd", "right"), [(3, 7, True), (3, 6, False), (0, 7, False)])
def test_what_the_ledger_says_must_be_what_the_report_says(entries: int, nano_usd: int, right: bool) -> None:
    costs = CostGroup("", entries, 0, nano_usd, {}, None, 0)
    story = Story(RIGHT.model_copy(update={"cost_nano_usd": 7}), ledger=costs)
    assert judge(FAULT, 1, story, 10.0).right is right


@pytest.mark.parametrize(
    ("story", "wrong"),
    [
        (Story(RIGHT, HARMLESS, REMEMBERED), ()),
        (Story(RIGHT, _report(Verdict.INCONCLUSIVE), REMEMBERED), ()),
        (Story(HARMLESS), ("named nobody (benign)",)),
        (Story(RIGHT, RIGHT, REMEMBERED), ("of the harmless alarm expected nobody",)),
        (Story(RIGHT, HARMLESS, RIGHT), ("it was not known again",)),
        (Story(RIGHT, HARMLESS, HARMLESS), ("named nobody (benign)", "it was not known again")),
    ],
)
def test_every_act_counts(story: Story, wrong: tuple[str, ...]) -> None:
    result = judge(FAULT, 1, story, 10.0)
    assert len(result.wrong) == len(wrong)
    assert all(part in told for part, told in zip(wrong, result.wrong, strict=True))


def test_an_inconclusive_report_accuses_nobody() -> None:
    assert not accuses(_report(Verdict.INCONCLUSIVE, "cart"))
    assert accuses(_report(Verdict.CAUSE_FOUND, "cart"))


async def test_a_watcher_tells_each_event_once_and_wakes_who_waits() -> None:
    told: list[Event] = []
    watcher = Watcher("acme", told.append)
    waiting = asyncio.create_task(watcher.until(lambda: len(watcher.all(Incident)) == 2, "incidents", 30.0))
    first = incident_of(alarm())
    for event in (
        first,
        first,
        _moved(first, IncidentTransition.CLEARED).model_copy(update={"event_id": "ice_2"}),
    ):
        await watcher._take(event)
    await waiting
    assert [one.transition for one in watcher.all(Incident)] == [
        IncidentTransition.OPENED,
        IncidentTransition.CLEARED,
    ]
    assert len(told) == 2
    assert watcher.all(Report) == ()


async def test_what_does_not_come_is_said_with_a_cure() -> None:
    watcher = Watcher("acme", lambda _: None)
    with pytest.raises(UnavailableError, match="a report did not come within 0 s") as raised:
        await watcher.until(lambda: False, "a report", 0.01)
    assert "tocsin status" in raised.value.cure


def test_counts_tell_kinds_apart() -> None:
    counts = Counts()
    counts.add(alarm(status=AlarmStatus.CLEARED, severity=Severity.CLEARED))
    assert (counts.alarms, counts.samples, counts.lines, counts.changes) == (1, 0, 0, 0)
