"""When the lines of an incident begin to be its own: the moment that divides them from the healthy ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.analysis.log_mining.departures import Flows
from agents.analysis.log_mining.rates import rates_of
from agents.analysis.log_mining.table import LineTable
from agents.analysis.signals import Window

__all__ = ["division", "hill", "usable"]

_STEP_S = 15.0
# Fewer healthy lines than a quarter of the incident's own do not show what is usual.
_BASELINE_SHARE = 0.25
# Bartlett's triangle over a step to either side: what begins at one moment shows at those beside it, too.
_BESIDE = (0.25, 0.5, 0.25)


def usable(table: LineTable, window: Window) -> list[float]:
    """Return moments (unix s) from the window's start to the alarm, a step apart, that leave enough healthy lines."""
    count = int((window.alarm_at - window.start) // _STEP_S) + 1
    moments = np.linspace(window.start, window.alarm_at, count).tolist()
    return [moment for moment in moments if _has_baseline(table, moment)]


def division(table: LineTable, flows: Flows | None, moments: Sequence[float]) -> float:
    """Return the moment from which on lines differ most from those before.

    What requests do, no mixture of load disturbs: only where they show nothing do the rates decide.
    """
    if len(moments) == 1:
        return moments[0]
    inside = [flows.contrast(moment) for moment in moments] if flows else []
    if any(inside):
        return hill(moments, inside)
    # Of counts of all that came before nothing is chance, and they fall steeply behind the true moment.
    rates = [rates_of(table, moment).contrast() for moment in moments]
    return moments[int(np.argmax(rates))]


def hill(moments: Sequence[float], contrasts: Sequence[float]) -> float:
    """Return the moment of greatest contrast together with those beside it: a peak of one step is chance's."""
    smoothed = np.convolve(np.pad(contrasts, 1, mode="edge"), _BESIDE, mode="valid")
    return moments[int(np.argmax(smoothed))]


def _has_baseline(table: LineTable, moment: float) -> bool:
    before = int(np.searchsorted(table.times, moment))
    return before >= _BASELINE_SHARE * (table.times.size - before) and before > 0
