from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.control import ServiceTopology
from schemas.events import AlarmChanged, AlarmStatus, Decision, Incident, IncidentTransition, Severity
from schemas.ids import incident_id
from streams.triage.correlation import Correlation
from streams.triage.incidents import SHOWN_ALARMS, is_past, opened
from streams.triage.memory_store import MemoryStore
from streams.triage.settings import CorrelationRules
from streams.triage.topology import Neighbourhoods
from tests.fakes.events import EPOCH, alarm
from tests.fakes.triage import SHOP

RULES = CorrelationRules(growth_every_s=0, window_s=300, max_hops=2, quiet_s=60, idle_s=3600, keep_s=600)
NEAR = Neighbourhoods(SHOP, RULES.max_hops)
OPENED, GREW, MERGED = IncidentTransition.OPENED, IncidentTransition.GREW, IncidentTransition.MERGED
CLEARED, CLOSED = IncidentTransition.CLEARED, IncidentTransition.CLOSED


def change(
    service: str, name: str = "Slow", *, at: float = 0, decision: Decision = Decision.OPENED, **fields: Any
) -> AlarmChanged:
    """The decision on an alarm of the service that began `at` seconds after the epoch, or cleared then."""
    when = EPOCH + timedelta(seconds=at)
    cleared = decision is Decision.CLEARED
    raw = alarm(
        name,
        service,
        occurred_at=when,
        started_at=fields.pop("started_at", when),
        status=AlarmStatus.CLEARED if cleared else AlarmStatus.FIRING,
    )
    values: dict[str, Any] = {
        **raw.model_dump(exclude={"event_id", "received_at", "url"}),
        "alarm_event_id": raw.event_id,
        "decision": decision,
        "decided_at": when,
        **fields,
    }
    return AlarmChanged(**values)


def clear_of(opened: AlarmChanged, at: float) -> AlarmChanged:
    return change(opened.service, opened.name, at=at, decision=Decision.CLEARED, started_at=opened.started_at)


class Desk:
    """A correlation with its store: applies changes, each in a batch of its own unless given together."""

    def __init__(self, near: Neighbourhoods = NEAR, rules: CorrelationRules = RULES) -> None:
        self.near = near
        self.rules = rules
        self.store = MemoryStore()
        self.correlation = Correlation(rules)
        self.now = EPOCH

    def apply(self, *changes: AlarmChanged) -> list[Incident]:
        for one in changes:
            self.correlation.apply(one, self.near, 0, self.now)
        return self.finish()

    def wait(self, seconds: float) -> list[Incident]:
        self.now += timedelta(seconds=seconds)
        self.correlation.advance(self.now)
        return self.finish()

    def finish(self) -> list[Incident]:
        effects = self.correlation.take(self.now)
        for partition, writes in effects.writes.items():
            self.store.write(partition, writes)
        return [one.event for one in effects.transitions]

    def restart(self) -> None:
        self.correlation = Correlation(self.rules)
        self.correlation.load(self.store.entries())


def kinds(events: list[Incident]) -> list[IncidentTransition]:
    return [one.transition for one in events]


def test_the_first_alarm_opens_an_incident_named_after_it() -> None:
    first = change("cart")
    (opened,) = Desk().apply(first)
    assert opened.incident_id == incident_id(first.alarm_event_id)
    assert (opened.transition, opened.revision, opened.alarm_count, opened.active_count) == (OPENED, 1, 1, 1)
    assert opened.title == "Slow on cart"


def test_alarms_along_the_call_graph_join() -> None:
    desk = Desk()
    desk.apply(change("redis"))
    (grown,) = desk.apply(change("frontend", at=30))
    assert grown.transition is GREW
    assert grown.services == ("redis", "frontend")
    assert grown.title == "Slow on redis and 1 more alarm in 2 services"


def test_siblings_are_apart_until_their_caller_joins_them() -> None:
    desk = Desk()
    (cart,) = desk.apply(change("cart"))
    (catalogue,) = desk.apply(change("catalogue", at=1))
    assert kinds([cart, catalogue]) == [OPENED, OPENED]
    merged, grown = desk.apply(change("frontend", at=2))
    assert (merged.transition, merged.incident_id, merged.merged_into) == (
        MERGED,
        catalogue.incident_id,
        cart.incident_id,
    )
    assert (grown.transition, grown.incident_id, grown.alarm_count) == (GREW, cart.incident_id, 3)
    assert desk.correlation.open_count == 1


