"""What may be otherwise about an incident that is recorded elsewhere: ways to take something from one, or to add noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from agents.analysis.signals import IncidentData, KpiSeries, Topology

__all__ = ["DISTURBANCES", "Disturbance"]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """`made` takes an incident and what chance is drawn from, and returns the incident as it would have been recorded."""

    made: Callable[[IncidentData, np.random.Generator], IncidentData]
    touches: Callable[[IncidentData], object]
    """Whether there is anything in the incident that it changes."""
    draws: int = 1
    """How often to draw: once where nothing is left to chance."""


_FIFTH = 0.2
_NOISE = 0.05
_DRAWS = 3


def _as_recorded(data: IncidentData, _: np.random.Generator) -> IncidentData:
    return data


def _always(_: IncidentData) -> bool:
    return True


def _kpis(data: IncidentData) -> object:
    return data.kpis


def _no_topology(data: IncidentData, _: np.random.Generator) -> IncidentData:
    return replace(data, topology=Topology())


def _no_calls(data: IncidentData, _: np.random.Generator) -> IncidentData:
    return replace(data, calls=())


def _no_logs(data: IncidentData, _: np.random.Generator) -> IncidentData:
    return replace(data, logs=())


def _fewer_series(data: IncidentData, chance: np.random.Generator) -> IncidentData:
    return replace(data, kpis=tuple(one for one in data.kpis if chance.random() >= _FIFTH))


def _fewer_alarms(data: IncidentData, chance: np.random.Generator) -> IncidentData:
    """The alarm that everything begins with stays."""
    kept = (one for one in data.alarms if one.time == data.window.alarm_at or chance.random() >= _FIFTH)
    return replace(data, alarms=tuple(kept))


def _half_the_samples(data: IncidentData, _: np.random.Generator) -> IncidentData:
    def thinned(series: KpiSeries) -> KpiSeries:
        return replace(series, times=series.times[::2], values=series.values[::2])

    return replace(data, kpis=tuple(map(thinned, data.kpis)))


def _noisy(data: IncidentData, chance: np.random.Generator) -> IncidentData:
    """A twentieth of each value, up or down."""

    def blurred(series: KpiSeries) -> KpiSeries:
        noise = 1.0 + _NOISE * chance.standard_normal(series.values.size)
        return replace(series, values=series.values * noise)

    return replace(data, kpis=tuple(map(blurred, data.kpis)))


def _shorter_past(data: IncidentData, _: np.random.Generator) -> IncidentData:
    """Half of the baseline was not kept."""
    window = data.window
    return replace(data, window=replace(window, baseline_start=(window.baseline_start + window.start) / 2))


DISTURBANCES: Mapping[str, Disturbance] = {
    "as recorded": Disturbance(_as_recorded, _always),
    "no topology told": Disturbance(_no_topology, lambda data: data.topology.calls),
    "no calls recorded": Disturbance(_no_calls, lambda data: data.calls),
    "no logs": Disturbance(_no_logs, lambda data: data.logs),
    "a fifth of the series missing": Disturbance(_fewer_series, _kpis, _DRAWS),
    "a fifth of the alarms missing": Disturbance(_fewer_alarms, lambda data: data.alarms, _DRAWS),
    "every second sample": Disturbance(_half_the_samples, _kpis),
    "5 % of noise more": Disturbance(_noisy, _kpis, _DRAWS),
    "half of the past": Disturbance(_shorter_past, _kpis),
}
"""By what a reader of the table calls them."""
