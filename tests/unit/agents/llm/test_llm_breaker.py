from __future__ import annotations

import pytest

from agents.llm.breaker import Breaker, BreakerState, Permit
from tests.fakes.llm import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def breaker(clock: HandClock) -> Breaker:
    return Breaker(clock, failures_to_open=2, cooldown_s=10)


def taken(breaker: Breaker) -> Permit:
    permit = breaker.acquire()
    assert permit is not None
    return permit


def state(breaker: Breaker) -> BreakerState:
    return breaker.state


def open_it(breaker: Breaker) -> None:
    for _ in range(2):
        taken(breaker).failed()


def test_it_opens_after_consecutive_failures_only(breaker: Breaker) -> None:
    taken(breaker).failed()
    taken(breaker).succeeded()
    taken(breaker).failed()
    assert state(breaker) is BreakerState.CLOSED
    taken(breaker).failed()
    assert state(breaker) is BreakerState.OPEN
    assert breaker.acquire() is None


def test_one_probe_at_a_time_when_half_open(breaker: Breaker, clock: HandClock) -> None:
    open_it(breaker)
    clock.seconds = 10
    assert state(breaker) is BreakerState.HALF_OPEN
    probe = taken(breaker)
    assert probe.is_probe
    assert [breaker.acquire() for _ in range(49)] == [None] * 49
    probe.succeeded()
    assert state(breaker) is BreakerState.CLOSED
    assert not taken(breaker).is_probe


def test_a_failed_probe_opens_for_another_cooldown(breaker: Breaker, clock: HandClock) -> None:
    open_it(breaker)
    clock.seconds = 10
    taken(breaker).failed()
    assert state(breaker) is BreakerState.OPEN
    clock.seconds = 19.9
    assert breaker.acquire() is None
    clock.seconds = 20
    assert taken(breaker).is_probe


def test_an_abandoned_probe_frees_its_place_and_decides_nothing(breaker: Breaker, clock: HandClock) -> None:
    open_it(breaker)
    clock.seconds = 10
    taken(breaker).abandoned()
    assert state(breaker) is BreakerState.HALF_OPEN
    assert taken(breaker).is_probe


def test_abandoned_calls_are_not_failures(breaker: Breaker) -> None:
    for _ in range(20):
        taken(breaker).abandoned()
    assert state(breaker) is BreakerState.CLOSED


def test_a_permit_counts_once(breaker: Breaker) -> None:
    permit = taken(breaker)
    permit.failed()
    permit.failed()
    permit.succeeded()
    assert state(breaker) is BreakerState.CLOSED
    taken(breaker).failed()
    assert state(breaker) is BreakerState.OPEN


def test_a_call_from_before_the_opening_does_not_close_it(breaker: Breaker, clock: HandClock) -> None:
    late = taken(breaker)
    open_it(breaker)
    late.succeeded()
    assert state(breaker) is BreakerState.OPEN
    clock.seconds = 10
    probe = taken(breaker)
    assert probe.is_probe
    assert breaker.acquire() is None


def test_a_late_failure_does_not_lengthen_the_rest(breaker: Breaker, clock: HandClock) -> None:
    late = taken(breaker)
    open_it(breaker)
    clock.seconds = 9
    late.failed()
    clock.seconds = 10
    assert state(breaker) is BreakerState.HALF_OPEN
