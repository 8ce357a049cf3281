"""The shape of a shift in one series: when it began, whether it climbs, sticks to a ceiling, or stopped reporting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.analysis.findings import CauseKind
from agents.analysis.signals import FloatArray, KpiSeries, Window

__all__ = ["missing_shares", "onset_of", "plateau", "trending"]

_FULL = 0.95
_SHARE_WORDS = ("ratio", "pct", "percent", "utilization", "utilisation", "usage", "rate")


def onset_of(series: KpiSeries, before: float, after: float, window: Window) -> float:
    """Unix seconds of the first sample past a third of the way to the new level that is not alone there."""
    inside = (series.times >= window.start) & (series.times <= window.end)
    times, values = series.times[inside], series.values[inside]
    known = ~np.isnan(values)
    times, values = times[known], values[known]
    way = (values - before) / (after - before) if after != before else np.zeros_like(values)
    past = way >= 1 / 3
    held = past & np.append(past[1:], True)
    hits = np.flatnonzero(held)
    if not hits.size:
        hits = np.flatnonzero(past)
    return float(times[hits[0]]) if hits.size else window.start


def trending(values: FloatArray) -> bool:
    """Whether the samples climb or fall steadily through the whole stretch, rather than step.

    By their ranks (Spearman's correlation with time); equal samples share one, so that a flat stretch has no way.
    """
    known = values[~np.isnan(values)]
    _, place, counts = np.unique(known, return_inverse=True, return_counts=True)
    if known.size < 8 or counts.size < 2:
        return False
    shared = np.cumsum(counts) - (counts - 1) / 2
    correlation = np.corrcoef(shared[place], np.arange(known.size))[0, 1]
    return bool(abs(correlation) >= 0.9)


def plateau(kind: CauseKind, metric: str, before: FloatArray, values: FloatArray) -> bool:
    """Whether a limited quantity is at its limit: a share near full, or a pool stuck at a height new to it."""
    known, past = values[~np.isnan(values)], before[~np.isnan(before)]
    if known.size < 3 or not past.size or np.median(known) <= np.median(past):
        return False
    top = float(np.max(known))
    if kind is CauseKind.SATURATION:
        return bool(np.mean(known >= 0.999 * top) >= 0.5 and top > np.max(past))
    if kind not in {CauseKind.CPU, CauseKind.MEMORY, CauseKind.DISK} or not _is_share(metric):
        return False
    limit = 1.0 if max(top, float(np.max(past))) <= 1.05 else 100.0
    return bool(_FULL * limit <= np.median(known) and top <= 1.05 * limit)


def _is_share(metric: str) -> bool:
    return any(word in metric.lower() for word in _SHARE_WORDS)


def missing_shares(kpis: Sequence[KpiSeries], window: Window) -> list[float]:
    """Share of the samples due in the window that are missing, a series; 0 where too few are due to tell.

    Series with samples at the same times share an answer.
    """
    answers: dict[bytes, float] = {}
    shares = []
    for series in kpis:
        absent = np.isnan(series.values)
        times = series.times[~absent] if absent.any() else series.times
        name = times.tobytes()
        if name not in answers:
            answers[name] = _missing_share(times, window)
        shares.append(answers[name])
    return shares


def _missing_share(times: FloatArray, window: Window) -> float:
    healthy = times[(times >= window.baseline_start) & (times < window.start)]
    if healthy.size < 6:
        return 0.0
    step = float(np.median(np.diff(healthy)))
    due = (window.end - window.start) / step
    # What reports now and then is not missed when it pauses.
    regular = healthy.size >= 0.9 * (window.start - healthy[0]) / step
    if due < 3 or not regular:
        return 0.0
    seen = int(np.sum((times >= window.start) & (times <= window.end)))
    return max(0.0, 1.0 - seen / due)
