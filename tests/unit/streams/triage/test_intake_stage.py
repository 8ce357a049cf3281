from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.codec import encode
from schemas.control import Matcher, MatchOperator, Silence
from schemas.errors import UnavailableError
from schemas.events import AlarmChanged, AlarmRaw, AlarmStatus, Decision
from streams.triage.intake import Intake
from streams.triage.memory_store import MemoryStore
from streams.triage.settings import FlappingRules, IntakeRules
from streams.triage.silences import matches, silence_of
from tests.fakes.events import EPOCH, alarm
from tests.fakes.triage import Book, Configured, Graveyard, HandClock, deps_of, message_with

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER_TRACE = "00-0af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"
RULES = IntakeRules(flapping=FlappingRules(changes=3, window_s=60), forget_after_s=1000)


class Desk:
    """An intake with everything around it in memory."""

    def __init__(self) -> None:
        self.book, self.graveyard = Book(), Graveyard()
        self.clock, self.control, self.store = HandClock(), Configured(), MemoryStore()
        self.start()

    def start(self) -> None:
        deps = deps_of(self.book, self.graveyard, self.clock, self.control)
        self.intake = Intake(self.store, deps, RULES)
        self.intake.restore()

    async def take(self, *alarms: AlarmRaw, trace: str = "") -> None:
        await self.intake.handle([message_with(one, at=self.clock.now(), trace=trace) for one in alarms])

    @property
    def told(self) -> list[AlarmChanged]:
        return [one for one in self.book.events if isinstance(one, AlarmChanged)]

    @property
    def decisions(self) -> list[Decision]:
        return [one.decision for one in self.told]


def at(seconds: float, status: AlarmStatus = AlarmStatus.FIRING, **fields: Any) -> AlarmRaw:
    when = EPOCH + timedelta(seconds=seconds)
    return alarm(**{"occurred_at": when, "started_at": when, "status": status, **fields})


async def test_a_decision_carries_the_alarm_and_its_trace() -> None:
    desk = Desk()
    raw = at(0, host="node-1", labels={"team": "shop"}, value=3.5)
    await desk.take(raw, trace=TRACE)
    (told,) = desk.told
    assert (told.alarm_event_id, told.decision, told.decided_at) == (raw.event_id, Decision.OPENED, EPOCH)
    assert (told.host, told.labels, told.value, told.key) == ("node-1", {"team": "shop"}, 3.5, "acme")
    assert desk.book.traces == [TRACE]


async def test_each_event_of_a_batch_keeps_its_own_trace() -> None:
    desk = Desk()
    messages = [
        message_with(at(0, name=name), trace=trace) for name, trace in (("a", TRACE), ("b", OTHER_TRACE))
    ]
    await desk.intake.handle(messages)
    assert sorted(desk.book.traces) == [TRACE, OTHER_TRACE]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty"),
        (b"\x07junk", "bad_magic"),
        (b"\x00\x00", "truncated"),
        (b"\x00\x00\x00\x00\x01junk", "unknown_schema"),
        (encode(at(301)), "in_future"),
        (encode(at(0, occurred_at=EPOCH - timedelta(days=8))), "too_old"),
        (encode(at(0)) + b"x", "trailing_bytes"),
        (encode(at(0))[:-3], "avro_decode"),
    ],
)
async def test_what_cannot_be_an_alarm_is_buried_verbatim(value: bytes | None, reason: str) -> None:
    desk = Desk()
    message = message_with(None, value=value)
    await desk.intake.handle([message])
    assert desk.graveyard.buried == [(message, "intake", reason)]
    assert desk.told == []


async def test_a_bad_message_does_not_harm_its_neighbours() -> None:
    desk = Desk()
    await desk.intake.handle(
        [message_with(at(0, name="a")), message_with(None, value=b"x"), message_with(at(0))]
    )
    assert len(desk.told) == 2


async def test_redelivery_after_a_restart_decides_nothing_twice() -> None:
    desk = Desk()
    await desk.take(at(0), at(5, AlarmStatus.CLEARED, started_at=EPOCH))
    desk.start()
    await desk.take(at(0), at(5, AlarmStatus.CLEARED, started_at=EPOCH), at(99))
    assert desk.decisions == [Decision.OPENED, Decision.CLEARED, Decision.OPENED]


