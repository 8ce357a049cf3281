"""An open alarm of a series: when it may clear, and when the new level counts as normal."""

from __future__ import annotations

import math
from dataclasses import dataclass

from streams.detect.findings import Finding, Kind

__all__ = ["Opening", "Return"]

_RECENT_GAIN = 0.25
_CALM_MEANS = 3.0
_CALM_SAMPLE = 1.0
_CLIP = 4.0
_REFUTED = 5.0
_LEAST_SAMPLES = 3
_SURE_BLOCKS = 2


@dataclass(frozen=True, slots=True)
class Return:
    """What a return to normal is measured by: the scales of the series, and how long it must last."""

    sample_scale: float
    means_scale: float
    """Of block means: no mean of samples is trusted to be finer."""
    persist_ms: int
    surely_ms: int
    """After so long a calm stretch is over also where it can not tell the alarm's level apart."""

    @staticmethod
    def within(sample_scale: float, block_var: float, persist_ms: int, length_ms: int) -> Return:
        """What a return is measured by in a series of blocks of this length, whose means have this variance."""
        surely_ms = max(persist_ms, _SURE_BLOCKS * length_ms)
        return Return(sample_scale, math.sqrt(block_var), persist_ms, surely_ms)

    def band(self, count: int) -> float:
        """How far off the mean of `count` samples may be and still be normal."""
        return max(_CALM_MEANS * self.scale(count), _CALM_SAMPLE * self.sample_scale)

    def scale(self, count: int) -> float:
        return max(self.means_scale, self.sample_scale / math.sqrt(count))


@dataclass(slots=True)
class Opening:
    """`off` is the deviation told; `recent` follows the level during the alarm; the rest is the calm stretch in progress."""

    kind: Kind
    started_ms: int
    off: float
    recent: float = math.nan
    since_ms: int = 0
    count: int = 0
    total: float = 0.0

    def take(self, at_ms: int, off: float, back: Return) -> bool:
        """Take a sample's deviation. Returns whether the series has been back to normal for long enough.

        A stretch of calm is one whose mean stays within the band from its first sample on; single samples far off are
        clipped. It ends the alarm when it has lasted, and is too far from the alarm's level to be a part of it.
        """
        limit = _CLIP * back.sample_scale
        if self.count == 0:
            self.since_ms, self.total = at_ms, 0.0
        self.count += 1
        self.total += min(max(off, -limit), limit)
        if abs(self.total) > self.count * back.band(self.count):
            self.count = 0
            return False
        lasted_ms = at_ms - self.since_ms
        if self.count < _LEAST_SAMPLES or lasted_ms < back.persist_ms:
            return False
        apart = abs(self.off) - abs(self.total) / self.count
        return apart >= _REFUTED * back.scale(self.count) or (apart > 0 and lasted_ms >= back.surely_ms)

    def follow(self, mean: float) -> None:
        """Take the mean of a block after the telling."""
        self.recent = mean if math.isnan(self.recent) else self.recent + _RECENT_GAIN * (mean - self.recent)

    def cleared(self, at_ms: int, value: float | None, *, adopted: bool = False) -> Finding:
        return Finding(self.kind, False, self.started_ms, at_ms, value, adopted=adopted)
