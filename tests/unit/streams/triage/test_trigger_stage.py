from __future__ import annotations

from datetime import timedelta
from typing import Any

from schemas.control import Policy, PolicyAction
from schemas.events import Incident, IncidentTransition, InvestigationRequested, RequestKind, Severity
from schemas.ids import investigation_id
from streams.triage.memory_store import MemoryStore
from streams.triage.policies import FACT_NAMES, decide, facts_of
from streams.triage.ports import OverLimit
from streams.triage.settings import TriggerRules
from streams.triage.trigger import Trigger
from tests.fakes.events import EPOCH, alarm, incident_of
from tests.fakes.triage import Book, Configured, Graveyard, HandClock, Limits, deps_of, message_with

OPENED, GREW, MERGED = IncidentTransition.OPENED, IncidentTransition.GREW, IncidentTransition.MERGED
CLEARED, CLOSED = IncidentTransition.CLEARED, IncidentTransition.CLOSED
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Desk:
    """A trigger with everything around it in memory."""

    def __init__(self, *policies: Policy) -> None:
        self.book, self.graveyard, self.limits = Book(), Graveyard(), Limits()
        self.clock, self.control, self.store = HandClock(), Configured(), MemoryStore()
        self.control.rules = list(policies)
        self.start()

    def start(self) -> None:
        deps = deps_of(self.book, self.graveyard, self.clock, self.control, self.limits)
        self.trigger = Trigger(self.store, deps, TriggerRules(forget_after_s=10_000))
        self.trigger.restore()

    async def see(self, *incidents: Incident) -> list[InvestigationRequested]:
        before = len(self.book.events)
        await self.trigger.handle([message_with(one, at=one.occurred_at, trace=TRACE) for one in incidents])
        return [one for one in self.book.events[before:] if isinstance(one, InvestigationRequested)]


def incident(
    name: str = "one",
    transition: IncidentTransition = OPENED,
    *,
    at: float = 0,
    alarms: int = 1,
    **fields: Any,
) -> Incident:
    members = [alarm(f"Alarm{i}", "cart") for i in range(alarms)]
    values = {"occurred_at": EPOCH + timedelta(seconds=at), "incident_id": name, "transition": transition}
    return incident_of(*members, **{"revision": 1, **values, **fields})


def policy(name: str, **fields: Any) -> Policy:
    return Policy(policy_id=name, tenant="acme", **fields)


async def test_an_incident_is_investigated_once_by_default() -> None:
    desk = Desk()
    (asked,) = await desk.see(incident())
    assert asked.kind is RequestKind.TRIGGER
    assert asked.investigation_id == investigation_id("one", 1)
    assert (asked.policy, asked.not_before, asked.requested_at) == ("default@1", None, EPOCH)
    assert desk.book.traces == [TRACE]
    assert await desk.see(incident(transition=GREW, at=5, revision=2)) == []
    assert await desk.see(incident()) == []


async def test_an_incident_that_outgrew_what_was_looked_at_is_looked_at_again_from_its_news_on() -> None:
    desk = Desk(policy("p", observe_s=30.0))
    (first,) = await desk.see(incident(alarms=2))
    assert await desk.see(incident(transition=GREW, at=29, revision=2, alarms=9)) == [], (
        "still within the window"
    )
    assert await desk.see(incident(transition=GREW, at=31, revision=3, alarms=3)) == [], "not much bigger"
    (second,) = await desk.see(incident(transition=GREW, at=40, revision=4, alarms=9))
    assert (second.kind, second.recurrence_of) == (RequestKind.TRIGGER, "")
    assert second.investigation_id != first.investigation_id
    assert second.looked_until == EPOCH + timedelta(seconds=30)
    (third,) = await desk.see(incident(transition=GREW, at=90, revision=5, alarms=18))
    assert third.looked_until == EPOCH + timedelta(seconds=70)
    assert await desk.see(incident(transition=GREW, at=500, revision=6, alarms=90)) == [], "enough is enough"


async def test_policies_decide_in_order_of_rank() -> None:
    desk = Desk(
        policy("late", rank=2, priority=1),
        policy("off", rank=0, enabled=False),
        policy("early", rank=1, version=7, condition='"cart" in services', priority=90, observe_s=3.0),
    )
    (asked,) = await desk.see(incident())
    assert (asked.policy, asked.priority, asked.observe_s) == ("early@7", 90, 3.0)


async def test_a_policy_may_hold_only_when_the_incident_has_grown() -> None:
    desk = Desk(
        policy("storm", rank=1, condition="alarm_count >= 2"),
        policy("else", rank=2, action=PolicyAction.IGNORE),
    )
    assert await desk.see(incident()) == []
    (asked,) = await desk.see(incident(transition=GREW, alarms=2, revision=2))
    assert asked.investigation_id == investigation_id("one", 2)


async def test_a_broken_condition_holds_nowhere_and_stops_nobody() -> None:
    desk = Desk(policy("broken", condition="severity >"), policy("types", condition="severity > 3"))
    (asked,) = await desk.see(incident())
    assert asked.policy == "default@1"


async def test_deferred_by_policy() -> None:
    desk = Desk(policy("later", action=PolicyAction.DEFER, defer_s=600))
    (asked,) = await desk.see(incident())
    assert asked.not_before == EPOCH + timedelta(seconds=600)


