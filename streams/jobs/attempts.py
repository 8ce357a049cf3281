"""One message, tried until it is settled: retried with backoff, deferred, or buried; never given up silently."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, assert_never

import structlog

from schemas.errors import InvalidEventError, RateLimitedError, RetryableError, TerminalError
from schemas.metrics import MESSAGES, NullRecorder, Recorder
from schemas.outcomes import Deferred, Done, Ignored, Outcome, Rejected
from streams.jobs.ledger import Ticket
from streams.jobs.slots import Claim, Slots
from streams.messages import Message
from streams.ports import Clock, DeadLetterOffice

__all__ = ["Attempts", "Handler", "Job", "Lane", "RetryPolicy"]

_log = structlog.get_logger(__name__)

_DEFECT = "defect"


class Handler(Protocol):
    """The work of one stage."""

    def arrived(self, message: Message) -> Claim:
        """Look at a message as it comes in, before those ahead of it are done. Does not block, does not raise."""
        ...

    async def handle(self, message: Message, stop: asyncio.Event) -> Outcome:
        """Do the work; called again after a retry, a deferral or a redelivery.

        Args:
            message: the message, verbatim.
            stop: set when the worker must let go: end soon at a checkpoint by raising RetryableError.

        Raises:
            RetryableError: try again later; other keys go on meanwhile.
            TerminalError: the message can never be handled; it is buried.
        """
        ...

    async def given_up(self, message: Message, why: Rejected) -> None:
        """Hear that a message is about to be buried because of errors nobody foresaw. May raise RetryableError."""
        ...


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Waits between attempts, in seconds: `first_s`, doubled each time, at most `cap_s`.

    A RetryableError is retried without end, an error nobody foresaw `defects` times.
    """

    first_s: float = 0.25
    cap_s: float = 30.0
    defects: int = 3

    def wait_s(self, failures: int) -> float:
        return min(self.cap_s, self.first_s * 2.0 ** min(failures - 1, 32))


@dataclass(slots=True, eq=False)
class Job:
    message: Message
    ticket: Ticket
    claim: Claim


@dataclass(slots=True, eq=False)
class Lane:
    """The jobs of one key in one assignment of its partition, done one after the other by `task`."""

    jobs: deque[Job] = field(default_factory=deque)
    arrival: asyncio.Event = field(default_factory=asyncio.Event)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    running: bool = False
    task: asyncio.Task[None] | None = None


class Attempts:
    """Brings jobs to an end, at most as many at a time as there are slots; waiting jobs hold none."""

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        handler: Handler,
        office: DeadLetterOffice,
        clock: Clock,
        *,
        stage: str,
        concurrency: int,
        policy: RetryPolicy,
        recorder: Recorder | None = None,
    ) -> None:
        self._handler = handler
        self._office = office
        self._clock = clock
        self._stage = stage
        self._slots = Slots(concurrency)
        self._policy = policy
        self._recorder = recorder or NullRecorder()

    async def settle(self, job: Job, lane: Lane) -> bool:
        """Try until the job is settled.

        Returns:
            True when its offset may be committed, False when the lane was stopped before.
        """
        failures = 0
        while not lane.stop.is_set():
            lane.arrival.clear()
            result = await self._attempt(job, lane, failures)
            match result:
                case Done() | Ignored():
                    return self._count(result)
                case Rejected():
                    return await self._bury(job, lane, result)
                case Deferred(until=until):
                    failures = 0
                    self._count(result)
                    await self._wait((until - self._clock.now()).total_seconds(), lane.stop, lane.arrival)
                case _Failed(wait_s=wait_s):
                    failures += 1
                    await self._wait(wait_s, lane.stop)
                case _:
                    assert_never(result)
        return False

    async def _attempt(self, job: Job, lane: Lane, failures: int) -> Outcome | _Failed:
        place = {"topic": job.message.topic, "partition": job.message.partition, "offset": job.message.offset}
        with structlog.contextvars.bound_contextvars(**place):
            try:
                return await self._handle(job, lane)
            except RetryableError as error:
                return self._failed(error, failures)
            except InvalidEventError as error:
                return Rejected(error.reason, str(error))
            except TerminalError as error:
                return Rejected(_slug(error), str(error))
            except Exception as error:  # noqa: BLE001 - the edge: an unforeseen error becomes an outcome
                _log.exception("job_defect", stage=self._stage)
                if failures + 1 >= self._policy.defects:
                    return Rejected(_DEFECT, repr(error))
                return self._failed(error, failures)

    async def _handle(self, job: Job, lane: Lane) -> Outcome:
        async with self._slots.held(job.claim):
            lane.running = True
            try:
                return await self._handler.handle(job.message, lane.stop)
            finally:
                lane.running = False

    def _failed(self, error: Exception, failures: int) -> _Failed:
        wait_s = self._policy.wait_s(failures + 1)
        if isinstance(error, RateLimitedError) and error.retry_after_s is not None:
            wait_s = max(wait_s, error.retry_after_s)
        _log.warning("job_retry", stage=self._stage, error=repr(error), wait_s=wait_s)
        self._recorder.count(MESSAGES, stage=self._stage, outcome="retried")
        return _Failed(wait_s)

    async def _bury(self, job: Job, lane: Lane, why: Rejected) -> bool:
        failures = 0
        while not lane.stop.is_set():
            try:
                if why.reason == _DEFECT:
                    await self._handler.given_up(job.message, why)
                await self._office.bury(job.message, stage=self._stage, reason=why.reason, detail=why.detail)
            except RetryableError as error:
                failures += 1
                await self._wait(self._failed(error, failures - 1).wait_s, lane.stop)
            else:
                return self._count(why)
        return False

    def _count(self, outcome: Outcome) -> bool:
        self._recorder.count(MESSAGES, stage=self._stage, outcome=type(outcome).__name__.lower())
        return True

    async def _wait(self, seconds: float, *events: asyncio.Event) -> None:
        """Sleep, or until one of the events is set."""
        waits: list[Coroutine[Any, Any, object]] = [self._clock.sleep(max(0.0, seconds))]
        waits += [event.wait() for event in events]
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()


@dataclass(frozen=True, slots=True)
class _Failed:
    wait_s: float


def _slug(error: TerminalError) -> str:
    """`BudgetExceededError` becomes `budget_exceeded`."""
    name = type(error).__name__.removesuffix("Error")
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
