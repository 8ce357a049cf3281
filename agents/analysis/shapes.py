"""The shape of a shift in one series: whether it climbs, or sticks to a ceiling."""

from __future__ import annotations

import numpy as np

from agents.analysis.findings import CauseKind
from agents.analysis.metrics import may_be_share
from agents.analysis.signals import FloatArray

__all__ = ["plateau", "trending"]

_FULL = 0.95
_SHARE_WORDS = ("ratio", "pct", "percent", "utilization", "utilisation", "usage", "rate")
_MIN_CLIMB = 8
_MIN_PLATEAU = 3


def trending(values: FloatArray) -> bool:
    """Whether the samples climb or fall steadily through the whole stretch, rather than step.

    By their ranks (Spearman's correlation with time); equal samples share one, so that a flat stretch has no way.
    """
    if values.size < _MIN_CLIMB:
        return False
    known = values[~np.isnan(values)]
    _, place, counts = np.unique(known, return_inverse=True, return_counts=True)
    if known.size < _MIN_CLIMB or counts.size < 2:
        return False
    shared = np.cumsum(counts) - (counts - 1) / 2
    correlation = np.corrcoef(shared[place], np.arange(known.size))[0, 1]
    return bool(abs(correlation) >= 0.9)


def plateau(kind: CauseKind, metric: str, before: FloatArray, values: FloatArray, unit: str = "") -> bool:
    """Whether a limited quantity is at its limit: a share near full, or a pool stuck at a height new to it."""
    share = kind in {CauseKind.CPU, CauseKind.MEMORY, CauseKind.DISK} and _is_share(metric, unit)
    if not share and kind is not CauseKind.SATURATION:
        return False
    known, past = values[~np.isnan(values)], before[~np.isnan(before)]
    if known.size < _MIN_PLATEAU or not past.size or np.median(known) <= np.median(past):
        return False
    top = float(np.max(known))
    if not share:
        return bool(np.mean(known >= 0.999 * top) >= 0.5 and top > np.max(past))
    limit = 1.0 if max(top, float(np.max(past))) <= 1.05 else 100.0
    return bool(_FULL * limit <= np.median(known) and top <= 1.05 * limit)


def _is_share(metric: str, unit: str) -> bool:
    return may_be_share(unit) and any(word in metric.lower() for word in _SHARE_WORDS)