async def test_nothing_is_remembered_before_it_is_told() -> None:
    class Broken(Book):
        async def publish_all(self, events: Any, *, traceparent: Any = "") -> None:
            raise UnavailableError("no broker")

    desk = Desk()
    whole = desk.book
    desk.book = Broken()
    desk.start()
    with pytest.raises(UnavailableError):
        await desk.take(at(0))
    assert list(desk.store.entries()) == []
    desk.book = whole
    desk.start()
    await desk.take(at(0))
    assert desk.decisions == [Decision.OPENED]


async def test_silenced_alarms_are_told_when_the_silence_ends_even_after_a_restart() -> None:
    desk = Desk()
    desk.control.silenced = [silence(ends_s=60)]
    await desk.take(at(0))
    assert (desk.told[0].decision, desk.told[0].reason) == (Decision.SILENCED, "night")
    desk.start()
    desk.clock.advance(30)
    await desk.intake.tick()
    assert desk.decisions == [Decision.SILENCED]
    desk.clock.advance(31)
    await desk.intake.tick()
    await desk.intake.tick()
    assert desk.decisions == [Decision.SILENCED, Decision.OPENED]


async def test_the_settled_state_is_told_when_flapping_ends() -> None:
    desk = Desk()
    cleared = AlarmStatus.CLEARED
    await desk.take(at(0), at(1, cleared, started_at=EPOCH), at(2))
    assert desk.decisions == [Decision.OPENED, Decision.CLEARED, Decision.FLAPPING]
    desk.clock.advance(59)
    await desk.intake.tick()
    assert len(desk.decisions) == 3
    desk.clock.advance(5)
    await desk.intake.tick()
    assert desk.decisions[3:] == [Decision.OPENED]


async def test_alarms_nobody_mentions_are_forgotten_with_a_tombstone() -> None:
    desk = Desk()
    await desk.take(at(0, name="old"), at(0, name="kept"))
    desk.clock.advance(900)
    await desk.take(at(900, name="kept", started_at=EPOCH))
    desk.clock.advance(200)
    await desk.take(at(1100, name="new"))
    assert len(list(desk.store.entries())) == 2
    assert desk.decisions == [Decision.OPENED] * 3


async def test_memory_is_bounded_by_time_however_many_alarms_come() -> None:
    desk = Desk()
    for minute in range(100):
        desk.clock.at = EPOCH + timedelta(minutes=minute)
        await desk.take(*(at(minute * 60, name=f"alarm-{minute}-{i}") for i in range(5)))
    assert len(list(desk.store.entries())) <= 5 * 18


def silence(*matchers: Matcher, ends_s: float = 60, tenant: str = "acme") -> Silence:
    return Silence(
        silence_id="night",
        tenant=tenant,
        matchers=matchers or (Matcher(field="service", value="cart"),),
        starts_at=EPOCH,
        ends_at=EPOCH + timedelta(seconds=ends_s),
    )


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("service", "=", "cart", True),
        ("service", "!=", "cart", False),
        ("severity", "=", "major", True),
        ("name", "=~", "High.*", True),
        ("name", "=~", "High", False),
        ("name", "!~", "High", True),
        ("name", "!~", "High.*", False),
        ("team", "=", "shop", True),
        ("nobody", "=", "", True),
        ("name", "=~", "(", False),
        ("name", "!~", "(", False),
    ],
)
def test_matchers_are_alertmanagers(field: str, operator: str, value: str, *, expected: bool) -> None:
    matcher = Matcher(field=field, operator=MatchOperator(operator), value=value)
    assert matches(matcher, alarm(labels={"team": "shop"})) is expected


def test_a_silence_holds_for_its_tenant_its_time_and_all_its_matchers() -> None:
    cart, critical = Matcher(field="service", value="cart"), Matcher(field="severity", value="critical")
    assert silence_of(alarm(), EPOCH, [silence(cart)]) is not None
    assert silence_of(alarm(), EPOCH, [silence(cart, critical)]) is None
    assert silence_of(alarm(), EPOCH, [silence(cart, tenant="other")]) is None
    assert silence_of(alarm(), EPOCH + timedelta(seconds=60), [silence(cart)]) is None
    assert silence_of(alarm(), EPOCH - timedelta(seconds=1), [silence(cart)]) is None
