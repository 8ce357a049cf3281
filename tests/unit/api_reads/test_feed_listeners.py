"""The feed without a broker: who hears what, and what is forgotten."""

from __future__ import annotations

import pytest

from infra.runtime.clock import SystemClock
from schemas.errors import RateLimitedError
from schemas.events import Event, RequestKind
from streams.feed import FeedLimits, Heard, InvestigationFeed
from streams.kafka import KafkaSettings
from tests.fakes.full_events import alarm, evidence, report, request, status


def _feed(**limits: int) -> InvestigationFeed:
    settings = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    return InvestigationFeed(settings, SystemClock(), limits=FeedLimits(**limits))  # type: ignore[arg-type]  # only the counts


def _heard(event: Event, offset: int = 0) -> Heard:
    return Heard(event.TOPIC, offset, event)


async def test_each_listener_hears_its_investigation_only() -> None:
    feed = _feed()
    with feed.subscribe("inv_1") as one, feed.subscribe("inv_1") as also, feed.subscribe("inv_2") as other:
        first, second = _heard(status("acme")), _heard(evidence("acme"))
        foreign = _heard(report("acme", "inv_2"))
        for item in (first, foreign, second, _heard(alarm("acme"))):
            feed.take(item)

        assert [await one.next(), await one.next()] == [first, second]
        assert [await also.next(), await also.next()] == [first, second]
        assert await other.next() == foreign


async def test_who_comes_later_is_told_what_was_said_before() -> None:
    feed = _feed()
    items = [_heard(status("acme", step=str(number)), number) for number in range(3)]
    for item in items:
        feed.take(item)
    with feed.subscribe("inv_1") as listener:
        feed.take(_heard(status("acme", step="new"), 3))

        assert list(listener.recent) == items
        heard = await listener.next()
        assert heard is not None
        assert heard.offset == 3


async def test_a_repeat_is_told_once() -> None:
    feed = _feed()
    with feed.subscribe("inv_1") as listener:
        for offset in (0, 1):
            feed.take(_heard(status("acme"), offset))
        feed.take(_heard(evidence("acme"), 5))

        heard = [await listener.next(), await listener.next()]
        assert [one.offset for one in heard if one] == [0, 5]


async def test_one_that_falls_behind_is_cut_off_and_holds_up_nobody() -> None:
    feed = _feed(queue=2)
    with feed.subscribe("inv_1") as slow, feed.subscribe("inv_1") as quick:
        for number in range(5):
            feed.take(_heard(status("acme", step=str(number)), number))
            assert (await quick.next()) is not None

        offsets = [one.offset if one else None for one in [await slow.next() for _ in range(4)]]
        assert offsets == [0, 1, None, None]


async def test_there_may_not_be_too_many_listeners() -> None:
    feed = _feed(listeners=1)
    with feed.subscribe("inv_1"), pytest.raises(RateLimitedError), feed.subscribe("inv_2"):
        pass
    with feed.subscribe("inv_2"):
        pass


async def test_a_request_is_known_to_its_tenant_and_a_cancellation_is_none() -> None:
    feed = _feed()
    feed.expect(request("acme"))
    feed.take(_heard(request("acme", "inv_2")))
    feed.take(_heard(request("acme", "inv_3", kind=RequestKind.CANCEL)))

    assert feed.requested("acme", "inv_1") == request("acme")
    assert feed.requested("acme", "inv_2") is not None
    assert feed.requested("acme", "inv_3") is None
    assert feed.requested("other", "inv_1") is None
    assert feed.requested("acme", "inv_9") is None


async def test_the_longest_silent_are_forgotten_but_none_that_is_listened_to() -> None:
    feed = _feed(investigations=2)
    with feed.subscribe("inv_0") as listener:
        for number in range(1, 5):
            feed.expect(request("acme", f"inv_{number}"))
        feed.take(_heard(status("acme", "inv_0")))

        assert (await listener.next()) is not None
        assert feed.requested("acme", "inv_1") is None
        assert feed.requested("acme", "inv_4") is not None


async def test_one_that_says_very_much_is_still_told_on() -> None:
    feed = _feed(events=2)
    with feed.subscribe("inv_1") as listener:
        for number in range(4):
            feed.take(_heard(status("acme", step=str(number)), number))
        assert [one.offset for one in [await listener.next() for _ in range(4)] if one] == [0, 1, 2, 3]
    with feed.subscribe("inv_1") as later:
        assert [one.offset for one in later.recent] == [0, 1]
