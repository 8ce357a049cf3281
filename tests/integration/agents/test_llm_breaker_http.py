"""The breaker in the gateway, with concurrent callers over real HTTP. Shown: how many requests reach the server."""

from __future__ import annotations

import asyncio
import threading

import pytest

from agents.llm.gateway import GatewayPolicy
from agents.llm.outcomes import Answered, Deterministic, DeterministicReason
from agents.llm.retry import RetryPolicy
from tests.fakes.llm import REPORT, Bench, provider_config, running_gateway, writer_call
from tests.fakes.openai_server import Answer, Held, Recorded, Status, start_openai_server, structured
from tests.fakes.waiting import until

POLICY = GatewayPolicy(retry=RetryPolicy(max_attempts=1), failures_to_open=2, cooldown_s=30.0)


class _Sick:
    """Fails until it is well; then holds every answer until it may go."""

    def __init__(self) -> None:
        self.well = False
        self.go = threading.Event()

    def __call__(self, _: Recorded) -> Answer:
        return Held(structured(REPORT), self.go) if self.well else Status(503)


async def _open_the_breaker(bench: Bench) -> None:
    for number in range(2):
        await bench.ask(writer_call(step=f"opening-{number}"))


async def test_an_open_breaker_sends_nothing_and_records_nothing() -> None:
    with start_openai_server(lambda _: Status(503)) as server:
        async with running_gateway([provider_config(server.base_url)], policy=POLICY) as bench:
            await _open_the_breaker(bench)
            outcome = await bench.ask(writer_call())
    assert outcome == Deterministic(DeterministicReason.ALL_RESTING)
    assert len(server.requests) == 2
    assert len(bench.ledger.attempts) == 2
    assert bench.budget.held("tenant:t") == 0


async def test_half_open_lets_exactly_one_of_fifty_through() -> None:
    sick = _Sick()
    with start_openai_server(sick) as server:
        config = provider_config(server.base_url, max_concurrency=50)
        async with running_gateway([config], policy=POLICY) as bench:
            await _open_the_breaker(bench)
            sick.well = True
            bench.clock.seconds += 31
            calls = [asyncio.create_task(bench.ask(writer_call(step=f"probe-{n}"))) for n in range(50)]
            await until(lambda: sum(call.done() for call in calls) == 49)
            reached = len(server.requests) - 2
            sick.go.set()
            ends = await asyncio.gather(*calls)
            after = await bench.ask(writer_call(step="closed again"))
    assert reached == 1
    assert sum(isinstance(end, Answered) for end in ends) == 1
    assert sum(end == Deterministic(DeterministicReason.ALL_RESTING) for end in ends) == 49
    assert isinstance(after, Answered)


async def test_a_cancelled_probe_leaves_its_place_to_the_next_caller() -> None:
    sick = _Sick()
    with start_openai_server(sick) as server:
        async with running_gateway([provider_config(server.base_url)], policy=POLICY) as bench:
            await _open_the_breaker(bench)
            sick.well = True
            bench.clock.seconds += 31
            probe = asyncio.create_task(bench.ask(writer_call(step="probe")))
            await until(lambda: len(server.requests) == 3)
            probe.cancel()
            with pytest.raises(asyncio.CancelledError):
                await probe
            sick.go.set()
            outcome = await bench.ask(writer_call(step="next"))
    assert isinstance(outcome, Answered)


async def test_many_cancellations_do_not_open_the_breaker() -> None:
    sick = _Sick()
    sick.well = True
    with start_openai_server(sick) as server:
        async with running_gateway(
            [provider_config(server.base_url, max_concurrency=10)], policy=POLICY
        ) as bench:
            calls = [asyncio.create_task(bench.ask(writer_call(step=f"s{n}"))) for n in range(10)]
            await until(lambda: len(server.requests) == 10)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            sick.go.set()
            outcome = await bench.ask(writer_call())
    assert isinstance(outcome, Answered)
    assert bench.outcomes.count("cancelled") == 10