def test_alarms_far_apart_in_time_are_apart() -> None:
    desk = Desk()
    desk.apply(change("cart"))
    assert kinds(desk.apply(change("frontend", at=1000))) == [OPENED]


def test_one_service_has_one_incident_at_a_time() -> None:
    desk = Desk()
    desk.apply(change("cart"))
    assert kinds(desk.apply(change("cart", "Errors", at=1000))) == [GREW]


def test_what_fires_on_and_gets_worse_after_its_incident_was_closed_opens_another() -> None:
    desk = Desk()
    (first,) = desk.apply(change("cart"))
    assert kinds(desk.wait(3601)) == [CLOSED]
    worse: dict[str, Any] = {"decision": Decision.UPDATED, "severity": Severity.CRITICAL, "started_at": EPOCH}
    (again,) = desk.apply(change("cart", at=3700, **worse))
    assert (again.transition, again.revision, again.alarm_count) == (OPENED, 1, 1)
    assert again.incident_id != first.incident_id
    desk.restart()
    assert desk.apply(change("cart", at=3700, **worse)) == []
    assert kinds(desk.wait(3601)) == [CLOSED]


YESTERDAY = -86_400.0


def test_an_alarm_of_today_does_not_join_what_was_never_cleared_yesterday() -> None:
    """What was sent afterwards is read within minutes: nobody has waited the hours after which it would have been closed."""
    desk = Desk()
    old, _ = desk.apply(change("cart", at=YESTERDAY), change("cart", "Errors", at=YESTERDAY + 60))
    closed, opened = desk.apply(today := change("cart"))
    assert (closed.transition, closed.incident_id, closed.occurred_at) == (
        CLOSED,
        old.incident_id,
        today.occurred_at,
    )
    assert (opened.transition, opened.incident_id) == (OPENED, incident_id(today.alarm_event_id))
    assert (opened.alarm_count, desk.correlation.open_count) == (1, 1)
    assert kinds(desk.apply(change("cart", "Errors", at=5))) == [GREW]
    assert kinds(desk.apply(change("frontend", at=9))) == [GREW]


def test_nor_does_another_alarm_of_the_service() -> None:
    desk = Desk()
    desk.apply(change("cart", at=YESTERDAY))
    assert kinds(desk.apply(change("cart", "Errors"))) == [CLOSED, OPENED]


def test_an_incident_that_still_has_news_takes_its_own_alarms() -> None:
    desk = Desk()
    (first,) = desk.apply(change("cart", at=0))
    for number in range(1, 6):
        (grown,) = desk.apply(change("cart", f"E{number}", at=3600 * number))
        assert (grown.transition, grown.incident_id) == (GREW, first.incident_id)
    worse: dict[str, Any] = {"decision": Decision.UPDATED, "severity": Severity.CRITICAL, "started_at": EPOCH}
    assert kinds(desk.apply(change("cart", at=6 * 3600, **worse))) == [GREW]
    assert kinds(desk.apply(change("cart", "Late", at=7 * 3600 + 1))) == [CLOSED, OPENED]


@pytest.mark.parametrize(("after_s", "joins"), [(60, True), (360, True), (361, False)])
def test_of_a_cleared_one_two_clocks_may_differ_by_the_window(after_s: float, joins: bool) -> None:
    desk = Desk()
    first = change("cart")
    desk.apply(first, clear_of(first, at=100))
    again = desk.apply(change("cart", at=100 + after_s))
    assert kinds(again) == ([GREW] if joins else [CLOSED, OPENED])


def test_what_was_written_before_its_latest_news_were_kept_goes_by_its_last_start() -> None:
    head = opened(change("cart", at=0), 0, EPOCH)
    assert head.latest_at is None
    assert not is_past(head, EPOCH + timedelta(seconds=3600), RULES)
    assert is_past(head, EPOCH + timedelta(seconds=3601), RULES)


def test_a_late_alarm_joins() -> None:
    desk = Desk()
    desk.apply(change("cart", at=100))
    assert kinds(desk.apply(change("redis", at=0))) == [GREW]


def test_alarms_of_one_host_join() -> None:
    desk = Desk(Neighbourhoods(None, 2))
    desk.apply(change("a", host="node-1"))
    assert kinds(desk.apply(change("b", at=10, host="node-1"))) == [GREW]
    assert kinds(desk.apply(change("c", at=10, host="node-2"))) == [OPENED]


