"""Findings become alarms: one fingerprint per series, the same each time it is derived."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple, assert_never

from schemas.events import AlarmRaw, AlarmStatus, Severity
from schemas.ids import stable_id
from streams.detect.findings import Finding, Kind

__all__ = ["SOURCE", "SeriesName", "alarm_of"]

SOURCE = "detect"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = {
    Kind.LEVEL_SHIFT: "KpiLevelShift",
    Kind.SPIKE: "KpiSpike",
    Kind.TREND: "KpiTrend",
    Kind.UNUSUAL: "KpiUnusual",
    Kind.MISSING: "KpiMissing",
}
_ENTITY_LABELS = ("instance", "pod", "container", "entity")
_HOST_LABELS = ("host", "node")
_CRITICAL, _MAJOR = 40.0, 12.0


class SeriesName(NamedTuple):
    """What an alarm is about. Without a metric: all of an entity's metrics, or, without labels, of a service's."""

    tenant: str
    service: str
    metric: str
    labels: tuple[tuple[str, str], ...]
    """Sorted by name."""


def alarm_of(name: SeriesName, finding: Finding) -> AlarmRaw:
    """Return the alarm event; its id follows from the series, the kind of silence or change, and when that began."""
    labels = dict(name.labels)
    status = AlarmStatus.FIRING if finding.firing else AlarmStatus.CLEARED
    return AlarmRaw(
        tenant=name.tenant,
        occurred_at=_at(finding.at_ms),
        source=SOURCE,
        fingerprint=fingerprint_of(name, finding.kind),
        name=_NAMES[finding.kind],
        service=name.service,
        status=status,
        severity=_severity(finding, name),
        started_at=_at(finding.started_ms),
        entity=next((labels[key] for key in _ENTITY_LABELS if key in labels), ""),
        host=next((labels[key] for key in _HOST_LABELS if key in labels), ""),
        indicator=name.metric,
        value=finding.value,
        summary=_summary(name, finding),
        labels=labels,
    )


def fingerprint_of(name: SeriesName, kind: Kind) -> str:
    """A series' changes share a fingerprint; its silence and its records have their own: all may be true at once."""
    apart = Kind.UNUSUAL.value if kind is Kind.UNUSUAL else str(kind is Kind.MISSING)
    parts = [part for label in name.labels for part in label]
    return stable_id("det", name.tenant, name.service, name.metric, apart, *parts)


def _at(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _severity(finding: Finding, name: SeriesName) -> Severity:
    if not finding.firing:
        return Severity.CLEARED
    if finding.kind is Kind.MISSING:
        return Severity.MINOR if name.metric else Severity.MAJOR
    if finding.size is None or finding.kind is Kind.UNUSUAL:
        return Severity.WARNING
    if finding.size >= _CRITICAL:
        return Severity.CRITICAL
    return Severity.MAJOR if finding.size >= _MAJOR else Severity.MINOR


def _summary(name: SeriesName, finding: Finding) -> str:
    what = f"{name.metric or 'every metric'} of {name.service}"
    seconds = (finding.at_ms - finding.started_ms) / 1000
    if not finding.firing:
        return _ended(what, finding, seconds)
    match finding.kind:
        case Kind.LEVEL_SHIFT:
            return f"{what} went from about {finding.expected:.4g} to {finding.value:.4g}{_size(finding)} and has stayed for {seconds:.0f} s"
        case Kind.SPIKE:
            return f"{what} jumped to {finding.value:.4g} from about {finding.expected:.4g}{_size(finding)} and came back after {seconds:.0f} s"
        case Kind.TREND:
            return f"{what} has been moving from {finding.expected:.4g} to {finding.value:.4g}{_size(finding)} for {seconds:.0f} s"
        case Kind.UNUSUAL:
            return f"{what} reached {finding.value:.4g} from about {finding.expected:.4g}{_size(finding)}, farther than it is known to go"
        case Kind.MISSING:
            return f"{what} stopped reporting {seconds:.0f} s ago"
        case _:
            assert_never(finding.kind)


def _size(finding: Finding) -> str:
    return "" if finding.size is None else f" ({finding.size:.1f} deviations)"


def _ended(what: str, finding: Finding, seconds: float) -> str:
    if finding.kind is Kind.MISSING:
        end = "is no longer expected" if finding.adopted else "reports again"
    elif finding.kind is Kind.UNUSUAL:
        end = "has gone no farther"
    elif finding.adopted:
        end = f"has stayed near {finding.value:.4g}, which is now taken as normal,"
    else:
        end = "is back to normal" if finding.value is None else f"is back to normal at {finding.value:.4g}"
    return f"{what} {end} after {seconds:.0f} s"
