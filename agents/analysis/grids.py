"""Series with samples at the same times as one matrix, tidied: what is measured is measured for all of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from agents.analysis.robust import Matrix
from agents.analysis.signals import FloatArray, KpiSeries, Window

__all__ = ["Grid", "grids_of"]

# Larger values are no measurements, and sums of a few of them would not be finite.
_LARGEST = 1e305


@dataclass(frozen=True, slots=True)
class Grid:
    """`values` has a row for each of the series and a column for each of the times.

    Times rise and are distinct; NaN is a missing sample, and what no measurement can be counts as one.
    """

    series: tuple[KpiSeries, ...]
    times: FloatArray
    values: Matrix

    @classmethod
    def of(cls, series: Sequence[KpiSeries]) -> Self:
        """Return the grid of series whose times are equal. Of samples at one time the last one holds."""
        times = np.asarray(series[0].times, dtype=np.float64)
        values = np.array([one.values for one in series], dtype=np.float64)
        if not np.all(times[1:] > times[:-1]) or not np.isfinite(times).all():
            chosen = _last_of_each(times)
            times, values = times[chosen], values[:, chosen]
        values[~(np.abs(values) <= _LARGEST)] = np.nan
        return cls(tuple(series), times, values)

    def columns(self, start: float, end: float) -> slice:
        """Return the columns of the times in [start, end)."""
        first, last = np.searchsorted(self.times, [start, end])
        return slice(int(first), int(last))

    def healthy(self, window: Window) -> Matrix:
        """Return the values in the window's baseline, without those of its disturbed spans."""
        columns = self.columns(window.baseline_start, window.start)
        if not window.disturbed:
            return self.values[:, columns]
        kept = [place for place in range(columns.start, columns.stop) if window.usual(self.times[place])]
        return self.values[:, kept]

    def incident(self, window: Window) -> slice:
        """Return the columns of [start, end): a sample at the very end tells of what comes after."""
        return self.columns(window.start, window.end)


def _last_of_each(times: FloatArray) -> NDArray[np.intp]:
    """Places of the finite times in rising order, of equal ones the last."""
    order = np.argsort(times, kind="stable")
    order = order[np.isfinite(times[order])]
    ordered = times[order]
    last: NDArray[np.intp] = order[np.append(ordered[1:] != ordered[:-1], True)[: order.size]]
    return last


def grids_of(kpis: Iterable[KpiSeries]) -> list[Grid]:
    """Return the series grouped by equal times, in order of first appearance."""
    groups: dict[bytes, list[KpiSeries]] = {}
    last: KpiSeries | None = None
    key = b""
    for series in kpis:
        if last is None or series.times is not last.times:
            key = series.times.tobytes()
        groups.setdefault(key, []).append(series)
        last = series
    return [Grid.of(series) for series in groups.values()]
