"""What is normal for a series: levels, scales and the largest deviation seen, by exponentially weighted, clipped averages.

Two levels: a flat one that follows the series, and a seasonal one that also makes the steps of the daily pattern. What
either of them explains is no deviation. The scales of samples and of block means are learned apart, so that noise with
memory, whose means vary more than independent noise lets expect, is judged by what it does. (Clipped recursions: Huber,
Robust Statistics, 1981, ch. 6; tail guard and block means: ours.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from streams.detect.blocks import Block

__all__ = ["WARM_BLOCKS", "Baseline"]

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
