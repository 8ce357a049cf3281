"""What is normal for a series: levels, scales and the largest deviation seen, by exponentially weighted, clipped averages.

Two levels: a flat one that follows the series, and a seasonal one that also makes the steps of the daily pattern. What
either of them explains is no deviation. The scales of samples and of block means are learned apart, so that noise with
memory, whose means vary more than independent noise lets expect, is judged by what it does. (Clipped recursions: Huber,
Robust Statistics, 1981, ch. 6; tail guard and block means: ours.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from streams.detect.blocks import Block, moments
from streams.detect.tables import Bools, Floats, Numbers, Table, pick, put

__all__ = ["WARM_BLOCKS", "Baseline", "Levels", "learn_many", "season_step_many"]

WARM_BLOCKS = 12
_LEVEL_MEMORY = 30
_SCALE_MEMORY = 120
_LEVEL_CLIP = 3.0
_BLOCK_CLIP = 4.0
_SAMPLE_CLIP = 9.0
_PEAK_HALF_LIFE_MS = 24 * 3_600_000
_PEAK_HALF_LIFE_SAMPLES = 4_000
_RELATIVE_FLOOR = 1e-9
_PEAK_FLOOR = 0.01
_YOUNG_SPIKE = 150
_WARY_MAX = 3.0
_WARY_STEP = 0.5


@dataclass(slots=True)
class Baseline:
    """Memory is counted in blocks. `flat` and `seasonal` are levels, NaN while unknown."""

    flat: float = math.nan
    seasonal: float = math.nan
    sample_var: float = 0.0
    block_var: float = 0.0
    within_var: float = 0.0
    peak: float = 0.0
    """Decaying maximum of the samples' deviations."""
    wary: float = 0.0
    """Grows with each alarm and decays: who cries often must cry louder."""
    blocks: int = 0
    samples: int = 0

    @property
    def low(self) -> float:
        return self.flat if math.isnan(self.seasonal) else min(self.flat, self.seasonal)

    @property
    def high(self) -> float:
        return self.flat if math.isnan(self.seasonal) else max(self.flat, self.seasonal)

    def nearest(self, value: float) -> float:
        """The expectation that explains the value best: between the two levels, itself."""
        flat, seasonal = self.flat, self.seasonal
        if math.isnan(seasonal):
            return flat
        return min(max(value, flat), seasonal) if flat < seasonal else min(max(value, seasonal), flat)

    @property
    def sample_scale(self) -> float:
        return max(math.sqrt(self.sample_var), self._floor)

    @property
    def noiseless(self) -> bool:
        """Whether the series has been as good as constant: what a deviation is worth is then unknown."""
        return math.sqrt(self.sample_var) <= self._floor

    @property
    def _floor(self) -> float:
        return max(_RELATIVE_FLOOR * abs(self.flat), _PEAK_FLOOR * self.peak, 1e-300)

    def block_scale(self, count: int) -> float:
        """Scale of the mean of `count` samples: what it was, and no less than for independent samples."""
        return max(math.sqrt(self.block_var), self.sample_scale / math.sqrt(count))

    def caution(self) -> float:
        """Factor on every threshold: a young or often alarmed series needs more."""
        return 1.0 + 6.0 / max(1, self.blocks) + self.wary

    def spike_threshold(self, sensitivity: float) -> float:
        """How far a single sample must lie: beyond the scale, and well beyond the largest seen, more so for heavy tails.

        Infinite while the series has been constant: one sample that differs cannot be judged yet.
        """
        scale = math.sqrt(self.sample_var)
        if scale <= self._floor:
            return math.inf
        tail = self.peak * (1.0 + self.peak / (3.0 * scale))
        young = 1.0 + _YOUNG_SPIKE / max(1, self.samples)
        return max(1.5 * sensitivity * scale, tail) * young + self.wary * scale

    def learn(self, block: Block, length_ms: int, sensitivity: float) -> None:
        """Take a finished block that is not part of an alarm."""
        if self.blocks == 0:
            self._start(block)
        else:
            self._follow(block, sensitivity)
        self._decay(block, length_ms)
        self.blocks += 1
        self.samples += block.count

    def _start(self, block: Block) -> None:
        self.flat = block.mean
        self.sample_var = self.within_var = block.variance
        self.block_var = block.variance / block.count

    def _follow(self, block: Block, sensitivity: float) -> None:
        mean, within = block.mean, block.variance
        off = mean - self.nearest(mean)
        scale = self.block_scale(block.count)
        self._learn_peak(block, sensitivity)
        gain = 1.0 / min(self.blocks + 1, _SCALE_MEMORY)
        clip = math.inf if self.blocks < WARM_BLOCKS else 1.0
        most = clip * _SAMPLE_CLIP * self.sample_scale**2
        self.sample_var += gain * (min(within + off * off, most) - self.sample_var)
        self.within_var += gain * (min(within, most) - self.within_var)
        self.block_var += gain * (min(off * off, clip * (_BLOCK_CLIP * scale) ** 2) - self.block_var)
        gain, limit = 1.0 / min(self.blocks + 1, _LEVEL_MEMORY), clip * _LEVEL_CLIP * scale
        self.flat += gain * min(max(mean - self.flat, -limit), limit)
        if not math.isnan(self.seasonal):
            self.seasonal += gain * min(max(mean - self.seasonal, -limit), limit)

    def _learn_peak(self, block: Block, sensitivity: float) -> None:
        farthest = max(block.base + block.high - self.high, self.low - block.base - block.low, 0.0)
        if farthest > self.peak:
            self.peak = max(self.peak, min(farthest, self.spike_threshold(sensitivity)))

    def _decay(self, block: Block, length_ms: int) -> None:
        half_life = max(_PEAK_HALF_LIFE_MS / length_ms, _PEAK_HALF_LIFE_SAMPLES / block.count)
        kept = 0.5 ** (1.0 / half_life)
        self.peak *= kept
        self.wary *= kept

    def alarmed(self, off: float, threshold: float) -> None:
        """Note an alarm over this deviation: what was told once must be exceeded to be told again."""
        self.peak = max(self.peak, min(abs(off), threshold))
        self.wary = min(_WARY_MAX, self.wary + _WARY_STEP)

    def season_step(self, rise: float) -> None:
        """Move the seasonal level by the pattern's step; an unknown step ends it, the next known one starts it afresh."""
        if math.isnan(rise):
            self.seasonal = math.nan
        elif math.isnan(self.seasonal):
            if rise != 0.0:
                self.seasonal = self.flat + rise
        else:
            self.seasonal += rise

    def adopt(self, level: float) -> None:
        """Take a new level for normal."""
        self.flat = level
        self.seasonal = math.nan


