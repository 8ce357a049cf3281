"""Which KPIs left their normal range in the incident window: how far, when, which way, of what shape."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.metrics import RESOURCES, SYMPTOMS, is_share, nature_of
from agents.analysis.shapes import missing_shares, onset_of, plateau, trending
from agents.analysis.shifts import Shift, measure
from agents.analysis.signals import FloatArray, KpiSeries, Window
from agents.analysis.words import clock, from_to, times_as_much

__all__ = ["analyse_kpis"]

# What can be seen of a service from outside; any other metric proves that it is measured within.
_OUTWARD = SYMPTOMS | {CauseKind.TRAFFIC}
# Load explains a resource that moved with it by up to this power of the load's own change.
_LOAD_ELASTICITY = 1.3


def analyse_kpis(kpis: Sequence[KpiSeries], window: Window) -> tuple[Finding, ...]:
    """Findings on the series, strongest first; one `normal` finding for each service without a notable one.

    A service's `normal` finding carries its strongest score (below 1), so that weak evidence can still order a
    tail. Series with too few healthy samples are skipped; without any usable series the answer
    is one `no_data` finding.
    """
    ordered = sorted(kpis, key=lambda k: (k.service, k.metric))
    measured = measure(ordered, window)
    if not measured:
        return (_no_data(window),)
    surroundings = _Surroundings.of(kpis, measured)
    judged = _discount_load(measured)
    findings = [_finding(surroundings.added_to(shift), window) for shift in judged if shift.score >= 1]
    findings += _absences(ordered, window)
    loud = {finding.service for finding in findings}
    findings += _normals([shift for shift in judged if shift.series.service not in loud], surroundings)
    return tuple(sorted(findings, key=lambda f: (-(f.score or 0.0), f.subject)))


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What a finding says of a series beyond itself: which services are measured within, and each one's latency."""

    within: frozenset[str]
    slowest: Mapping[str, Shift]

    @classmethod
    def of(cls, kpis: Sequence[KpiSeries], shifts: Sequence[Shift]) -> Self:
        within = frozenset(k.service for k in kpis if nature_of(k.metric).kind not in _OUTWARD)
        return cls(within, _slowest(shifts))

    def added_to(self, shift: Shift) -> Shift:
        service = shift.series.service
        return replace(shift, instrumented=service in self.within, slowest=self.slowest.get(service))


def _slowest(shifts: Sequence[Shift]) -> dict[str, Shift]:
    """Each service's latency metric of the highest usual level, of those that it measures as the one called."""
    found: dict[str, Shift] = {}
    for shift in shifts:
        service = shift.series.service
        if shift.nature.kind is CauseKind.LATENCY and not shift.nature.client:
            found[service] = max(shift, found.get(service, shift), key=lambda s: s.before)
    return found


def _discount_load(shifts: Sequence[Shift]) -> list[Shift]:
    """A resource that moved with the service's own load is that load's doing, and weighs a quarter."""
    loads: dict[str, list[float]] = {}
    for shift in shifts:
        if shift.nature.kind is CauseKind.TRAFFIC and shift.before > 0 and shift.after > 0:
            loads.setdefault(shift.series.service, []).append(math.log(shift.after / shift.before))
    typical = {service: float(np.median(changes)) for service, changes in loads.items()}
    return [
        replace(shift, score=shift.score / 4, load_explained=True)
        if _explained(shift, typical.get(shift.series.service, 0.0))
        else shift
        for shift in shifts
    ]


def _explained(shift: Shift, load: float) -> bool:
    if shift.nature.kind not in RESOURCES or shift.before <= 0 or shift.after <= 0:
        return False
    moved = math.log(shift.after / shift.before)
    return load * moved > 0 and abs(moved) <= _LOAD_ELASTICITY * abs(load)


def _finding(shift: Shift, window: Window) -> Finding:
    series = shift.series
    values = series.values
    onset = onset_of(series, shift.before, shift.after, window)
    kind = _shape(shift, values, window)
    return Finding(
        source=Source.KPIS,
        kind=kind,
        service=series.service,
        indicator=series.metric,
        subject=f"{series.service}|{series.metric}|{kind}",
        statement=_sentence(shift, kind, onset),
        score=shift.score,
        onset=onset,
        direction=shift.direction,
        data=_figures(shift),
    )


