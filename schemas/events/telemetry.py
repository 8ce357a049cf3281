"""kpis.raw, logs.raw and changes.raw: what services measure, say and undergo."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from schemas.events.base import Event, Instant, Labels, Name, Record, Text
from schemas.ids import stable_id

__all__ = ["ChangeKind", "ChangeRaw", "KpiBatch", "KpiSamples", "LogBatch", "LogLine", "LogSeverity"]


class KpiSamples(Record):
    """A column of samples of one metric."""

    metric: Name
    labels: Labels = {}
    unit: str = ""
    """UCUM-like unit: `1`, `s`, `ms`, `By`, `1/s`."""
    times_ms: Annotated[tuple[int, ...], Field(min_length=1, max_length=100_000)]
    """Unix milliseconds, not decreasing."""
    values: Annotated[tuple[float, ...], Field(min_length=1, max_length=100_000)]
    """As many as `times_ms`; NaN is a missing sample."""

    @model_validator(mode="after")
    def _columns_agree(self) -> Self:
        if len(self.times_ms) != len(self.values):
            raise ValueError(f"{len(self.times_ms)} times but {len(self.values)} values")
        if any(later < earlier for earlier, later in pairwise(self.times_ms)):
            raise ValueError("times_ms must not decrease")
        return self


class KpiBatch(Event):
    """A batch of samples of one service. `occurred_at` is the time of the last sample."""

    TOPIC: ClassVar[str] = "kpis.raw"
    TYPE: ClassVar[str] = "io.tocsin.kpi.batch"

    source: Name
    service: Name
    series: Annotated[tuple[KpiSamples, ...], Field(min_length=1, max_length=10_000)]

    def derive_id(self) -> str:
        parts = [
            f"{one.metric}{sorted(one.labels.items())}{one.times_ms[0]}-{one.times_ms[-1]}"
            for one in self.series
        ]
        return stable_id("kpi", self.tenant, self.source, self.service, *parts)

    @property
    def key(self) -> str:
        return f"{self.tenant}|{self.service}"

    @property
    def subject(self) -> str:
        return self.service


class LogSeverity(StrEnum):
    """Severity text of the OpenTelemetry log data model, folded to six."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"
    FATAL = "fatal"


class LogLine(Record):
    at: Instant
    severity: LogSeverity = LogSeverity.INFO
    message: Text
    entity: str = ""
    trace_id: str = ""
    attributes: Labels = {}


class LogBatch(Event):
    """Log records of one service. `occurred_at` is the time of the last record."""

    TOPIC: ClassVar[str] = "logs.raw"
    TYPE: ClassVar[str] = "io.tocsin.log.batch"

    source: Name
    service: Name
    records: Annotated[tuple[LogLine, ...], Field(min_length=1, max_length=10_000)]

    def derive_id(self) -> str:
        lines = [f"{line.at.timestamp():.6f}{line.message}" for line in self.records]
        return stable_id("log", self.tenant, self.source, self.service, *lines)

    @property
    def key(self) -> str:
        return f"{self.tenant}|{self.service}"

    @property
    def subject(self) -> str:
        return self.service


class ChangeKind(StrEnum):
    DEPLOY = "deploy"
    CONFIG = "config"
    FLAG = "flag"
    SCALE = "scale"
    OTHER = "other"


class ChangeRaw(Event):
    """Something was changed on purpose: a deploy, a config value, a flag, a scale."""

    TOPIC: ClassVar[str] = "changes.raw"
    TYPE: ClassVar[str] = "io.tocsin.change.raw"

    source: Name
    service: Name
    kind: ChangeKind = ChangeKind.OTHER
    title: Text
    """What changed, in one line: `deploy cart 1.4.2`."""
    version: str = ""
    author: str = ""
    url: str = ""
    labels: Labels = {}

    def derive_id(self) -> str:
        return stable_id(
            "chg",
            self.tenant,
            self.source,
            self.service,
            self.kind.value,
            self.title,
            f"{self.occurred_at.timestamp():.6f}",
        )

    @property
    def key(self) -> str:
        return f"{self.tenant}|{self.service}"

    @property
    def subject(self) -> str:
        return self.service
