"""Which KPIs left their normal range in the incident window: how far, when, which way, of what shape."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from agents.analysis.absences import reporting
from agents.analysis.findings import CauseKind, Finding
from agents.analysis.grids import Grid, grids_of
from agents.analysis.kpi_findings import (
    Judged,
    Surroundings,
    absent_finding,
    normal_finding,
    nothing_measured,
    shift_finding,
    silence_of_all,
    spread_finding,
)
from agents.analysis.metrics import OUTWARD, RESOURCES, nature_of
from agents.analysis.onsets import Onset, onsets
from agents.analysis.shifts import EXPLAINED, Shift, measured_together
from agents.analysis.signals import KpiSeries, Window
from agents.analysis.spread import spreads
from agents.analysis.stacks import stacked
from agents.analysis.stay_findings import staying

__all__ = ["analyse_kpis"]

# Load explains a resource that moved with it by up to this power of the load's own change.
_LOAD_ELASTICITY = 1.3
# So large a part of all services does not fail to report at once: what collects their data does.
_MOST = 2 / 3
_MIN_SERVICES = 3


def analyse_kpis(
    kpis: Sequence[KpiSeries], window: Window, compared: Collection[str] = ()
) -> tuple[Finding, ...]:
    """Findings on the series, strongest first; one `normal` finding for each service without a notable one.

    A service's `normal` finding carries its strongest score (below 1), so that weak evidence can still order a
    tail. Series with too few healthy samples are skipped; without any usable series the answer is one `no_data`
    finding. Of several series of one name (by label) the strongest is told. Buckets of histograms are no measurement.
    Of the services `compared` with other days, where their series hold such, it is also told what stayed away today.
    """
    kpis = [one for one in kpis if "le" not in one.labels]
    grids = grids_of(sorted(kpis, key=lambda k: (k.service, k.metric, sorted(k.labels.items()))))
    shifts = _strongest(measured_together(grids, window))
    if not shifts:
        return (nothing_measured(window),)
    about = _surroundings(kpis, shifts)
    judged = _discount_load(shifts)
    findings = _loud([one for one in judged if one.score >= 1.0], about, window)
    findings += _varying([one for one in judged if one.score < 1.0], about, window)
    named = {(finding.service, finding.indicator) for finding in findings}
    findings += staying(grids, window, compared, named, about)
    findings += _absences(grids, window)
    told = {finding.service for finding in findings}
    findings += _normals([one for one in judged if one.shift.series.service not in told], about, window)
    return tuple(sorted(findings, key=lambda f: (-(f.score or 0.0), f.subject)))


def _strongest(shifts: Iterable[Shift]) -> list[Shift]:
    best: dict[tuple[str, str], Shift] = {}
    for shift in shifts:
        name = shift.series.service, shift.series.metric
        if name not in best or shift.score > best[name].score:
            best[name] = shift
    return list(best.values())


def _surroundings(kpis: Sequence[KpiSeries], shifts: Sequence[Shift]) -> dict[str, Surroundings]:
    """What a finding says of each service: is it measured within, and its slowest metric of its own answers."""
    within = {k.service for k in kpis if nature_of(k.metric).kind not in OUTWARD}
    slowest: dict[str, Shift] = {}
    for shift in shifts:
        service = shift.series.service
        if shift.nature.kind is CauseKind.LATENCY and not shift.nature.client:
            slowest[service] = max(slowest.get(service, shift), shift, key=lambda s: s.before)
    apart = _apart(kpis)
    return {
        service: Surroundings(service in within, slowest.get(service), apart.get(service, {}))
        for service in {shift.series.service for shift in shifts}
    }


def _apart(kpis: Sequence[KpiSeries]) -> dict[str, dict[str, list[str]]]:
    """By service and metric the labels whose values are not the same in all its series."""
    several: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for one in kpis:
        several.setdefault((one.service, one.metric), []).append(one.labels)
    found: dict[str, dict[str, list[str]]] = {}
    for (service, metric), told in several.items():
        keys = sorted({key for labels in told for key in labels}) if len(told) > 1 else []
        found.setdefault(service, {})[metric] = [
            key for key in keys if len({labels.get(key) for labels in told}) > 1
        ]
    return found


def _discount_load(shifts: Sequence[Shift]) -> list[Judged]:
    """A resource that moved with the service's own load is that load's doing, and weighs a quarter."""
    loads: dict[str, list[float]] = {}
    for shift in shifts:
        if shift.nature.kind is CauseKind.TRAFFIC and shift.before > 0 and shift.after > 0:
            loads.setdefault(shift.series.service, []).append(math.log(shift.after / shift.before))
    typical = {service: float(np.median(changes)) for service, changes in loads.items()}
    return [
        Judged(shift, shift.score * EXPLAINED, load_explained=True)
        if _explained(shift, typical.get(shift.series.service, 0.0))
        else Judged(shift, shift.score)
        for shift in shifts
    ]


def _explained(shift: Shift, load: float) -> bool:
    if not load or shift.nature.kind not in RESOURCES or shift.before <= 0 or shift.after <= 0:
        return False
    moved = math.log(shift.after / shift.before)
    return load * moved > 0 and abs(moved) <= _LOAD_ELASTICITY * abs(load)


def _loud(loud: Sequence[Judged], about: Mapping[str, Surroundings], window: Window) -> list[Finding]:
    begun = _begun([one.shift for one in loud], window)
    return [
        shift_finding(one, onset, about[one.shift.series.service], window)
        for one, onset in zip(loud, begun, strict=True)
    ]


def _begun(shifts: Sequence[Shift], window: Window) -> list[Onset]:
    """The onset of each, those of a grid together."""
    by_grid: dict[int, list[Shift]] = {}
    for shift in shifts:
        by_grid.setdefault(id(shift.grid), []).append(shift)
    found: dict[int, Onset] = {}
    for group in by_grid.values():
        grid = group[0].grid
        levels = np.array([(shift.before, shift.after) for shift in group])
        values = grid.values[[shift.row for shift in group]]
        begun = onsets(grid.times, values, levels[:, 0], levels[:, 1], window)
        found.update(zip(map(id, group), begun, strict=True))
    return [found[id(shift)] for shift in shifts]


def _varying(quiet: Sequence[Judged], about: Mapping[str, Surroundings], window: Window) -> list[Finding]:
    """Series whose level stayed, and that vary otherwise than before."""
    by_row = {(id(one.shift.grid), one.shift.row): one.shift for one in quiet}
    rows: dict[int, list[Shift]] = {}
    for shift in by_row.values():
        rows.setdefault(id(shift.grid), []).append(shift)
    parts = [(own[0].grid, [shift.row for shift in own]) for own in rows.values()]
    findings = []
    for stack in stacked(parts, window):
        for spread in spreads(stack.grid, range(len(stack.places)), window):
            grid, row = stack.places[spread.row]
            if spread.score >= 1.0:
                shift = by_row[id(grid), row]
                findings.append(spread_finding(shift, spread, about[shift.series.service], window))
    return findings


def _absences(grids: Sequence[Grid], window: Window) -> list[Finding]:
    """One finding a service whose series stopped or have holes; one in all where most services fell silent at once."""
    found = reporting(grids, window)
    services = {absence.service for absence in found.absent}
    if len(found.regular) >= _MIN_SERVICES and len(services) >= _MOST * len(found.regular):
        return [silence_of_all(found, window)]
    return [
        absent_finding([one for one in found.absent if one.service == service], found.regular[service])
        for service in sorted(services)
    ]


def _normals(quiet: Sequence[Judged], about: Mapping[str, Surroundings], window: Window) -> list[Finding]:
    services: dict[str, list[Judged]] = {}
    for one in quiet:
        services.setdefault(one.shift.series.service, []).append(one)
    return [
        normal_finding(
            max(own, key=lambda one: (one.score, one.shift.series.metric)), len(own), about[service], window
        )
        for service, own in sorted(services.items())
    ]
