"""The calm series of a partition as rows of one table, so that many are taken on at once.

A row holds what a `Series` holds: 1,000 bytes where the object takes 2,600. `load` and `store` turn one into the other.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from streams.detect.blocks import STEPS_TO_LEARN
from streams.detect.records import fresh
from streams.detect.season import BINS, Profile
from streams.detect.series import Series
from streams.detect.settings import DetectRules, Method
from streams.detect.tables import Table
from streams.detect.trends import MEANS, SUMS

__all__ = ["ROW", "Rows"]

_INT, _FLOAT = "i8", "f8"
_PARTS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "",
        {"length_ms": _INT, "step_ms": _INT, "born_ms": _INT, "last_ms": _INT}
        | dict.fromkeys(("notice_low", "notice_high", "wide"), _FLOAT),
    ),
    (
        "block",
        dict.fromkeys(("number", "count", "first_ms", "up_ms", "down_ms"), _INT)
        | dict.fromkeys(("base", "total", "squares", "low", "high"), _FLOAT),
    ),
    (
        "baseline",
        dict.fromkeys(("flat", "seasonal", "sample_var", "block_var", "within_var", "peak", "wary"), _FLOAT)
        | {"blocks": _INT, "samples": _INT},
    ),
    (
        "run",
        {"sign": _INT, "started_ms": _INT, "blocks": _INT}
        | dict.fromkeys(("sum_z", "sum_off", "likeness", "last_z"), _FLOAT),
    ),
    ("trend", {"count": _INT, "origin": _FLOAT}),
    ("profile", {"bin": _INT, "total": _FLOAT, "count": _INT}),
)
"""Attributes of a Series and of its parts, and their types."""

_NAMED = [(part, name, kind) for part, names in _PARTS for name, kind in names.items()]


def _column(part: str, name: str) -> str:
    return name if part in {"", "block", "baseline"} else f"{part}_{name}"


_STATE = [_column(part, name) for part, name, _ in _NAMED]
_ARRIVALS = ["gap_ms", "gaps", "turn"]
ROW = np.dtype(
    [(_column(part, name), kind) for part, name, kind in _NAMED]
    + [("sums", _FLOAT, SUMS)]
    + [("steps", _INT, STEPS_TO_LEARN), ("steps_seen", _INT), ("calm", _INT)]
    + [(name, _INT) for name in _ARRIVALS]
)
"""All of a series but the trend's means, the daily pattern and the records. `calm`: the row counts, not an object.

`gap_ms` is the largest usual gap between the newest samples of successive columns, `gaps` how many were seen, `turn` when
the series was last heard, as the detector counts.
"""
_FIRST = 64


class Rows:
    """A table that grows by doubling. A slot is free, calm, or apart: then its state is in an object elsewhere."""

    def __init__(self, rules: DetectRules) -> None:
        self._rules = rules
        self.seasonal = rules.season_ms >= BINS
        self._recording = rules.method is Method.RECORDS
        self._free: list[int] = []
        self._resize(_FIRST)
        slot = self._free.pop()
        self.store(slot, Series(rules))
        self._new = self.table[slot].copy()
        self.give_back(slot)

    def _resize(self, capacity: int) -> None:
        old = 0 if capacity == _FIRST else self.table.size
        table = np.zeros(capacity, ROW)
        means = np.zeros((capacity, MEANS), np.float32)
        patterns = np.full((capacity, BINS if self.seasonal else 0), np.nan, np.float32)
        records = fresh(capacity if self._recording else 0)
        if old:
            records[:old] = self.records
            table[:old], means[:old], patterns[:old] = self.table, self.means, self.patterns
        self.table: Table = table
        self.means: NDArray[np.float32] = means
        self.patterns: NDArray[np.float32] = patterns
        self.records: Table = records
        """Of every slot, or of none where records are not looked for."""
        self._state = table[_STATE]
        self._free += range(capacity - 1, old - 1, -1)

    def take(self) -> int:
        """Return a free slot, of a calm series that has told nothing yet."""
        if not self._free:
            self._resize(2 * self.table.size)
        slot = self._free.pop()
        self.table[slot], self.means[slot], self.patterns[slot] = self._new, 0.0, np.nan
        if self._recording:
            self.records[slot] = fresh(1)[0]
        return slot

    def give_back(self, slot: int) -> None:
        self.table[slot] = np.zeros((), ROW)
        self._free.append(slot)

    def note(self, slot: int, series: Series) -> None:
        """Keep what is asked of every series, also while it is apart."""
        row = self.table[slot]
        row["last_ms"], row["born_ms"], row["step_ms"] = series.last_ms, series.born_ms, series.step_ms
        row["samples"] = series.baseline.samples

    def store(self, slot: int, series: Series) -> None:
        """Make the slot calm with this series' state; the object is not needed any more."""
        self._state[slot] = tuple(
            getattr(getattr(series, part) if part else series, name)
            if part != "profile" or self.seasonal
            else 0
            for part, name, _ in _NAMED
        )
        self.table["sums"][slot] = series.trend.sums
        self.means[slot] = series.trend.means
        if series.profile is not None:
            self.patterns[slot] = series.profile.means
        if series.records is not None:
            self.records[slot] = series.records[0]
        self.table["calm"][slot] = True

    def load(self, slot: int) -> Series:
        """Return a calm slot's series as an object, and set the slot apart."""
        series = Series(self._rules)
        series.steps = None
        for (part, name, _), value in zip(_NAMED, self._state[slot].item(), strict=True):
            owner = getattr(series, part) if part else series
            if owner is not None:
                setattr(owner, name, value)
        series.trend.sums = array("d", self.table["sums"][slot].tobytes())
        series.trend.means = array("f", self.means[slot].tobytes())
        if isinstance(series.profile, Profile):
            series.profile.means = array("f", self.patterns[slot].tobytes())
        if self._recording:
            series.records = self.records[slot : slot + 1].copy()
        self.table["calm"][slot] = False
        return series
