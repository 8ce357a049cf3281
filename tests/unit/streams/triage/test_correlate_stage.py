from __future__ import annotations

from collections.abc import Sequence

import pytest

from schemas.errors import UnavailableError
from schemas.events import AlarmChanged, AlarmRaw, Decision, Event, Incident, IncidentTransition
from streams.triage.correlate import Correlate
from streams.triage.memory_store import MemoryStore
from streams.triage.settings import CorrelationRules
from tests.fakes.events import alarm
from tests.fakes.triage import SHOP, Book, Configured, Graveyard, HandClock, deps_of, message_with

TRACES = [f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333{i}-01" for i in range(2)]
OPENED, GREW, CLOSED = IncidentTransition.OPENED, IncidentTransition.GREW, IncidentTransition.CLOSED


def changed(raw: AlarmRaw, decision: Decision = Decision.OPENED) -> AlarmChanged:
    return AlarmChanged.model_validate(
        {
            **raw.model_dump(exclude={"event_id", "received_at", "url"}),
            "alarm_event_id": raw.event_id,
            "decision": decision,
            "decided_at": raw.occurred_at,
        }
    )


class Refusing(Book):
    """A publisher without a broker."""

    async def publish_all(self, events: Sequence[Event], *, traceparent: str | Sequence[str] = "") -> None:
        if events:
            raise UnavailableError("no broker")


class Desk:
    """A correlate stage with everything around it in memory."""

    def __init__(self) -> None:
        self.book, self.graveyard = Book(), Graveyard()
        self.clock, self.control, self.store = HandClock(), Configured(SHOP), MemoryStore()
        self.start()

    def start(self) -> None:
        deps = deps_of(self.book, self.graveyard, self.clock, self.control)
        self.stage = Correlate(self.store, deps, CorrelationRules(quiet_s=60, idle_s=3600))
        self.stage.restore()

    @property
    def transitions(self) -> list[IncidentTransition]:
        return [one.transition for one in self.book.events if isinstance(one, Incident)]


async def test_incidents_carry_the_trace_of_the_alarm_that_moved_them() -> None:
    desk = Desk()
    services = ("cart", "catalogue")
    batch = [
        message_with(changed(alarm(service=service)), trace=trace)
        for service, trace in zip(services, TRACES, strict=True)
    ]
    await desk.stage.handle(batch)
    traces = dict(
        zip(
            [one.services for one in desk.book.events if isinstance(one, Incident)],
            desk.book.traces,
            strict=True,
        )
    )
    assert traces == {("cart",): TRACES[0], ("catalogue",): TRACES[1]}


async def test_the_topology_is_read_again() -> None:
    desk = Desk()
    desk.control.shop = None
    await desk.stage.handle([message_with(changed(alarm(service="cart")))])
    desk.control.shop = SHOP
    desk.clock.advance(10)
    await desk.stage.handle([message_with(changed(alarm(service="redis")))])
    assert desk.transitions == [OPENED, GREW]


async def test_ticks_close_what_is_quiet_once() -> None:
    desk = Desk()
    await desk.stage.handle([message_with(changed(alarm()))])
    desk.clock.advance(3601)
    await desk.stage.tick()
    await desk.stage.tick()
    assert desk.transitions == [OPENED, CLOSED]


async def test_what_is_not_a_change_is_buried_and_the_rest_goes_on() -> None:
    desk = Desk()
    await desk.stage.handle([message_with(None, value=b"junk"), message_with(changed(alarm()))])
    assert [(stage, reason) for _, stage, reason in desk.graveyard.buried] == [("correlate", "bad_magic")]
    assert desk.transitions == [OPENED]


async def test_suppressed_alarms_move_nothing() -> None:
    desk = Desk()
    quiet = (Decision.SILENCED, Decision.FLAPPING, Decision.STALE, Decision.DEDUPLICATED)
    await desk.stage.handle([message_with(changed(alarm(), one)) for one in quiet])
    assert desk.transitions == []
    assert list(desk.store.entries()) == []


async def test_nothing_is_remembered_before_it_is_published() -> None:
    desk = Desk()
    whole, desk.book = desk.book, Refusing()
    desk.start()
    with pytest.raises(UnavailableError):
        await desk.stage.handle([message_with(changed(alarm()))])
    assert list(desk.store.entries()) == []
    desk.book = whole
    desk.start()
    await desk.stage.handle([message_with(changed(alarm()))])
    assert desk.transitions == [OPENED]