def _figures(shift: Shift) -> Mapping[str, str | float | bool | None]:
    return {
        "metric_kind": shift.nature.kind.value,
        "good_high": shift.nature.good_high,
        "client": shift.nature.client,
        "starved": shift.nature.starved,
        "before": shift.before,
        "after": shift.after,
        "ratio": shift.after / shift.before if shift.before else None,
        "unit": shift.series.unit,
        "load_explained": shift.load_explained,
        "instrumented": shift.instrumented,
        "latency_level": shift.slowest.before if shift.slowest else None,
        "latency_unit": shift.slowest.series.unit if shift.slowest else None,
        "host": shift.series.labels.get("host"),
    }


def _shape(shift: Shift, values: FloatArray, window: Window) -> FindingKind:
    part = values[shift.start : shift.stop]
    if plateau(shift.nature.kind, shift.series.metric, values[: shift.start], part):
        return FindingKind.SATURATION
    if trending(part):
        return FindingKind.TREND
    over = shift.series.times[shift.stop :]
    if over.size and over[0] <= window.end and (shift.stop - shift.start) <= over.size:
        return FindingKind.SPIKE
    return FindingKind.LEVEL_SHIFT


_VERBS = {
    FindingKind.SATURATION: ("is at its limit: it went", "is at its limit: it went"),
    FindingKind.TREND: ("keeps rising: it went", "keeps falling: it went"),
    FindingKind.SPIKE: ("spiked", "dipped"),
}


def _sentence(shift: Shift, kind: FindingKind, onset: float) -> str:
    up, down = _VERBS.get(kind, ("rose", "fell"))
    series = shift.series
    share = series.unit == "1" and is_share(series.metric)
    text = (
        f"{series.service} {series.metric} {up if shift.direction > 0 else down} "
        f"{from_to(shift.before, shift.after, series.unit, share=share)}"
        f"{times_as_much(shift.before, shift.after)} at {clock(onset)}"
    )
    return f"{text}, in step with its load" if shift.load_explained else text


def _absences(kpis: Sequence[KpiSeries], window: Window) -> list[Finding]:
    """One finding a service whose series stopped reporting."""
    gone: dict[str, list[str]] = {}
    for series, missing in zip(kpis, missing_shares(kpis, window), strict=True):
        if missing >= 0.8:
            gone.setdefault(series.service, []).append(series.metric)
    return [
        Finding(
            source=Source.KPIS,
            kind=FindingKind.MISSING_DATA,
            service=service,
            indicator=metrics[0],
            subject=f"{service}|{metrics[0]}|{FindingKind.MISSING_DATA}",
            statement=f"{service} stopped reporting {len(metrics)} of its metrics, {metrics[0]} among them",
            score=1.0,
            onset=window.start,
            data={"metrics": len(metrics), "metric_kind": CauseKind.UNKNOWN.value},
        )
        for service, metrics in sorted(gone.items())
    ]


def _normals(shifts: Sequence[Shift], surroundings: _Surroundings) -> list[Finding]:
    services: dict[str, list[Shift]] = {}
    for shift in shifts:
        services.setdefault(shift.series.service, []).append(shift)
    findings = []
    for service, own in sorted(services.items()):
        top = max(own, key=lambda s: (s.score, s.series.metric))
        findings.append(
            Finding(
                source=Source.KPIS,
                kind=FindingKind.NORMAL,
                service=service,
                indicator=top.series.metric,
                subject=f"{service}||{FindingKind.NORMAL}",
                statement=f"{service}: all {len(own)} metrics stayed in their normal range",
                score=top.score,
                direction=top.direction,
                data={**_figures(surroundings.added_to(top)), "metrics": len(own)},
            )
        )
    return findings


def _no_data(window: Window) -> Finding:
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.NO_DATA,
        service="",
        subject=f"||{FindingKind.NO_DATA}",
        statement=f"No KPI has samples both before and after {clock(window.start)}",
    )
