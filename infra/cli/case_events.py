"""A recorded incident as the events that its sources would have sent, moved to a time of our choosing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np

from agents.analysis.signals import AlarmRecord, ChangeRecord, IncidentData, KpiSeries, LogRecord, Topology
from schemas.control import ServiceTopology
from schemas.events import (
    AlarmRaw,
    AlarmStatus,
    ChangeKind,
    ChangeRaw,
    Event,
    KpiBatch,
    KpiSamples,
    LogBatch,
    LogLine,
    LogSeverity,
    Severity,
)

__all__ = ["CaseEvents", "service_topology"]

_SOURCE = "replay"
_LINES = 500
_SAMPLES = 20_000
_UNKNOWN = "unknown"
_R = TypeVar("_R", KpiSeries, LogRecord)


@dataclass(frozen=True, slots=True)
class CaseEvents:
    """The events of one case; `shift_s` is added to every time."""

    data: IncidentData
    tenant: str
    shift_s: float

    def telemetry(self) -> Iterator[Event]:
        """KPI batches, log batches and changes."""
        yield from self._kpis()
        yield from self._logs()
        for change in self.data.changes:
            yield self._change(change)

    def alarms(self) -> tuple[AlarmRaw, ...]:
        """The case's alarms in order of time; the alarm that opened the case where it has no stream of them."""
        records = sorted(self.data.alarms, key=lambda one: one.time) or [self._opening()]
        return tuple(self._alarm(one) for one in records)

    def at(self, unix_s: float) -> datetime:
        return datetime.fromtimestamp(unix_s + self.shift_s, UTC)

    def _opening(self) -> AlarmRecord:
        return AlarmRecord(
            time=self.data.window.alarm_at,
            service=self.data.alarm_service or _UNKNOWN,
            name=self.data.alarm_indicator or "alarm",
            indicator=self.data.alarm_indicator,
        )

    def _alarm(self, record: AlarmRecord) -> AlarmRaw:
        at = self.at(record.time)
        parts = (record.service, record.entity, record.name, record.kind, record.detail)
        return AlarmRaw(
            tenant=self.tenant,
            occurred_at=at,
            source=_SOURCE,
            fingerprint="/".join(parts)[:256],
            name=record.name or "alarm",
            service=record.service or _UNKNOWN,
            status=AlarmStatus.CLEARED if record.cleared else AlarmStatus.FIRING,
            severity=Severity.CLEARED if record.cleared else Severity(record.severity),
            started_at=at,
            entity=record.entity,
            host=record.host,
            indicator=record.indicator,
            summary=record.detail,
            labels={"kind": record.kind} if record.kind else {},
        )

    def _change(self, record: ChangeRecord) -> ChangeRaw:
        return ChangeRaw(
            tenant=self.tenant,
            occurred_at=self.at(record.time),
            source=_SOURCE,
            service=record.service or _UNKNOWN,
            kind=ChangeKind(record.kind),
            title=record.title,
        )

    def _kpis(self) -> Iterator[Event]:
        for service, series in _by_service(self.data.kpis).items():
            for group in _groups(series):
                yield self._batch(service, group)

    def _batch(self, service: str, group: Sequence[KpiSeries]) -> KpiBatch:
        return KpiBatch(
            tenant=self.tenant,
            occurred_at=self.at(max(float(one.times[-1]) for one in group)),
            source=_SOURCE,
            service=service,
            series=tuple(self._samples(one) for one in group),
        )

    def _samples(self, one: KpiSeries) -> KpiSamples:
        times = np.rint((one.times + self.shift_s) * 1000).astype(np.int64)
        return KpiSamples(
            metric=one.metric or "value",
            labels=dict(one.labels),
            unit=one.unit,
            times_ms=tuple(times.tolist()),
            values=tuple(one.values.tolist()),
        )

    def _logs(self) -> Iterator[Event]:
        for service, lines in _by_service(self.data.logs).items():
            ordered = sorted(lines, key=lambda one: one.time)
            for first in range(0, len(ordered), _LINES):
                part = ordered[first : first + _LINES]
                yield LogBatch(
                    tenant=self.tenant,
                    occurred_at=self.at(part[-1].time),
                    source=_SOURCE,
                    service=service,
                    records=tuple(self._line(one) for one in part),
                )

    def _line(self, record: LogRecord) -> LogLine:
        known = record.severity in set(LogSeverity)
        severity = LogSeverity(record.severity) if known else LogSeverity.INFO
        return LogLine(
            at=self.at(record.time),
            severity=severity,
            message=record.message[:32_000],
            trace_id=record.trace_id,
        )


def service_topology(tenant: str, topology: Topology) -> ServiceTopology:
    """Return the control plane's form of a case's topology."""
    calls = {service: tuple(sorted(callees)) for service, callees in topology.calls.items()}
    return ServiceTopology(tenant=tenant, calls=calls, hosts=dict(topology.hosted_on))


def _by_service(records: Iterable[_R]) -> dict[str, list[_R]]:
    found: dict[str, list[_R]] = defaultdict(list)
    for record in records:
        found[record.service or _UNKNOWN].append(record)
    return found


def _groups(series: Sequence[KpiSeries]) -> Iterator[list[KpiSeries]]:
    """Cut a service's series so that no batch holds too many samples for one message."""
    group: list[KpiSeries] = []
    held = 0
    for one in series:
        if group and held + one.times.size > _SAMPLES:
            yield group
            group, held = [], 0
        if one.times.size:
            group.append(one)
            held += one.times.size
    if group:
        yield group