class Levels:
    """What a `Baseline` says, for many rows at once, as it was when this was made: a value a row."""

    __slots__ = ("_table", "floor", "high", "low", "noise", "sample_scale")

    def __init__(self, table: Table) -> None:
        flat, seasonal = table["flat"], table["seasonal"]
        self._table = table
        self.low: Floats = np.fmin(flat, seasonal)
        self.high: Floats = np.fmax(flat, seasonal)
        self.noise: Floats = np.sqrt(table["sample_var"])
        self.floor: Floats = np.maximum(
            np.maximum(_RELATIVE_FLOOR * np.abs(flat), _PEAK_FLOOR * table["peak"]), 1e-300
        )
        self.sample_scale: Floats = np.maximum(self.noise, self.floor)

    def nearest(self, value: Floats, rows: Numbers | slice = slice(None)) -> Floats:
        """`Baseline.nearest` of a value for each of these rows."""
        nearest: Floats = np.minimum(np.maximum(value, self.low[rows]), self.high[rows])
        return nearest

    def block_scale(self) -> Floats:
        table = self._table
        scale: Floats = np.maximum(np.sqrt(table["block_var"]), self.sample_scale / np.sqrt(table["count"]))
        return scale

    def caution(self) -> Floats:
        caution: Floats = 1.0 + 6.0 / np.maximum(1, self._table["blocks"]) + self._table["wary"]
        return caution

    def spike_threshold(self, sensitivity: float) -> Floats:
        table, scale = self._table, self.noise
        peak = table["peak"]
        tail = peak * (1.0 + peak / (3.0 * scale))
        young = 1.0 + _YOUNG_SPIKE / np.maximum(1, table["samples"])
        threshold = np.maximum(1.5 * sensitivity * scale, tail) * young + table["wary"] * scale
        return np.where(scale <= self.floor, np.inf, threshold)

    @property
    def warm_blocks(self) -> Bools:
        warm: Bools = self._table["blocks"] >= WARM_BLOCKS
        return warm


