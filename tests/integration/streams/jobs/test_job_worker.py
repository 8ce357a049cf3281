from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from infra.runtime.clock import SystemClock
from schemas.errors import BudgetExceededError, InvalidEventError, UnavailableError
from schemas.outcomes import Deferred, Done, Outcome, Rejected
from streams.jobs.attempts import RetryPolicy
from streams.jobs.slots import Claim
from streams.jobs.worker import JobWorker, Limits
from streams.kafka import make_consumer
from streams.messages import Message
from tests.fakes.waiting import until
from tests.integration.streams.jobs.parts import Bench, Buried

pytestmark = pytest.mark.broker

MakeBench = Callable[[int], Awaitable[Bench]]
QUICK = Limits(commit_every_s=0.05, poll_s=0.05, retry=RetryPolicy(first_s=0.01, cap_s=0.05))


@dataclass
class Recording:
    """A Handler that notes what it was given; what it does about each value is up to the test."""

    answers: dict[str, Callable[[int], Awaitable[Outcome]]] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    arrivals: list[str] = field(default_factory=list)
    by_key: dict[bytes | None, int] = field(default_factory=lambda: defaultdict(int))
    together: int = 0
    stops: int = 0
    given_up_on: list[tuple[str, str]] = field(default_factory=list)

    def arrived(self, message: Message) -> Claim:
        self.arrivals.append(_text(message))
        return Claim()

    async def handle(self, message: Message, stop: asyncio.Event) -> Outcome:
        value = _text(message)
        self.started.append(value)
        self.by_key[message.key] += 1
        self.together = max(self.together, *self.by_key.values())
        try:
            outcome = await self._answer(value, stop)
        finally:
            self.by_key[message.key] -= 1
        self.done.append(value)
        return outcome

    async def given_up(self, message: Message, why: Rejected) -> None:
        self.given_up_on.append((_text(message), why.reason))

    async def _answer(self, value: str, stop: asyncio.Event) -> Outcome:
        if value.startswith("long"):
            await stop.wait()
            self.stops += 1
            raise UnavailableError("left at a checkpoint")
        answer = self.answers.get(value)
        return await answer(self.started.count(value)) if answer else Done()


def _text(message: Message) -> str:
    return (message.value or b"").decode()


def _worker(bench: Bench, handler: Recording, office: Buried, limits: Limits = QUICK) -> JobWorker:
    consumer = make_consumer(bench.settings, bench.group)
    return JobWorker(consumer, [bench.topic], handler, office, SystemClock(), stage="test", limits=limits)


@contextlib.asynccontextmanager
async def _working(
    bench: Bench, handler: Recording, office: Buried | None = None, limits: Limits = QUICK
) -> AsyncIterator[asyncio.Task[None]]:
    """Run a worker for the time of the block, then stop it as an operator would."""
    stop = asyncio.Event()
    task = asyncio.create_task(_worker(bench, handler, office or Buried(), limits).run(stop))
    try:
        yield task
    finally:
        stop.set()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_everything_is_handled_once_and_committed(bench: Callable[[int], Awaitable[Bench]]) -> None:
    work, handler = await bench(2), Recording()
    values = [f"v{i}" for i in range(40)]
    for value in values:
        await work.produce(value, key=f"k{value}")
    async with _working(work, handler):
        await until(lambda: len(handler.done) == len(values))
    assert sorted(handler.done) == sorted(values)
    assert sum((await work.committed(2)).values()) == len(values)


async def test_a_key_is_served_in_order_while_keys_run_together(bench: MakeBench) -> None:
    work, handler = await bench(1), Recording()

    async def slow(_: int) -> Outcome:
        await asyncio.sleep(0.005)
        return Done()

    for i in range(30):
        handler.answers[f"k{i % 3}-{i:02}"] = slow
        await work.produce(f"k{i % 3}-{i:02}", key=f"k{i % 3}")
    async with _working(work, handler):
        await until(lambda: len(handler.done) == 30)
    assert handler.together == 1
    for key in ("k0", "k1", "k2"):
        mine = [value for value in handler.done if value.startswith(key)]
        assert mine == sorted(mine)


async def test_a_worker_killed_without_a_commit_loses_nothing(bench: MakeBench) -> None:
    work, first = await bench(1), Recording()
    never = asyncio.Event()

    async def hang(_: int) -> Outcome:
        await never.wait()
        return Done()

    first.answers["v3"] = hang
    for i in range(10):
        await work.produce(f"v{i}", key=f"k{i}")
    killed = asyncio.create_task(_worker(work, first, Buried()).run(asyncio.Event()))
    await until(lambda: len(first.done) == 9)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    assert (await work.committed(1))[0] <= 3

    second = Recording()
    async with _working(work, second):
        await until(lambda: "v9" in second.done and "v3" in second.done)
    assert set(first.done) | set(second.done) == {f"v{i}" for i in range(10)}
    assert (await work.committed(1))[0] == 10


