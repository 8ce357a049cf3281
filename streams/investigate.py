"""The investigate role: requests for investigations, run one at a time per incident under a lease, to their end.

A request is finished when its investigation is: completed, refused, cancelled or failed, each with a status event, told
by whoever decides it: here what becomes of a request that is not run, and failures; all else by the investigator. Until
then it stays uncommitted, so a worker that dies leaves it to the next one, which goes on from the last checkpoint.
A cancellation takes back what has never been started; what had begun is brought to its end.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import assert_never

from schemas.codec import decode_as
from schemas.errors import InvalidEventError, LeaseLostError, TerminalError
from schemas.events import InvestigationRequested, InvestigationState, RequestKind
from schemas.metrics import INVESTIGATIONS, NullRecorder, Recorder
from schemas.outcomes import Deferred, Done, Ignored, Outcome, Rejected
from schemas.registry import SchemaRegistry
from schemas.registry_reading import read_event_as
from schemas.tracing import NullTracing, SpanName, Tracing
from streams.jobs.slots import Claim
from streams.jobs.worker import JobWorker, Limits
from streams.kafka import KafkaSettings, make_consumer
from streams.leases import HeldLease, held_lease
from streams.messages import Message
from streams.ports import Clock, DeadLetterOffice, Investigator, Lease, Markers, Publisher
from streams.running import LeasedRun, Teller
from streams.spans import handling

__all__ = ["GROUP", "STAGE", "Investigations", "investigate_worker"]

GROUP = "tocsin.investigate"
STAGE = "investigate"

_REMEMBERED_CANCELS = 10_000


class Investigations:
    """The Handler of investigations.requested for a JobWorker."""

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        investigator: Investigator,
        lease: Lease,
        markers: Markers,
        publisher: Publisher,
        clock: Clock,
        *,
        worker: str,
        registry: SchemaRegistry | None = None,
        recorder: Recorder | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """`worker` names this process in status events."""
        self._investigator = investigator
        self._lease = lease
        self._markers = markers
        self._clock = clock
        self._teller = Teller(publisher, clock, worker)
        self._registry = registry
        self._recorder = recorder or NullRecorder()
        self._tracing = tracing or NullTracing()
        self._cancelled: OrderedDict[str, str] = OrderedDict()
        self._put_off: set[str] = set()

    def arrived(self, message: Message) -> Claim:
        """Hear of a cancellation at once: it concerns a request that is ahead of it, queued or running."""
        try:
            request = decode_as(InvestigationRequested, message.value, self._registry)
        except InvalidEventError:
            return Claim()
        if request.kind is RequestKind.CANCEL:
            self._cancelled[request.investigation_id] = request.reason or "cancelled"
            if len(self._cancelled) > _REMEMBERED_CANCELS:
                self._cancelled.popitem(last=False)
        return Claim(request.tenant, request.priority)

    async def handle(self, message: Message, stop: asyncio.Event) -> Outcome:
        """Bring one request to its end. See Handler."""
        request = await read_event_as(InvestigationRequested, message.value, self._registry)
        with self._handling(message, request):
            if request.kind is RequestKind.CANCEL:
                self._cancelled.pop(request.investigation_id, None)
                return Done()
            if await self._markers.is_done(request.investigation_id):
                return Ignored("done before")
            return await self._begin(request, stop)

    async def given_up(self, message: Message, why: Rejected) -> None:
        """Tell that an investigation failed for a defect of ours. See Handler."""
        request = await read_event_as(InvestigationRequested, message.value, self._registry)
        with self._handling(message, request):
            await self._end(request, InvestigationState.FAILED, why.detail)

    def _handling(self, message: Message, request: InvestigationRequested) -> AbstractContextManager[str]:
        """What is published inside, by the investigator too, carries the span."""
        bound = {"incident": request.incident.incident_id, "investigation": request.investigation_id}
        return handling(self._tracing, SpanName.INVESTIGATE, message, request, **bound)

    async def _begin(self, request: InvestigationRequested, stop: asyncio.Event) -> Outcome:
        reason = self._cancelled.get(request.investigation_id)
        if reason is not None and not await self._has_begun(request.investigation_id):
            await self._end(request, InvestigationState.CANCELLED, reason)
            return Ignored(reason)
        if request.not_before is not None and request.not_before > self._clock.now():
            told = f"not before {request.not_before.isoformat()}: {request.reason}"
            await self._teller.tell(request, InvestigationState.DEFERRED, told)
            return Deferred(request.not_before, request.reason)
        async with held_lease(self._lease, request.investigation_id, self._clock) as held:
            if held is None:
                return Deferred(
                    self._clock.now() + timedelta(seconds=self._lease.ttl_s / 4), "runs elsewhere"
                )
            return await self._run(request, held, stop)

    async def _has_begun(self, investigation_id: str) -> bool:
        """Whether there is work to finish. One that was put off before it did anything has not begun.

        That is known to the worker that put it off; another one finishes it, which is the safe side.
        """
        return investigation_id not in self._put_off and await self._markers.was_started(investigation_id)

    async def _run(self, request: InvestigationRequested, held: HeldLease, stop: asyncio.Event) -> Outcome:
        attempt = await self._markers.next_attempt(request.investigation_id)
        self._put_off.discard(request.investigation_id)
        if attempt == 1:
            told = f"taken up by {self._teller.worker}"
            await self._teller.tell(request, InvestigationState.RUNNING, told)
        run = LeasedRun(request, attempt, held, stop, self._cancelled, self._teller)
        try:
            outcome = await _unless_over(self._investigator, run)
        except TerminalError as error:
            outcome = Rejected("investigation_failed", str(error))
        return await self._conclude(request, outcome, attempt)

    async def _conclude(self, request: InvestigationRequested, outcome: Outcome, attempt: int) -> Outcome:
        match outcome:
            case Deferred():
                self._put_off.add(request.investigation_id)
                return outcome
            case Rejected(detail=detail):
                await self._end(request, InvestigationState.FAILED, detail, attempt)
            case Done() | Ignored():
                await self._markers.mark_done(request.investigation_id)
            case _:
                assert_never(outcome)
        return outcome

    async def _end(
        self, request: InvestigationRequested, state: InvestigationState, why: str, attempt: int = 1
    ) -> None:
        """Tell an end that was decided here, and remember it."""
        await self._teller.tell(request, state, why, attempt=attempt)
        await self._markers.mark_done(request.investigation_id)
        self._recorder.count(INVESTIGATIONS, verdict=state.value)
        self._put_off.discard(request.investigation_id)


def investigate_worker(  # noqa: PLR0913 - its collaborators
    settings: KafkaSettings,
    handler: Investigations,
    office: DeadLetterOffice,
    clock: Clock,
    *,
    limits: Limits | None = None,
    recorder: Recorder | None = None,
) -> JobWorker:
    """Return the worker of the investigate role. Must be called in the event loop that runs it."""
    return JobWorker(
        make_consumer(settings, f"{settings.topic_prefix}{GROUP}"),
        [settings.names.on_broker(InvestigationRequested.TOPIC)],
        handler,
        office,
        clock,
        stage=STAGE,
        limits=limits,
        recorder=recorder,
    )


async def _unless_over(investigator: Investigator, run: LeasedRun) -> Outcome:
    """Run the investigation, and cut it off where the lease is lost: another worker may be writing by now.

    So it is at a stop, where that costs nothing.
    """
    name = run.request.investigation_id
    work = asyncio.ensure_future(investigator.investigate(run.request, run))
    lost = asyncio.ensure_future(run.held.lost.wait())
    idle = asyncio.ensure_future(run.may_be_cut_off())
    try:
        await asyncio.wait({work, lost, idle}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise LeaseLostError(
            f"the lease of {name} is lost" if lost.done() else f"{name} is let go while it waits"
        )
    finally:
        work.cancel()
        lost.cancel()
        idle.cancel()
        await asyncio.gather(work, lost, idle, return_exceptions=True)