def test_the_topology_knows_hosts_too() -> None:
    shop = ServiceTopology(tenant="acme", hosts={"a": "node-1", "pod-b": "node-1"})
    desk = Desk(Neighbourhoods(shop, 2))
    desk.apply(change("a"))
    assert kinds(desk.apply(change("b", entity="pod-b"))) == [GREW]


def test_tenants_are_apart() -> None:
    desk = Desk()
    desk.apply(change("cart"))
    assert kinds(desk.apply(change("cart", tenant="other"))) == [OPENED]


def test_it_clears_with_its_last_alarm_and_closes_after_quiet() -> None:
    desk = Desk()
    cart, redis = change("cart"), change("redis", at=1)
    desk.apply(cart, redis)
    assert desk.apply(clear_of(cart, 50)) == []
    (cleared,) = desk.apply(clear_of(redis, 60))
    assert (cleared.transition, cleared.active_count, cleared.alarm_count) == (CLEARED, 0, 2)
    assert desk.wait(59) == []
    (closed,) = desk.wait(2)
    assert (closed.transition, desk.correlation.open_count) == (CLOSED, 0)
    assert kinds(desk.apply(change("cart", at=500))) == [OPENED]


def test_firing_again_reopens_a_cleared_incident() -> None:
    desk = Desk()
    cart = change("cart")
    desk.apply(cart)
    desk.apply(clear_of(cart, 10))
    (grown,) = desk.apply(change("cart", at=20))
    assert (grown.transition, grown.active_count, grown.alarm_count) == (GREW, 1, 1)
    assert desk.wait(61) == []


def test_an_incident_nobody_clears_is_closed_when_idle() -> None:
    desk = Desk()
    desk.apply(change("cart"))
    assert desk.wait(3599) == []
    assert kinds(desk.wait(2)) == [CLOSED]


def test_news_puts_the_closing_off() -> None:
    desk = Desk()
    desk.apply(change("cart"))
    desk.wait(3000)
    desk.apply(change("cart", "Errors", at=3000))
    assert desk.wait(1000) == []
    assert kinds(desk.wait(2601)) == [CLOSED]


def test_severity_is_the_worst_so_far_and_updates_grow() -> None:
    desk = Desk()
    cart = change("cart", severity=Severity.MINOR)
    desk.apply(cart)
    worse = change(
        "cart", at=5, decision=Decision.UPDATED, started_at=cart.started_at, severity=Severity.CRITICAL
    )
    (grown,) = desk.apply(worse)
    assert (grown.severity, grown.alarm_count) == (Severity.CRITICAL, 1)
    assert desk.apply(cart) == []


def test_decisions_that_tell_nothing_open_nothing() -> None:
    desk = Desk()
    for decision in (Decision.SILENCED, Decision.FLAPPING, Decision.DEDUPLICATED, Decision.STALE):
        assert desk.apply(change("cart", decision=decision)) == []
    assert desk.apply(clear_of(change("cart"), 9)) == []


def test_a_storm_is_one_event_per_batch_and_shows_a_bounded_part() -> None:
    desk = Desk()
    events = desk.apply(*(change("cart", f"Alarm{i}", at=i / 10) for i in range(500)))
    assert kinds(events) == [OPENED, GREW]
    assert (events[-1].alarm_count, len(events[-1].alarms)) == (500, SHOWN_ALARMS)
    assert events[-1].revision == 500


def test_growth_is_published_before_the_next_transition() -> None:
    desk = Desk()
    cart, redis = change("cart"), change("redis", at=1)
    events = desk.apply(cart, redis, clear_of(cart, 2), clear_of(redis, 3))
    assert kinds(events) == [OPENED, GREW, CLEARED]
    assert [one.revision for one in events] == sorted({one.revision for one in events})


SLOWLY = RULES.model_copy(update={"growth_every_s": 10.0})


def test_growth_is_told_of_now_and_then() -> None:
    desk = Desk(rules=SLOWLY)
    desk.apply(change("cart"))
    assert desk.apply(change("redis", at=1)) == []
    assert desk.apply(change("frontend", at=2)) == []
    assert desk.wait(9) == []
    (grown,) = desk.wait(1)
    assert (grown.transition, grown.alarm_count, grown.revision) == (GREW, 3, 3)
    assert grown.occurred_at == EPOCH + timedelta(seconds=2)
    assert desk.apply(change("catalogue", at=3)) == []
    assert kinds(desk.wait(10)) == [GREW]
    assert desk.wait(10) == []


