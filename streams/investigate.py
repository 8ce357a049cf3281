"""The investigate role: requests for investigations, run one at a time per incident under a lease, to their end.

A request is finished when its investigation is: completed, refused, cancelled or failed, each with a status event. Until
then it stays uncommitted, so a worker that dies leaves it to the next one, which goes on from the last checkpoint.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import timedelta
from typing import assert_never

import structlog

from schemas.codec import decode_as
from schemas.errors import InvalidEventError, LeaseLostError, TerminalError
from schemas.events import InvestigationRequested, InvestigationState, RequestKind
from schemas.metrics import ACTIVE_INVESTIGATIONS, INVESTIGATION_SECONDS, NullRecorder, Recorder
from schemas.outcomes import Deferred, Done, Ignored, Outcome, Rejected
from schemas.registry import SchemaRegistry
from streams.jobs.slots import Claim
from streams.jobs.worker import JobWorker, Limits
from streams.kafka import KafkaSettings, make_consumer
from streams.leases import HeldLease, held_lease
from streams.messages import Message
from streams.ports import Clock, DeadLetterOffice, Investigator, Lease, Markers, Publisher
from streams.running import LeasedRun, Teller

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
    ) -> None:
        """`worker` names this process in status events."""
        self._investigator = investigator
        self._lease = lease
        self._markers = markers
        self._clock = clock
        self._teller = Teller(publisher, clock, worker)
        self._registry = registry
        self._recorder = recorder or NullRecorder()
        self._cancelled: OrderedDict[str, str] = OrderedDict()
        self._active = 0

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
        request = decode_as(InvestigationRequested, message.value, self._registry)
        bound = {"tenant": request.tenant, "incident": request.incident.incident_id}
        with structlog.contextvars.bound_contextvars(**bound, investigation=request.investigation_id):
            if request.kind is RequestKind.CANCEL:
                self._cancelled.pop(request.investigation_id, None)
                return Done()
            if await self._markers.is_done(request.investigation_id):
                return Ignored("done before")
            return await self._begin(request, stop)

    async def given_up(self, message: Message, why: Rejected) -> None:
        """Tell that an investigation failed for a defect of ours. See Handler."""
        request = decode_as(InvestigationRequested, message.value, self._registry)
        await self._teller.tell(request, InvestigationState.FAILED, why.detail)
        await self._markers.mark_done(request.investigation_id)

    async def _begin(self, request: InvestigationRequested, stop: asyncio.Event) -> Outcome:
        reason = self._cancelled.get(request.investigation_id)
        if reason is not None:
            await self._teller.tell(request, InvestigationState.CANCELLED, reason)
            await self._markers.mark_done(request.investigation_id)
            return Ignored(reason)
        if request.not_before is not None and request.not_before > self._clock.now():
            return await self._defer(request, Deferred(request.not_before, request.reason))
        async with held_lease(self._lease, request.investigation_id, self._clock) as held:
            if held is None:
                return Deferred(
                    self._clock.now() + timedelta(seconds=self._lease.ttl_s / 4), "runs elsewhere"
                )
            return await self._run(request, held, stop)

    async def _run(self, request: InvestigationRequested, held: HeldLease, stop: asyncio.Event) -> Outcome:
        attempt = await self._markers.next_attempt(request.investigation_id)
        state = InvestigationState.RUNNING if attempt == 1 else InvestigationState.RESUMED
        await self._teller.tell(request, state, f"taken up by {self._teller.worker}", attempt=attempt)
        run = LeasedRun(request, attempt, held, stop, self._cancelled, self._teller)
        self._count_active(1)
        try:
            outcome = await _unless_lost(self._investigator, run)
        except TerminalError as error:
            outcome = Rejected("investigation_failed", str(error))
        finally:
            self._count_active(-1)
        return await self._conclude(request, outcome, attempt)

    async def _conclude(self, request: InvestigationRequested, outcome: Outcome, attempt: int) -> Outcome:
        match outcome:
            case Deferred():
                return await self._defer(request, outcome, attempt)
            case Done():
                await self._teller.tell(
                    request, InvestigationState.COMPLETED, "", attempt=attempt, progress=1.0
                )
                waited = self._clock.now() - request.requested_at
                self._recorder.observe(INVESTIGATION_SECONDS, waited.total_seconds())
            case Rejected(detail=detail):
                await self._teller.tell(request, InvestigationState.FAILED, detail, attempt=attempt)
            case Ignored():
                pass
            case _:
                assert_never(outcome)
        await self._markers.mark_done(request.investigation_id)
        return outcome

    async def _defer(self, request: InvestigationRequested, outcome: Deferred, attempt: int = 1) -> Deferred:
        told = f"not before {outcome.until.isoformat()}: {outcome.reason}"
        await self._teller.tell(request, InvestigationState.DEFERRED, told, attempt=attempt)
        return outcome

    def _count_active(self, change: int) -> None:
        self._active += change
        self._recorder.gauge(ACTIVE_INVESTIGATIONS, self._active)


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


async def _unless_lost(investigator: Investigator, run: LeasedRun) -> Outcome:
    """Run the investigation, and cut it off where the lease is lost: another worker may be writing by now."""
    work = asyncio.ensure_future(investigator.investigate(run.request, run))
    lost = asyncio.ensure_future(run.held.lost.wait())
    try:
        await asyncio.wait({work, lost}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise LeaseLostError(f"the lease of {run.request.investigation_id} is lost")
        return work.result()
    finally:
        work.cancel()
        lost.cancel()
        await asyncio.gather(work, lost, return_exceptions=True)
