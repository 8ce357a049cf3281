"""The Faust application of triage: three stages, three tables, nothing at module level."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faust
import structlog
from pydantic import BaseModel, ConfigDict, Field

from schemas.events import AlarmChanged, AlarmRaw, Incident
from schemas.events.base import Event
from schemas.metrics import CONSUMER_LAG, Recorder
from schemas.topics import topic_of
from streams.faust_connection import connection_of, producer_of
from streams.faust_transport import PromptTransport, lag_by_topic
from streams.kafka import KafkaSettings
from streams.noack_batches import MOST_BUNDLES, Batches, BatchHandler, consume
from streams.tables import StateTable
from streams.triage.correlate import Correlate
from streams.triage.deps import TriageDeps
from streams.triage.intake import Intake
from streams.triage.settings import CorrelationRules, IntakeRules, TriggerRules
from streams.triage.trigger import Trigger

__all__ = ["TriageSettings", "create_app"]

_log = structlog.get_logger(__name__)

_BUFFERED_BUNDLES = 2 * MOST_BUNDLES
"""How much of each topic may be read ahead of its stage."""
_BUNDLES_A_BATCH = 4
"""One partition alone fills a quarter of a batch at a time."""


class TriageSettings(BaseModel):
    """Where and how triage runs. `kafka` brings the broker's address and the group's timeouts."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    kafka: KafkaSettings
    data_dir: Path
    """Faust's own folder; the state itself is in memory and in the changelog topics."""
    app_id: str = "tocsin-triage"
    """Consumer group and prefix of the changelog topics; the topic prefix goes before it."""
    replication: int = Field(default=1, ge=1)
    """Replicas of each changelog topic."""
    batch_size: int = Field(default=500, ge=1)
    within_s: float = Field(default=0.005, gt=0)
    """How long a message may wait for others to share its batch, in seconds."""
    fetch_wait_ms: int = Field(default=20, ge=1)
    """How long the broker may hold back a fetch without data; Tansu does so even when data comes."""
    commit_interval_s: float = Field(default=1.0, gt=0)
    tick_s: float = Field(default=0.5, gt=0)
    """How often quiet incidents and held alarms are looked at, in seconds."""
    intake: IntakeRules = IntakeRules()
    correlation: CorrelationRules = CorrelationRules()
    trigger: TriggerRules = TriggerRules()


def create_app(settings: TriageSettings, deps: TriageDeps) -> faust.App:
    """Return the app, not started; `run_triage` runs it. To be called in the event loop that it will run in.

    The topics must exist, with the partitions of the catalogue; the changelog topics are made by Faust.
    """
    app = _connected(settings)
    intake_state = _table(app, "alarms", AlarmRaw)
    correlate_state = _table(app, "incidents", AlarmChanged)
    trigger_state = _table(app, "requests", Incident)
    intake = Intake(intake_state, deps, settings.intake)
    correlate = Correlate(correlate_state, deps, settings.correlation)
    trigger = Trigger(trigger_state, deps, settings.trigger)
    stages = _Stages(app, settings, deps.recorder)
    stages.add("intake", AlarmRaw, intake.handle)
    stages.add("correlate", AlarmChanged, correlate.handle)
    stages.add("trigger", Incident, trigger.handle)
    for table, restore in (
        (intake_state, intake.restore),
        (correlate_state, correlate.restore),
        (trigger_state, trigger.restore),
    ):
        _restore_after_recovery(table, restore)
    _ticking(app, settings, [intake.tick, correlate.tick, stages.measure])
    return app


def _connected(settings: TriageSettings) -> faust.App:
    """The app without tables and agents: its state in memory and in changelogs, its broker reached in bundles."""
    connection = connection_of(settings.kafka)
    app = _App(
        f"{settings.kafka.topic_prefix}{settings.app_id}",
        **connection,
        datadir=settings.data_dir,
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        topic_replication_factor=settings.replication,
        table_standby_replicas=0,
        broker_commit_interval=settings.commit_interval_s,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        stream_buffer_maxsize=_BUFFERED_BUNDLES,
        Table=StateTable,
    )
    app.transport = PromptTransport(
        connection["broker"],
        app,
        kafka=settings.kafka,
        fetch_wait_ms=settings.fetch_wait_ms,
        bundle_size=max(1, settings.batch_size // _BUNDLES_A_BATCH),
    )
    app.transport.Producer = producer_of(settings.kafka)  # type: ignore[misc]  # Faust reads it from the instance
    return app


class _App(faust.App):
    async def _producer_flush(self, logger: Any) -> None:
        """After a failure the producer's buffer may be broken already; Faust would stop stopping there, and hang."""
        try:
            await super()._producer_flush(logger)
        except RuntimeError as error:
            if self.crash_reason is None:
                raise
            _log.warning("triage_not_flushed", error=repr(error))


@dataclass(frozen=True, slots=True)
class _Stages:
    """Registers the agents."""

    app: faust.App
    settings: TriageSettings
    recorder: Recorder
    topics: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, source: type[Event], handle: BatchHandler) -> None:
        topic = self.app.topic(
            self.settings.kafka.names.on_broker(source.TOPIC),
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            partitions=topic_of(source).partitions,
            allow_empty=True,
        )
        batches = Batches(name, self.settings.batch_size, self.settings.within_s)

        async def agent(stream: Any) -> None:
            await consume(self.app, stream, handle, batches, self.recorder)

        self.app.agent(topic, name=name, concurrency=1)(agent)
        self.topics[topic.get_topic_name()] = name

    async def measure(self) -> None:
        """Tell how far each stage is behind."""
        for topic, lag in lag_by_topic(self.app).items():
            if topic in self.topics:
                self.recorder.gauge(CONSUMER_LAG, lag, stage=self.topics[topic], topic=topic)


def _table(app: faust.App, name: str, source: type[Event]) -> StateTable:
    """A table with as many partitions as the topic whose messages write it."""
    partitions = topic_of(source).partitions
    table = app.Table(name, key_type=bytes, value_type=bytes, partitions=partitions)
    assert isinstance(table, StateTable)
    return table


def _restore_after_recovery(table: StateTable, restore: Callable[[], None]) -> None:
    async def recovered() -> None:
        restore()

    table.on_recover(recovered)


def _ticking(
    app: faust.App, settings: TriageSettings, ticks: Sequence[Callable[[], Awaitable[None]]]
) -> None:
    async def tick() -> None:
        if not app.rebalancing and not app.in_recovery:
            for one in ticks:
                await one()

    app.timer(settings.tick_s)(tick)