async def test_over_a_limit_is_deferred_never_dropped() -> None:
    desk = Desk()
    desk.limits.over = OverLimit(until=EPOCH + timedelta(hours=5), reason="10 investigations today")
    (asked,) = await desk.see(incident())
    assert asked.not_before == EPOCH + timedelta(hours=5)
    assert asked.reason == "10 investigations today"


async def test_an_incident_that_is_over_takes_its_request_back_once() -> None:
    for transition in (CLEARED, MERGED, CLOSED):
        desk = Desk()
        (asked,) = await desk.see(incident())
        into = "two" if transition is MERGED else ""
        over = incident(transition=transition, at=9, revision=2, merged_into=into)
        (cancel,) = await desk.see(over)
        assert (cancel.kind, cancel.investigation_id) == (RequestKind.CANCEL, asked.investigation_id)
        assert transition.value in cancel.reason
        assert await desk.see(incident(transition=CLOSED, at=99, revision=3)) == []


async def test_what_was_never_asked_for_is_not_taken_back() -> None:
    desk = Desk(policy("none", action=PolicyAction.IGNORE))
    assert await desk.see(incident(), incident(transition=CLEARED, at=9)) == []


async def test_an_incident_that_comes_back_is_asked_for_again_with_its_earlier_answer() -> None:
    desk = Desk()
    (asked,) = await desk.see(incident())
    await desk.see(incident(transition=CLEARED, at=9, revision=2))
    (again,) = await desk.see(incident(transition=GREW, at=20, revision=3))
    assert again.investigation_id == investigation_id("one", 3)
    assert (again.kind, again.recurrence_of) == (RequestKind.RECURRENCE, asked.investigation_id)


async def test_the_same_pattern_within_its_cooldown_is_a_recurrence_of_the_first() -> None:
    desk = Desk(policy("p", cooldown_s=100))
    (first,) = await desk.see(incident("one"))
    desk.start()
    (second,) = await desk.see(incident("two", at=99))
    (third,) = await desk.see(incident("three", at=198))
    (fourth,) = await desk.see(incident("four", at=298))
    assert first.kind is RequestKind.TRIGGER
    assert (second.kind, second.recurrence_of) == (RequestKind.RECURRENCE, first.investigation_id)
    assert (third.kind, third.recurrence_of) == (RequestKind.RECURRENCE, first.investigation_id)
    assert fourth.kind is RequestKind.TRIGGER


async def test_the_pattern_an_incident_grew_into_is_known_too() -> None:
    desk = Desk()
    (first,) = await desk.see(incident("one"), incident("one", GREW, at=1, alarms=3, revision=3))
    (second,) = await desk.see(incident("two", at=50, alarms=3))
    assert second.recurrence_of == first.investigation_id


async def test_a_storm_that_begins_with_another_of_its_alarms_is_recognised() -> None:
    desk = Desk()
    (first,) = await desk.see(incident("one", alarms=3))
    (second,) = await desk.see(incident("two", at=50, alarms=1))
    assert (second.kind, second.recurrence_of) == (RequestKind.RECURRENCE, first.investigation_id)


async def test_another_pattern_is_no_recurrence() -> None:
    desk = Desk()
    await desk.see(incident("one"))
    (second,) = await desk.see(incident("two", at=5, alarms=2))
    assert second.kind is RequestKind.TRIGGER


async def test_attached_where_a_service_was_investigated_else_investigated() -> None:
    desk = Desk(policy("attach", action=PolicyAction.ATTACH, cooldown_s=100))
    assert len(await desk.see(incident("one"))) == 1
    assert await desk.see(incident("two", at=50, alarms=2)) == []
    assert len(await desk.see(incident("three", at=101, alarms=2))) == 1


async def test_redelivery_after_a_restart_asks_nothing_twice() -> None:
    desk = Desk()
    incidents = [incident("one"), incident("two", at=1, alarms=2), incident("one", CLEARED, at=2, revision=2)]
    first = await desk.see(*incidents)
    assert len(first) == 3
    desk.start()
    assert await desk.see(*incidents) == []


async def test_a_message_that_is_no_incident_is_buried() -> None:
    desk = Desk()
    await desk.trigger.handle([message_with(None, value=b"junk")])
    assert [(stage, reason) for _, stage, reason in desk.graveyard.buried] == [("trigger", "bad_magic")]


async def test_what_is_over_is_forgotten() -> None:
    desk = Desk()
    await desk.see(incident("one"))
    assert len(list(desk.store.entries())) == 4
    await desk.see(incident("two", at=20_000, alarms=2))
    kept = list(desk.store.entries())
    assert len(kept) == 5
    assert all(b"two" in value or b"20" in value for _, _, value in kept)


def test_facts_are_complete_and_typed() -> None:
    facts = facts_of(incident(alarms=2, severity=Severity.CRITICAL))
    assert set(facts) == FACT_NAMES
    assert (facts["severity_level"], facts["services"], facts["alarms"]) == (
        4,
        ("cart",),
        ("Alarm0", "Alarm1"),
    )
    assert (
        decide(incident(), [policy("all", condition="age_s <= 0 && severity_level >= 1")]).policy_id == "all"
    )
