"""The catalogue of topics: what each carries, how it is keyed, how long it is kept.

Names are bare (`alarms.raw`); an installation may put a prefix before them, so that two can share a broker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from schemas.events import (
    AlarmChanged,
    AlarmRaw,
    Audit,
    ChangeRaw,
    CostEntry,
    DeadLetter,
    Event,
    Evidence,
    Feedback,
    Incident,
    InvestigationRequested,
    InvestigationStatus,
    KpiBatch,
    LogBatch,
    Report,
)

__all__ = ["CATALOGUE", "Topic", "TopicNames", "topic_of"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `key` says in words what the message key is made of; `retention` None is for ever (compacted)."""

    event: type[Event]
    key: str
    partitions: int
    retention: timedelta | None
    compacted: bool = False

    @property
    def name(self) -> str:
        return self.event.TOPIC

    @property
    def subject(self) -> str:
        """The Schema Registry subject (TopicNameStrategy)."""
        return f"{self.name}-value"

    @property
    def config(self) -> Mapping[str, str]:
        """The broker's topic settings."""
        cleanup = ["compact"] if self.compacted else []
        cleanup += ["delete"] if self.retention else []
        retention_ms = -1 if self.retention is None else int(self.retention.total_seconds() * 1000)
        return {"cleanup.policy": ",".join(cleanup) or "delete", "retention.ms": str(retention_ms)}


_WEEK, _MONTH = timedelta(days=7), timedelta(days=30)

_TOPICS = (
    Topic(AlarmRaw, "tenant|fingerprint", 4, _WEEK),
    Topic(KpiBatch, "tenant|service", 4, timedelta(days=1)),
    Topic(LogBatch, "tenant|service", 4, timedelta(days=1)),
    Topic(ChangeRaw, "tenant|service", 1, _WEEK),
    Topic(AlarmChanged, "tenant", 4, _WEEK),
    Topic(Incident, "tenant", 4, _MONTH),
    Topic(InvestigationRequested, "tenant|incident", 4, _WEEK),
    Topic(InvestigationStatus, "investigation", 4, _WEEK),
    Topic(Evidence, "investigation", 4, _MONTH),
    Topic(Report, "investigation", 4, _MONTH),
    Topic(CostEntry, "investigation", 4, _MONTH),
    Topic(Audit, "tenant", 1, _MONTH),
    Topic(Feedback, "tenant", 1, _MONTH),
    Topic(DeadLetter, "source topic", 1, _MONTH),
)

CATALOGUE: Mapping[str, Topic] = {topic.name: topic for topic in _TOPICS}
"""Every topic by its bare name."""


def topic_of(event: type[Event]) -> Topic:
    """Return the topic that carries this class of event."""
    return CATALOGUE[event.TOPIC]


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Translate between bare names and the names on the broker."""

    prefix: str = ""

    def on_broker(self, bare: str) -> str:
        return f"{self.prefix}{bare}"

    def bare(self, on_broker: str) -> str:
        return on_broker.removeprefix(self.prefix)
