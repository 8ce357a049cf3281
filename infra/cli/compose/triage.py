"""The role `stream`: triage on Faust."""

from __future__ import annotations

import asyncio

from infra.cli.compose.process import RoleProcess
from infra.cli.compose.tenancy import TriageAdmission, TriageControl
from infra.runtime.redis import RedisAdmission
from infra.runtime.settings import Settings
from infra.runtime.sql import ControlStore
from streams.app import TriageSettings, create_app
from streams.kafka import KafkaSettings
from streams.triage.deps import TriageDeps
from streams.triage.settings import CorrelationRules, FlappingRules, IntakeRules
from streams.triage_worker import run_triage

__all__ = ["run"]


async def run(process: RoleProcess, stop: asyncio.Event) -> None:
    """Run until `stop`. Raises what triage failed with: the supervisor starts it again."""
    producer = await process.producer()
    control = ControlStore(await process.database())
    settings = process.installation.settings
    admission = RedisAdmission(await process.redis(), prefix=settings.redis.prefix)
    deps = TriageDeps(
        publisher=producer,
        dead_letters=process.office(producer),
        control=TriageControl(control, process.clock),
        admission=TriageAdmission(control, admission, process.clock),
        clock=process.clock,
        recorder=process.recorder,
        tracing=process.tracing,
        registry=process.schemas,
    )
    await run_triage(create_app(_settings(settings, process.installation.kafka), deps), stop)


def _settings(settings: Settings, kafka: KafkaSettings) -> TriageSettings:
    triage = settings.triage
    return TriageSettings(
        kafka=kafka,
        data_dir=settings.data_dir / "faust",
        replication=settings.kafka.replication_factor,
        intake=IntakeRules(
            flapping=FlappingRules(changes=triage.flap_changes, window_s=triage.flap_window_s),
            forget_after_s=triage.forget_after_s,
        ),
        correlation=CorrelationRules(
            window_s=triage.correlate_within_s,
            max_hops=triage.correlate_hops,
            quiet_s=triage.close_after_s,
        ),
    )
