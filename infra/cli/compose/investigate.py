"""The role `investigate`: requests from Kafka, run through the graph under a lease."""

from __future__ import annotations

import asyncio
import atexit
import gc
import os
import socket
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import assert_never

from agents.investigation.checkpoints import pruned_checkpoints
from agents.investigation.context import InvestigationPorts
from agents.investigation.outcomes import Cancelled, Postponed, Refused, Reported
from agents.investigation.run import Investigations
from agents.investigation.settings import InvestigationSettings
from infra.cli.compose.checkpoints import open_checkpointer
from infra.cli.compose.gate import SharedFreshness, WorkingSteps
from infra.cli.compose.likeness import likeness_for
from infra.cli.compose.memory import ClickHouseFreshness, ClickHouseHistory
from infra.cli.compose.models import open_gateway
from infra.cli.compose.process import RoleProcess
from infra.cli.compose.publishing import BrokerPublisher
from infra.cli.compose.tenancy import InvestigationAdmission, StoredRunbooks, monthly_limit
from infra.cli.compose.turns import TenantTurns
from infra.cli.compose.windows import ClickHouseWindows
from infra.runtime.redis import RedisAdmission, RedisBudget, RedisLease, RedisTurns, RedisWatermarks
from infra.runtime.settings import InvestigateSection
from infra.runtime.sql import ControlStore, Database, SqlMarkers
from schemas.events import InvestigationRequested
from schemas.outcomes import Deferred, Done, Ignored, Outcome
from streams import investigate as jobs
from streams.jobs.worker import Limits
from streams.ports import Run
from streams.producer import EventProducer

__all__ = ["run"]

_TAKEN_ON = 1_000
"""Investigations begun at a time; most wait for their data, and `max_concurrent` bounds the steps that work."""
_FRESHNESS_S = 0.5
_GRACE_S = 1.5
"""What works at a stop may end its step: `tocsin down` leaves a role half of its ten seconds, to commit and disconnect too."""


async def run(process: RoleProcess, stop: asyncio.Event) -> None:
    """Run until `stop`, then let running investigations reach a checkpoint."""
    _end_without_collecting()
    installation = process.installation
    section, redis = installation.settings.investigate, await process.redis()
    producer, database = await process.producer(), await process.database()
    ports = await _ports(process, producer, database)
    saver = await process.stack.enter_async_context(
        open_checkpointer(installation.settings.checkpoint_database)
    )
    await process.stack.enter_async_context(pruned_checkpoints(saver, process.clock))
    worker = f"{socket.gethostname()}/{os.getpid()}"
    handler = jobs.Investigations(
        _GraphInvestigator(Investigations(ports.settings, saver), ports, worker),
        RedisLease(redis, prefix=installation.settings.redis.prefix, ttl_s=section.lease_s),
        SqlMarkers(database),
        producer,
        process.clock,
        worker=worker,
        registry=process.schemas,
        recorder=process.recorder,
        tracing=process.tracing,
    )
    consumer = jobs.investigate_worker(
        installation.kafka,
        handler,
        process.office(producer),
        process.clock,
        limits=Limits(concurrency=_TAKEN_ON, in_flight_per_partition=_TAKEN_ON, grace_s=_GRACE_S),
        recorder=process.recorder,
    )
    await consumer.run(stop)


def _end_without_collecting() -> None:
    """Have the heap left to the operating system when the process ends, and not searched for garbage once more.

    That takes most of a second of processor with all that is imported here: under load the whole time a role has to stop.
    """
    atexit.register(gc.freeze)


async def _ports(process: RoleProcess, producer: EventProducer, database: Database) -> InvestigationPorts:
    settings = process.installation.settings
    redis, clickhouse = await process.redis(), await process.clickhouse()
    control, prefix = ControlStore(database), settings.redis.prefix
    budget = RedisBudget(
        redis, prefix=prefix, limit_of=lambda scope: monthly_limit(control, scope), now=process.clock.now
    )
    return InvestigationPorts(
        windows=ClickHouseWindows(clickhouse, control),
        history=ClickHouseHistory(clickhouse),
        runbooks=StoredRunbooks(control),
        freshness=SharedFreshness(
            ClickHouseFreshness(clickhouse, RedisWatermarks(redis, prefix=prefix), process.clock),
            process.clock,
            _FRESHNESS_S,
        ),
        publisher=BrokerPublisher(producer),
        admission=InvestigationAdmission(
            control, RedisAdmission(redis, prefix=prefix), budget, process.clock
        ),
        lease=_Unheld(),
        cancellation=_Unheld(),
        clock=process.clock,
        recorder=process.recorder,
        gateway=await open_gateway(process, budget, database),
        gate=WorkingSteps(settings.investigate.max_concurrent),
        turns=TenantTurns(
            RedisTurns(redis, prefix=prefix, ttl_s=settings.investigate.lease_s),
            lambda tenant: _at_a_time(control, tenant),
            process.clock,
        ),
        likeness=likeness_for(settings.investigate),
        settings=_settings(settings.investigate),
    )


async def _at_a_time(control: ControlStore, tenant: str) -> int:
    return (await control.tenant(tenant)).effective_limits.concurrent_investigations


def _settings(section: InvestigateSection) -> InvestigationSettings:
    return InvestigationSettings(
        baseline_s=section.baseline_s,
        lead_s=section.lead_s,
        wait_limit_s=section.data_wait_s,
        nano_usd_per_million_rows=section.query_nano_usd_per_million_rows,
    )


@dataclass(frozen=True, slots=True)
class _GraphInvestigator:
    """Satisfies streams.ports.Investigator."""

    investigations: Investigations
    ports: InvestigationPorts
    worker: str

    async def investigate(self, request: InvestigationRequested, run: Run) -> Outcome:
        ports = replace(self.ports, lease=_RunLease(run), cancellation=_Persist(), standing=run)
        outcome = await self.investigations.investigate(
            request, ports, attempt=run.attempt, worker=self.worker
        )
        match outcome:
            case Reported():
                return Done()
            case Refused(reason=reason) | Cancelled(reason=reason):
                return Ignored(reason)
            case Postponed(reason=reason, until=until):
                return Deferred(until, reason)
            case _:
                assert_never(outcome)


@dataclass(frozen=True, slots=True)
class _RunLease:
    """Satisfies agents.ports.Lease: a worker that must let go holds nothing any more."""

    run: Run

    async def still_held(self) -> bool:
        return not self.run.stopping

    def idle(self) -> AbstractContextManager[None]:
        return self.run.idle()


class _Persist:
    """Satisfies agents.ports.Cancellation.

    What clears while it is investigated is still explained, and the report notes it: only a request that was never
    started is taken back, by streams.
    """

    async def reason(self, tenant: str, investigation_id: str) -> str:
        del tenant, investigation_id
        return ""


class _Unheld:
    """Stands where each run puts its own lease and cancellation."""

    async def still_held(self) -> bool:
        return False

    def idle(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def reason(self, tenant: str, investigation_id: str) -> str:
        raise NotImplementedError(f"{tenant}'s {investigation_id} runs without its own ports")