def test_growth_kept_back_is_told_before_the_next_transition() -> None:
    desk = Desk(rules=SLOWLY)
    cart, redis = change("cart"), change("redis", at=1)
    desk.apply(cart, redis)
    desk.apply(clear_of(cart, 5))
    assert kinds(desk.apply(clear_of(redis, 6))) == [GREW, CLEARED]
    assert desk.wait(10) == []


def test_growth_kept_back_survives_a_restart() -> None:
    desk = Desk(rules=SLOWLY)
    desk.apply(change("cart"), change("redis", at=1))
    desk.restart()
    (grown,) = desk.wait(0)
    assert (grown.transition, grown.alarm_count) == (GREW, 2)
    desk.restart()
    assert desk.wait(20) == []


def test_growth_of_an_incident_whose_alarms_were_lost_is_not_told() -> None:
    desk = Desk(rules=SLOWLY)
    desk.apply(change("cart"), change("redis", at=1))
    heads = [(key, value) for _, key, value in desk.store.entries() if key.startswith(b"h|")]
    desk.store = MemoryStore()
    desk.store.write(0, dict(heads))
    desk.restart()
    assert desk.wait(20) == []


def test_a_few_incidents_are_told_of_at_a_time() -> None:
    desk = Desk(Neighbourhoods(None, 2), SLOWLY)
    desk.apply(*(change(f"svc{number}") for number in range(25)))
    desk.apply(*(change(f"svc{number}", "Errors", at=1) for number in range(25)))
    told = [kinds(desk.wait(10)), kinds(desk.wait(0)), kinds(desk.wait(0)), kinds(desk.wait(0))]
    assert [len(one) for one in told] == [10, 10, 5, 0]
    assert not desk.correlation.has_due_growth(desk.now)


def test_everything_goes_on_after_a_restart() -> None:
    desk = Desk()
    cart = change("cart")
    (opened,) = desk.apply(cart)
    desk.restart()
    assert desk.apply(cart) == []
    (grown,) = desk.apply(change("redis", at=5))
    assert (grown.incident_id, grown.transition, grown.revision) == (opened.incident_id, GREW, 2)
    desk.restart()
    desk.apply(clear_of(change("redis", at=5), 10), clear_of(cart, 10))
    desk.restart()
    assert kinds(desk.wait(61)) == [CLOSED]


def test_state_is_forgotten_after_it_is_over() -> None:
    desk = Desk()
    desk.apply(change("cart"), change("catalogue", at=1))
    desk.apply(change("frontend", at=2))
    desk.wait(3601)
    desk.wait(601)
    desk.wait(601)
    assert list(desk.store.entries()) == []
    desk.restart()
    assert desk.correlation.open_count == 0


def test_a_merge_survives_a_crash_that_lost_the_moves() -> None:
    desk = Desk()
    desk.apply(change("cart"), change("catalogue", at=1))
    link = change("frontend", at=2)
    desk.correlation.apply(link, NEAR, 0, desk.now)
    effects = desk.correlation.take(desk.now)
    desk.store.write(0, {key: value for key, value in effects.writes[0].items() if key.startswith(b"h|")})
    desk.restart()
    (grown,) = desk.apply(link)
    assert grown.alarm_count == 3


def _cost(open_incidents: int) -> int:
    """How many incidents one more alarm looks at, with so many open."""
    desk = Desk(Neighbourhoods(None, 2))
    desk.apply(*(change(f"svc{i}", at=0) for i in range(open_incidents)))
    looked_at = 0

    class Counting(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            nonlocal looked_at
            looked_at += 1
            return super().__getitem__(key)

        def __iter__(self) -> Any:
            raise AssertionError("an alarm must not walk through all incidents")

        values = items = keys = __iter__

    desk.correlation._cases = Counting(desk.correlation._cases)
    desk.correlation.apply(change("svc7", "Errors", at=1), desk.near, 0, desk.now)
    return looked_at


def test_an_alarm_costs_the_same_however_many_incidents_are_open() -> None:
    assert _cost(10) == _cost(2000)
