"""The role `land`: every topic into its table."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from infra.cli.compose.process import RoleProcess
from infra.cli.compose.tenancy import StoredRetention
from infra.runtime.redis import RedisWatermarks
from infra.runtime.settings import LandSection
from infra.runtime.sql import ControlStore
from sinks.clickhouse.landing import ClickHouseLanding
from streams.jobs.batches import CutRule
from streams.land import Lander, LandRules

__all__ = ["run"]

# A broker whose log has a name of its own forgets: what it still holds when the stack stops goes with it.
_FINISH_S = 3.0


async def run(process: RoleProcess, stop: asyncio.Event) -> None:
    """Run until `stop`. Raises when the tables refuse rows for good."""
    settings = process.installation.settings
    producer = await process.producer()
    landing = ClickHouseLanding(
        await process.clickhouse(),
        StoredRetention(ControlStore(await process.database())),
        process.clock,
        recorder=process.recorder,
        epoch=process.installation.log_epoch,
    )
    lander = Lander(
        process.installation.kafka,
        landing,
        process.office(producer),
        RedisWatermarks(await process.redis(), prefix=settings.redis.prefix),
        process.clock,
        rules=LandRules(
            cut=_cut(settings.land), finish_s=_FINISH_S if process.installation.log_epoch else 0.0
        ),
        registry=process.schemas,
        recorder=process.recorder,
        tracing=process.tracing,
    )
    await lander.run(stop)


def _cut(section: LandSection) -> CutRule:
    return CutRule(max_messages=section.batch_rows, max_age=timedelta(seconds=section.batch_age_s))
