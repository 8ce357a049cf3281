from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.control import ServiceTopology
from schemas.errors import InvalidEventError, UnavailableError
from schemas.events import Event
from streams.triage.agenda import Agenda
from streams.triage.expiry import Expiry
from streams.triage.outbox import Outgoing, send_all
from streams.triage.plausibility import check_times
from streams.triage.refreshed import Refreshed
from streams.triage.settings import IntakeRules
from streams.triage.topology import Neighbourhoods
from tests.fakes.events import EPOCH, alarm
from tests.fakes.triage import SHOP, Book, HandClock


class Source:
    """A configuration that can be away."""

    def __init__(self, *failures: bool) -> None:
        self.failures = list(failures)
        self.loads: list[str] = []

    async def load(self, tenant: str) -> int:
        self.loads.append(tenant)
        if self.failures and self.failures.pop(0):
            raise UnavailableError("away")
        return len(self.loads)


async def test_a_configuration_is_loaded_again_only_after_a_while() -> None:
    source, clock = Source(), HandClock()
    values = Refreshed(source.load, clock, every_s=5)
    assert [await values.of("a"), await values.of("a"), await values.of("b")] == [1, 1, 2]
    clock.advance(5)
    assert await values.of("a") == 3


async def test_what_cannot_be_loaded_again_stays_as_it_was() -> None:
    source, clock = Source(False, True, False), HandClock()
    values = Refreshed(source.load, clock, every_s=5)
    assert await values.of("a") == 1
    clock.advance(5)
    assert (await values.of("a"), await values.of("a"), len(source.loads)) == (1, 1, 2)
    clock.advance(5)
    assert await values.of("a") == 3


async def test_the_first_load_is_waited_for() -> None:
    source, clock = Source(True, True), HandClock()
    assert await Refreshed(source.load, clock).of("a") == 3
    assert clock.slept == [1.0, 1.0]


async def test_only_so_many_tenants_are_kept() -> None:
    source = Source()
    values = Refreshed(source.load, HandClock(), tenants=2)
    for tenant in ("a", "b", "c", "c", "b", "a"):
        await values.of(tenant)
    assert source.loads == ["a", "b", "c", "a"]


def _outgoing(*pairs: tuple[str, str]) -> list[Outgoing]:
    return [Outgoing(alarm(name), trace) for name, trace in pairs]


def _names(events: Sequence[Event]) -> list[str]:
    return [getattr(one, "name", "") for one in events]


async def test_events_go_out_in_order_each_with_its_trace() -> None:
    book = Book()
    await send_all(book, _outgoing(("a", "t"), ("b", "u"), ("c", "t"), ("d", "")))
    assert (_names(book.events), book.traces) == (["a", "b", "c", "d"], ["t", "u", "t", ""])


async def test_nothing_to_send_is_fine() -> None:
    book = Book()
    await send_all(book, [])
    assert book.events == []


def _second(number: int) -> datetime:
    return EPOCH + timedelta(seconds=number)


@given(sightings=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 500)), min_size=1, max_size=60))
def test_exactly_what_is_too_old_for_its_partition_is_forgotten(sightings: list[tuple[int, int]]) -> None:
    expiry, known = Expiry(after_s=100), dict[bytes, datetime]()
    latest = 0
    for number, second in sightings:
        key = f"key-{number}".encode()
        latest = max(latest, second)
        known[key] = max(known.get(key, EPOCH), _second(second))
        expiry.note(0, key, known[key])
        for gone in expiry.due(0, known.get):
            del known[gone]
        assert all(seen >= _second(latest - 100) for seen in known.values())
    assert expiry.due(1, known.get) == []


def test_a_key_that_is_gone_already_is_not_forgotten_again() -> None:
    expiry = Expiry(after_s=10)
    expiry.note(0, b"a", _second(0))
    expiry.note(0, b"b", _second(100))
    assert expiry.due(0, {b"b": _second(100)}.get) == []


def test_partitions_have_times_of_their_own() -> None:
    expiry, known = Expiry(after_s=10), {b"a": _second(0), b"b": _second(100)}
    expiry.note(0, b"a", known[b"a"])
    expiry.note(1, b"b", known[b"b"])
    assert expiry.due(0, known.get) == []


def test_the_agenda_tells_each_name_once_at_its_last_time() -> None:
    agenda = Agenda()
    agenda.put("a", _second(10))
    agenda.put("b", _second(5))
    agenda.put("a", _second(3))
    agenda.put("c", _second(4))
    agenda.drop("c")
    assert list(agenda.pop_due(_second(4))) == ["a"]
    assert list(agenda.pop_due(_second(20))) == ["b"]


def test_near_is_one_above_the_other_within_so_many_calls() -> None:
    near = Neighbourhoods(SHOP, 2)
    assert near.of("cart") == {"redis", "frontend", "checkout"}
    assert near.of("catalogue") == {"postgres", "frontend"}
    assert near.of("nobody") == set()
    assert Neighbourhoods(SHOP, 0).of("cart") == set()
    assert "bank" in Neighbourhoods(SHOP, 3).of("frontend")


_SERVICES = st.sampled_from("abcdef")


@given(
    calls=st.dictionaries(_SERVICES, st.lists(_SERVICES, max_size=3).map(tuple)),
    hops=st.integers(0, 4),
    one=_SERVICES,
    other=_SERVICES,
)
def test_nearness_is_mutual_even_with_cycles(
    calls: dict[str, tuple[str, ...]], hops: int, one: str, other: str
) -> None:
    near = Neighbourhoods(ServiceTopology(tenant="acme", calls=calls), hops)
    assert (one in near.of(other)) == (other in near.of(one))
    assert one not in near.of(one)


@pytest.mark.parametrize(
    ("occurred_s", "started_s", "reason"),
    [
        (0, 0, ""),
        (300, 300, ""),
        (301, 0, "in_future"),
        (0, 301, "in_future"),
        (-7 * 86_400, 0, ""),
        (-7 * 86_400 - 1, 0, "too_old"),
        (0, -90 * 86_400, ""),
    ],
)
def test_times_must_be_possible(occurred_s: int, started_s: int, reason: str) -> None:
    raw = alarm(occurred_at=_second(occurred_s), started_at=_second(started_s))
    if not reason:
        check_times(raw, EPOCH, IntakeRules())
        return
    with pytest.raises(InvalidEventError) as caught:
        check_times(raw, EPOCH, IntakeRules())
    assert caught.value.reason == reason
    assert caught.value.cure


def test_replays_may_allow_any_age() -> None:
    check_times(alarm(occurred_at=EPOCH - timedelta(days=4000)), EPOCH, IntakeRules(max_age_s=None))