def learn_many(table: Table, sensitivity: float) -> None:
    """`Baseline.learn` of the finished block of each of many rows, in place."""
    first = table["blocks"] == 0
    if first.all():
        _start_many(table)
    elif not first.any():
        _follow_many(table, sensitivity)
    else:
        rows = np.flatnonzero(first)
        part = pick(table, rows)
        _start_many(part)
        put(table, rows, part)
        rows = np.flatnonzero(~first)
        part = pick(table, rows)
        _follow_many(part, sensitivity)
        put(table, rows, part)
    half_life = np.maximum(_PEAK_HALF_LIFE_MS / table["length_ms"], _PEAK_HALF_LIFE_SAMPLES / table["count"])
    kept = 0.5 ** (1.0 / half_life)
    table["peak"] *= kept
    table["wary"] *= kept
    table["blocks"] += 1
    table["samples"] += table["count"]


def _start_many(table: Table) -> None:
    mean, variance = moments(table)
    table["flat"] = mean
    table["sample_var"] = table["within_var"] = variance
    table["block_var"] = variance / table["count"]


def _follow_many(table: Table, sensitivity: float) -> None:
    mean, within = moments(table)
    levels = Levels(table)
    off = mean - levels.nearest(mean)
    scale = levels.block_scale()
    _learn_peak_many(table, levels, sensitivity)
    sample_scale = Levels(table).sample_scale
    gain = 1.0 / np.minimum(table["blocks"] + 1, _SCALE_MEMORY)
    clip = np.where(levels.warm_blocks, 1.0, np.inf)
    most = clip * _SAMPLE_CLIP * sample_scale**2
    off_squared = off * off
    table["sample_var"] += gain * (np.fmin(within + off_squared, most) - table["sample_var"])
    table["within_var"] += gain * (np.fmin(within, most) - table["within_var"])
    table["block_var"] += gain * (
        np.fmin(off_squared, clip * (_BLOCK_CLIP * scale) ** 2) - table["block_var"]
    )
    gain, limit = 1.0 / np.minimum(table["blocks"] + 1, _LEVEL_MEMORY), clip * _LEVEL_CLIP * scale
    for level in ("flat", "seasonal"):
        table[level] += gain * np.minimum(np.maximum(mean - table[level], -limit), limit)


def _learn_peak_many(table: Table, levels: Levels, sensitivity: float) -> None:
    base, peak = table["base"], table["peak"]
    farthest = np.maximum(
        np.maximum(base + table["high"] - levels.high, levels.low - base - table["low"]), 0.0
    )
    farther = farthest > peak
    if farther.any():
        bounded = np.minimum(farthest, levels.spike_threshold(sensitivity))
        table["peak"] = np.where(farther, np.maximum(peak, bounded), peak)


def season_step_many(table: Table, rise: Floats) -> None:
    """`Baseline.season_step` for many rows at once, in place."""
    seasonal = table["seasonal"]
    begun = np.where(rise != 0.0, table["flat"] + rise, np.nan)
    table["seasonal"] = np.where(np.isnan(seasonal), begun, seasonal + rise)
