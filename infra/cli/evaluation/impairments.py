"""What stands between what happens and who investigates it, done to what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, assert_never

import numpy as np

from agents.analysis.signals import AlarmRecord, KpiSeries, LogRecord
from infra.cli.evaluation.declared import (
    FlappingAlarm,
    GoesSilent,
    Holes,
    LateAlarm,
    NoLogs,
    NoMetrics,
    NoTopology,
    Raised,
    Said,
    Seen,
    Silenced,
    Skewed,
    Sparse,
    Unreachable,
)
from infra.cli.evaluation.recorded import Recorded
from infra.local.shop.staging import Role

__all__ = ["impaired"]

_R = TypeVar("_R", KpiSeries, LogRecord, AlarmRecord)
_Cast = Mapping[Role, str]


def impaired(told: Recorded, seen: Sequence[Seen], cast: _Cast, onset: float, seed: int) -> Recorded:
    """Return what is left, or added, by each in turn. `onset` is unix seconds; `seed` draws what is random."""
    for one in seen:
        told = _one(told, one, cast, onset, seed)
    return told


def _one(told: Recorded, one: Seen, cast: _Cast, onset: float, seed: int) -> Recorded:  # noqa: C901, PLR0911, PLR0912 - a case each
    match one:
        case NoMetrics(of):
            return replace(told, kpis=_others(told.kpis, of, cast))
        case NoLogs(of):
            return replace(told, logs=_others(told.logs, of, cast))
        case NoTopology():
            return replace(told, topology=False)
        case Unreachable() | LateAlarm():
            return told  # the ports, and the choice of the window, see to these
        case Skewed():
            return _skewed(told, one, cast[one.of])
        case Sparse(step_s):
            return replace(told, kpis=tuple(_kept(k, _firsts(k, step_s)) for k in told.kpis))
        case Holes(share):
            rng = np.random.default_rng(seed)
            return replace(told, kpis=tuple(_kept(k, rng.random(k.times.size) >= share) for k in told.kpis))
        case GoesSilent(of):
            return _silent(told, cast[of], onset)
        case FlappingAlarm():
            return replace(told, alarms=(*told.alarms, *_flapping(one, cast[one.of], onset)))
        case Raised():
            return replace(told, alarms=(*told.alarms, _raised(one, cast[one.of], onset)))
        case Said():
            return replace(told, logs=(*told.logs, *_said(one, cast, onset)))
        case Silenced(of):
            return replace(told, alarms=_others(told.alarms, of, cast))
        case _:
            assert_never(one)


def _others(records: tuple[_R, ...], of: Sequence[Role], cast: _Cast) -> tuple[_R, ...]:
    """What is not of these; no roles are everybody."""
    names = {cast[role] for role in of}
    return tuple(one for one in records if names and one.service not in names)


def _skewed(told: Recorded, skew: Skewed, service: str) -> Recorded:
    by = skew.seconds
    kpis = (
        _moved(told.kpis, service, lambda one: replace(one, times=one.times + by))
        if skew.metrics
        else told.kpis
    )
    logs = (
        _moved(told.logs, service, lambda one: replace(one, time=one.time + by)) if skew.logs else told.logs
    )
    alarms = (
        _moved(told.alarms, service, lambda one: replace(one, time=one.time + by))
        if skew.alarms
        else told.alarms
    )
    return replace(
        told, kpis=kpis, logs=logs, alarms=alarms, skew_s=max(told.skew_s, -by if skew.alarms else 0.0)
    )


def _moved(records: tuple[_R, ...], service: str, move: Callable[[_R], _R]) -> tuple[_R, ...]:
    return tuple(move(one) if one.service == service else one for one in records)


def _firsts(series: KpiSeries, step_s: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """The first sample of each step."""
    steps = np.floor(series.times / step_s)
    return np.append(True, np.diff(steps) > 0)


def _kept(series: KpiSeries, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> KpiSeries:
    landed = None if series.landed is None else series.landed[keep]
    return replace(series, times=series.times[keep], values=series.values[keep], landed=landed)


def _silent(told: Recorded, service: str, onset: float) -> Recorded:
    kpis = tuple(_kept(k, k.times < onset) if k.service == service else k for k in told.kpis)
    logs = tuple(one for one in told.logs if one.service != service or one.time < onset)
    return replace(told, kpis=kpis, logs=logs)


def _flapping(flapping: FlappingAlarm, service: str, onset: float) -> list[AlarmRecord]:
    """It fires and clears before the one that opens the incident, which fires at the onset."""
    first = onset - flapping.every_s * (flapping.times - 1)
    firing = [
        AlarmRecord(
            time=first + i * flapping.every_s,
            service=service,
            name=flapping.name,
            severity="minor",
            indicator=flapping.indicator,
            detail=f"{service}: {flapping.indicator} is above its threshold",
        )
        for i in range(flapping.times)
    ]
    over = [
        replace(one, time=one.time + flapping.every_s / 2, severity="cleared", cleared=True) for one in firing
    ]
    return sorted([*firing, *over], key=lambda one: one.time)


def _raised(raised: Raised, service: str, onset: float) -> AlarmRecord:
    return AlarmRecord(
        time=onset + raised.after_s,
        service=service,
        name=raised.name,
        indicator=raised.indicator,
        detail=raised.detail.format(service=service),
    )


def _said(said: Said, cast: _Cast, onset: float) -> list[LogRecord]:
    words = said.words.format_map({role.value: name for role, name in cast.items()})
    return [LogRecord(onset + 2.0 * i, cast[said.of], words, said.severity) for i in range(said.times)]