async def test_poison_and_terminal_errors_are_buried_and_passed_over(bench: MakeBench) -> None:
    work, handler, office = await bench(1), Recording(), Buried()

    async def rejected(_: int) -> Outcome:
        return Rejected("no_good", "because")

    async def invalid(_: int) -> Outcome:
        raise InvalidEventError("not Avro", reason="avro_decode")

    async def broke(_: int) -> Outcome:
        raise BudgetExceededError("too dear")

    async def defect(_: int) -> Outcome:
        raise ZeroDivisionError("a bug")

    handler.answers = {"a": rejected, "b": invalid, "c": broke, "d": defect}
    for value in ("a", "b", "c", "d", "good"):
        await work.produce(value, key="same")
    async with _working(work, handler, office):
        await until(lambda: "good" in handler.done)
    assert [(_text(m), stage, reason) for m, stage, reason, _ in office.letters] == [
        ("a", "test", "no_good"),
        ("b", "test", "avro_decode"),
        ("c", "test", "budget_exceeded"),
        ("d", "test", "defect"),
    ]
    assert handler.started.count("d") == 3
    assert handler.given_up_on == [("d", "defect")]
    assert (await work.committed(1))[0] == 5


async def test_a_retry_holds_up_its_own_key_only(bench: MakeBench) -> None:
    work, handler = await bench(1), Recording()
    others_done = asyncio.Event()

    async def flaky(attempt: int) -> Outcome:
        if not others_done.is_set():
            raise UnavailableError("not yet")
        return Done()

    handler.answers["flaky"] = flaky
    await work.produce("flaky", "behind", key="a")
    await work.produce(*(f"v{i}" for i in range(10)), key="b")
    async with _working(work, handler, limits=replace(QUICK, concurrency=1)):
        await until(lambda: "v9" in handler.done)
        assert "behind" not in handler.started
        assert (await work.committed(1))[0] == 0
        others_done.set()
        await until(lambda: "behind" in handler.done)
    assert handler.started.count("flaky") >= 2
    assert (await work.committed(1))[0] == 12


async def test_a_full_partition_is_paused_and_resumed(bench: MakeBench) -> None:
    work, handler = await bench(1), Recording()
    gate = asyncio.Event()

    async def gated(_: int) -> Outcome:
        await gate.wait()
        return Done()

    values = [f"v{i}" for i in range(30)]
    handler.answers = dict.fromkeys(values, gated)
    for value in values:
        await work.produce(value, key=value)
    async with _working(work, handler, limits=replace(QUICK, in_flight_per_partition=5, concurrency=50)):
        await until(lambda: len(handler.started) == 5)
        await asyncio.sleep(1)  # nothing more may come, however long one waits
        assert len(handler.arrivals) == 5
        gate.set()
        await until(lambda: len(handler.done) == len(values))
    assert (await work.committed(1))[0] == len(values)


async def test_a_deferred_job_waits_and_is_looked_at_when_its_key_gets_news(bench: MakeBench) -> None:
    work, handler = await bench(1), Recording()

    async def later(attempt: int) -> Outcome:
        if "news" not in handler.arrivals:
            return Deferred(datetime.now(UTC) + timedelta(hours=1), "not before")
        return Done()

    handler.answers["later"] = later
    await work.produce("later", key="a")
    async with _working(work, handler):
        await until(lambda: handler.started.count("later") >= 1)
        await work.produce("news", key="a")
        await until(lambda: "news" in handler.done)
    assert handler.done[-2:] == ["later", "news"]


async def test_a_stop_lets_running_jobs_reach_a_checkpoint(bench: MakeBench) -> None:
    work, handler = await bench(1), Recording()
    await work.produce("done", key="a")
    await work.produce("long", key="b")
    async with _working(work, handler):
        await until(lambda: "long" in handler.started and "done" in handler.done)
    assert handler.stops == 1
    assert (await work.committed(1))[0] == 1

    again = Recording()
    async with _working(work, again):
        await until(lambda: "long" in again.started)
    assert again.started == ["long"]


async def test_a_job_that_ignores_the_stop_is_cut_off_after_the_grace(bench: MakeBench) -> None:
    work, handler = await bench(1), Recording()
    never = asyncio.Event()

    async def deaf(_: int) -> Outcome:
        await never.wait()
        return Done()

    handler.answers["deaf"] = deaf
    await work.produce("deaf")
    async with _working(work, handler, limits=replace(QUICK, grace_s=0.1)):
        await until(lambda: "deaf" in handler.started)
    assert handler.done == []
    assert (await work.committed(1))[0] == 0


async def test_a_rebalance_between_two_workers_loses_nothing(bench: MakeBench) -> None:
    work, first, second = await bench(4), Recording(), Recording()
    values = [f"v{i}" for i in range(200)]

    async def produce() -> None:
        for value in values:
            await work.produce(value, key=value)
            await asyncio.sleep(0.02)

    async with _working(work, first):
        producing = asyncio.create_task(produce())
        await until(lambda: len(first.done) > 5)
        await work.produce("long-1", key="long-1")
        await until(lambda: "long-1" in first.started)
        async with _working(work, second):
            await until(lambda: len(second.done) > 5)
            assert first.stops == 1
            await producing
            await until(lambda: set(values) <= set(first.done) | set(second.done))
            await until(lambda: (first.started + second.started).count("long-1") == 2)
    doubled = [value for value in values if (first.done + second.done).count(value) > 1]
    assert len(doubled) < 20, "finished jobs are committed before partitions change hands"
