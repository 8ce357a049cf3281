"""Many series at once from one block to the next: what `Series` does one by one, for as long as nothing is told.

Where something might be told, or a long gap lies between the blocks, the row is left to `Series`, which then decides: the
rules for alarms are written once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.detect import season, shift
from streams.detect.baseline import WARM_BLOCKS, Levels, learn_many, season_step_many
from streams.detect.blocks import moments, trimmed_many
from streams.detect.records import Blocks, tell_many
from streams.detect.series import GAP_BLOCKS, NOTICE
from streams.detect.settings import DetectRules
from streams.detect.tables import Bools, Floats, Ints, Numbers, Table, pick, put
from streams.detect.trends import push_many

__all__ = ["Turning"]


@dataclass(frozen=True, slots=True)
class Turning:
    """Copies of rows that leave a block, and of what belongs to them; changed in place."""

    rules: DetectRules
    table: Table
    means: NDArray[np.float32]
    patterns: NDArray[np.float32]
    """Without columns where no season is expected."""
    records: Table
    """Without rows where none are looked for."""

    def to(self, numbers: Ints, at_ms: Ints) -> Bools:
        """Close the blocks in progress and begin those of these numbers, whose first samples are at these times.

        Returns which rows must be left to `Series`; what was done to their copies is to be thrown away.
        """
        table = self.table
        begun = table["number"] >= 0
        leave: Bools = begun & (numbers - table["number"] > GAP_BLOCKS)
        full = np.flatnonzero(table["count"] > 0)
        if full.size == table.size:
            leave |= self.close()
        elif full.size:
            part = self._of(full)
            leave[full] |= part.close()
            self._take_back(full, part)
        if self.patterns.shape[1]:
            self._step(numbers, begun)
        begin(table, numbers, at_ms, self.rules.sensitivity)
        return leave

    def _of(self, rows: Numbers) -> Turning:
        records = pick(self.records, rows) if self.records.size else self.records
        return Turning(self.rules, pick(self.table, rows), self.means[rows], self.patterns[rows], records)

    def _take_back(self, rows: Numbers, part: Turning) -> None:
        put(self.table, rows, part.table)
        self.means[rows], self.patterns[rows] = part.means, part.patterns
        if part.records.size:
            put(self.records, rows, part.records)

    def close(self) -> Bools:
        """Judge the finished blocks and learn from them; none is empty. Returns as `to`."""
        table, rules = self.table, self.rules
        mean, _ = moments(table)
        young = table["blocks"] == 0
        if young.any():
            rows = np.flatnonzero(young)
            self._start_trend(rows, mean[rows])
        old = np.flatnonzero(~young)
        leave = np.zeros(table.size, np.bool_)
        if old.size == table.size:
            leave = self.judge(mean)
        elif old.size:
            part = self._of(old)
            leave[old] = part.judge(mean[old])
            self._take_back(old, part)
        learn_many(table, rules.sensitivity)
        return leave | self._compare(mean) if self.records.size else leave

    def _start_trend(self, rows: Numbers, mean: Floats) -> None:
        self.means[rows] = 0.0
        self.table["trend_count"][rows] = 0
        self.table["trend_origin"][rows] = mean
        self.table["sums"][rows, : self.table["sums"].shape[1] // 2] = 0.0

    def judge(self, mean: Floats) -> Bools:
        """Judge the finished blocks, of these means, of series that have a baseline. Returns as `to`."""
        table, levels = self.table, Levels(self.table)
        off = mean - levels.nearest(mean)
        scale = levels.block_scale()
        if self.patterns.shape[1]:
            middle = table["number"] * table["length_ms"] + table["length_ms"] // 2
            season.learn_many(table, self.patterns, middle, mean, self.rules.season_ms)
        shift.learn_many(table, off / scale)
        limit = self.rules.sensitivity * levels.caution()
        leave = push_many(table, self.means, mean, scale, limit, self._rises)
        warm = (table["blocks"] >= WARM_BLOCKS) & (table["samples"] >= self.rules.warmup_samples)
        leave &= warm
        rows = np.flatnonzero(warm)
        if rows.size:
            bulk = trimmed_many(table, mean, off > 0)
            run = pick(table, rows)
            leave[rows] |= shift.run_many(
                run,
                (bulk - levels.nearest(bulk))[rows],
                scale[rows],
                levels.sample_scale[rows],
                limit[rows],
                (run["number"] + 1) * run["length_ms"],
                self.rules.persist_ms,
            )
            put(table, rows, run)
        return leave

    def _compare(self, mean: Floats) -> Bools:
        """Compare the finished blocks with the records. Returns as `to`."""
        table = self.table
        foreseen = season.foreseen_many(table, self.patterns, self.rules.season_ms)
        low, high = table["base"] + table["low"], table["base"] + table["high"]
        return tell_many(self.records, Blocks(mean, low, high, table["count"], foreseen), self.rules.records)

    def _rises(self, rows: Numbers, blocks: int, ago: int) -> Floats:
        if not self.patterns.shape[1]:
            return np.full(rows.size, np.nan)
        length_ms = self.table["length_ms"][rows]
        now_ms = (self.table["number"][rows] - ago) * length_ms + length_ms // 2
        before = season.bins_of(now_ms - blocks * length_ms, self.rules.season_ms)
        return season.rises(self.patterns, rows, before, season.bins_of(now_ms, self.rules.season_ms))

    def _step(self, numbers: Ints, begun: Bools) -> None:
        length_ms = self.table["length_ms"]
        middle = length_ms // 2
        before = season.bins_of(self.table["number"] * length_ms + middle, self.rules.season_ms)
        after = season.bins_of(numbers * length_ms + middle, self.rules.season_ms)
        rows = np.flatnonzero(begun & (before != after))
        if rows.size:
            part = pick(self.table, rows)
            season_step_many(part, season.rises(self.patterns, rows, before[rows], after[rows]))
            put(self.table, rows, part)


def begin(table: Table, numbers: Ints, at_ms: Ints, sensitivity: float) -> None:
    """`Series` at the beginning of a block, for many rows at once, in place."""
    levels, young = Levels(table), table["blocks"] == 0
    notice = NOTICE * levels.sample_scale
    unknown = np.where(np.isnan(table["flat"]), 0.0, table["flat"])
    table["base"] = np.where(young, unknown, levels.low)
    table["notice_low"] = np.where(young, -np.inf, -notice)
    table["notice_high"] = np.where(young, np.inf, levels.high - levels.low + notice)
    table["wide"] = np.where(young, table["wide"], levels.spike_threshold(sensitivity))
    table["number"], table["first_ms"] = numbers, at_ms
    for name in ("count", "total", "squares", "up_ms", "down_ms"):
        table[name] = 0
    table["low"], table["high"] = np.inf, -np.inf
