"""Who may call whom, where no topology is given and no call is recorded: from latencies that move together.

A caller waits for those it calls: its latency takes part in their ups and downs, and is the longer one. That is a
hint and no knowledge: a common cause moves latencies together too. So what is learned here is marked as learned,
carries its certainty (never above one half), and explains symptoms by no more than that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.metrics import nature_of
from agents.analysis.signals import FloatArray, KpiSeries, Window
from agents.analysis.words import figure, percent

__all__ = ["analyse_comovement", "learned_calls"]

_MOST_CERTAIN = 0.5
# Correlations below this are common among services that have nothing to do with one another but the time of day.
_LEAST = 0.4
# So many standard errors from nothing: of a hundred services' ten thousand pairs hardly one gets there by chance.
_SIGMAS = 4.0
_MIN_SAMPLES = 20
# Of one that could be called by many, those of the strongest ties: more would explain anything by anybody.
_CALLERS = 2
# From this many services on, what all do at once is told apart from what two do.
_CROWD = 5


@dataclass(frozen=True, slots=True)
class _Latencies:
    """`moves[i]` are the ranks of service i's changes from sample to sample, centred and of length 1."""

    services: tuple[str, ...]
    levels: FloatArray
    moves: FloatArray


def learned_calls(findings: Iterable[Finding]) -> dict[tuple[str, str], float]:
    """Certainty in (0, 1] by caller and callee, as the findings tell."""
    return {
        (str(f.data["caller"]), f.service): float(certainty)
        for f in findings
        if f.kind is FindingKind.LEARNED_CALL
        and f.data.get("caller")
        and isinstance(certainty := f.data.get("certainty"), (int, float))
    }


def analyse_comovement(kpis: Sequence[KpiSeries], window: Window) -> tuple[Finding, ...]:
    """One `learned_call` finding a pair whose latencies move together, the surest first; none where none do.

    `service` is the one called; `data` holds `caller`, `certainty`, `correlation` and `samples`. Needs
    more than twenty samples of latency of two services in [baseline_start, end].
    """
    latencies = _latencies(kpis, window)
    if latencies is None:
        return ()
    together = latencies.moves @ latencies.moves.T
    samples = latencies.moves.shape[1]
    least = max(_LEAST, _SIGMAS / math.sqrt(samples))
    found: list[Finding] = []
    for callee, name in enumerate(latencies.services):
        longer = np.flatnonzero(latencies.levels > latencies.levels[callee])
        nearest = sorted(longer, key=lambda i: (-together[i, callee], latencies.services[i]))[:_CALLERS]
        found += [
            _finding(latencies.services[caller], name, float(together[caller, callee]), least, samples)
            for caller in nearest
            if together[caller, callee] > least
        ]
    return tuple(sorted(found, key=lambda f: (-(f.score or 0.0), f.subject)))


def _latencies(kpis: Sequence[KpiSeries], window: Window) -> _Latencies | None:
    """Each service's slowest latency on one time grid; None where there are too few services or samples."""
    probes = _probes(kpis)
    if len(probes) < 2:
        return None
    grid = max((series.times for series in probes.values()), key=lambda times: (times.size, times.tolist()))
    grid = grid[(grid >= window.baseline_start) & (grid <= window.end)]
    if grid.size < _MIN_SAMPLES + 1:
        return None
    services = tuple(probes)
    rows = np.stack([_resampled(probes[service], grid) for service in services])
    changes = np.diff(rows, axis=1)
    if len(services) >= _CROWD:
        changes = changes - np.median(changes, axis=0)
    return _Latencies(services, np.median(rows, axis=1), _ranked(changes))


def _probes(kpis: Sequence[KpiSeries]) -> dict[str, KpiSeries]:
    """The slowest latency metric of each service, as it measures it itself, in the unit that most have."""
    probes: dict[str, tuple[float, str, KpiSeries]] = {}
    for series in kpis:
        nature = nature_of(series.metric)
        known = series.values[~np.isnan(series.values)]
        if nature.kind is CauseKind.LATENCY and not nature.client and known.size >= _MIN_SAMPLES:
            here = float(np.median(known)), series.metric, series
            if series.service not in probes or here[:2] > probes[series.service][:2]:
                probes[series.service] = here
    units = [series.unit for _, _, series in probes.values()]
    usual = max(sorted(set(units)), key=units.count, default="")
    return {name: probes[name][2] for name in sorted(probes) if probes[name][2].unit == usual}


def _resampled(series: KpiSeries, grid: FloatArray) -> FloatArray:
    known = ~np.isnan(series.values)
    return np.interp(grid, series.times[known], series.values[known])


def _ranked(changes: FloatArray) -> FloatArray:
    """Ranks within each row, centred and of length 1: their products are Spearman's correlations."""
    order = np.argsort(np.argsort(changes, axis=1, kind="stable"), axis=1, kind="stable").astype(np.float64)
    centred = order - (changes.shape[1] - 1) / 2
    still = np.ptp(changes, axis=1) == 0
    centred[still] = 0.0
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    ranked: FloatArray = centred / np.where(length > 0, length, 1.0)
    return ranked


def _finding(caller: str, callee: str, correlation: float, least: float, samples: int) -> Finding:
    certainty = _MOST_CERTAIN * (correlation - least) / (1.0 - least)
    return Finding(
        source=Source.TOPOLOGY,
        kind=FindingKind.LEARNED_CALL,
        service=callee,
        subject=f"{callee}|{caller}|{FindingKind.LEARNED_CALL}",
        statement=(
            f"{caller} seems to call {callee}: their latencies move together (correlation {figure(correlation)} "
            f"over {samples} samples); learned, {percent(certainty)} certain"
        ),
        score=certainty,
        data={"caller": caller, "certainty": certainty, "correlation": correlation, "samples": samples},
    )
