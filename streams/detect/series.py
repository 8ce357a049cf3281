"""One series: its samples in, findings out; state of bounded size.

Samples come in order of time, one pass, without look-ahead; a time not later than the last one is a repeat or late and
is passed over. Within a block each sample costs a few additions; baselines and judgements change at block ends.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from streams.detect.baseline import WARM_BLOCKS, Baseline
from streams.detect.blocks import LIMIT, STEPS_TO_LEARN, Block, block_length_ms, block_rows, usable
from streams.detect.findings import Finding, Kind
from streams.detect.openings import Opening, Return
from streams.detect.records import compare, fresh
from streams.detect.season import BINS, Profile
from streams.detect.settings import DetectRules, Method
from streams.detect.shift import Run
from streams.detect.spikes import Excursion
from streams.detect.tables import Table
from streams.detect.trends import Trend, large_enough

__all__ = ["GAP_BLOCKS", "NOTICE", "Series"]

_COLUMN = 48
"""From so many samples on, numpy is faster than a loop."""
NOTICE = 3.0
GAP_BLOCKS = 60
_CALM_BLOCK = 3.0
_ADOPT_BLOCKS = 24
_CALM_SAMPLE = 1.0


class Series:
    """State of one series: under 2,600 bytes with everything in it (a test weighs it), its name apart."""

    __slots__ = (
        "_rules",
        "baseline",
        "block",
        "born_ms",
        "excursion",
        "last_ms",
        "length_ms",
        "notice_high",
        "notice_low",
        "opening",
        "profile",
        "records",
        "run",
        "step_ms",
        "steps",
        "trend",
        "wide",
    )  # fmt: skip

    def __init__(self, rules: DetectRules) -> None:
        self._rules = rules
        self.block = Block()
        self.baseline = Baseline()
        self.run = Run()
        self.excursion: Excursion | None = None
        self.trend = Trend()
        self.records: Table | None = fresh(1) if rules.method is Method.RECORDS else None
        self.profile = Profile(rules.season_ms) if rules.season_ms >= BINS else None
        self.steps: array[int] | None = array("q")
        self.length_ms = 0
        self.notice_low, self.notice_high = -math.inf, math.inf
        self.wide = math.inf
        self.born_ms = 0
        self.last_ms = 0
        self.step_ms = 0
        self.opening: Opening | None = None

    def feed(self, times_ms: Sequence[int], values: Sequence[float]) -> list[Finding]:
        """Take a column of samples; `times_ms` do not decrease. Returns what was found, in order of time."""
        found: list[Finding] = []
        done = self._learn_steps(times_ms, values)
        if len(times_ms) - done < _COLUMN:
            for at_ms, value in zip(times_ms[done:], values[done:], strict=True):
                if at_ms > self.last_ms and -LIMIT < value < LIMIT:
                    self._sample(at_ms, value, found)
        else:
            self._column(np.asarray(times_ms[done:], np.int64), np.asarray(values[done:], np.float64), found)
        return found

    @property
    def calm(self) -> bool:
        """Whether it is neither in an alarm nor on the way to one: such series are kept as rows."""
        return self.opening is None and self.excursion is None

    def _learn_steps(self, times_ms: Sequence[int], values: Sequence[float]) -> int:
        """Watch the first samples for their step only. Returns how many samples that took."""
        if self.steps is None:
            return 0
        for number, (at_ms, value) in enumerate(zip(times_ms, values, strict=True)):
            if at_ms <= self.last_ms or not -LIMIT < value < LIMIT:
                continue
            if self.last_ms:
                self.steps.append(at_ms - self.last_ms)
            self.born_ms = self.born_ms or at_ms
            self.last_ms = at_ms
            if len(self.steps) == STEPS_TO_LEARN:
                self.step_ms, self.length_ms = block_length_ms(self.steps, self._rules.persist_ms)
                self.steps = None
                return number + 1
        return len(times_ms)

    def _sample(self, at_ms: int, value: float, found: list[Finding]) -> None:
        block = self.block
        number = at_ms // self.length_ms
        if number != block.number:
            self._turn(number, at_ms, found)
        self.last_ms = at_ms
        off = value - block.base
        block.add(off)
        if self.opening is not None:
            self._recover(self.opening, at_ms, value, found)
        elif off > self.notice_high or off < self.notice_low:
            block.stands_out(at_ms, off)
            self._watch(at_ms, value, found)
        elif self.excursion is not None:
            self._watch(at_ms, value, found)

    def _column(self, times: NDArray[np.int64], values: NDArray[np.float64], found: list[Finding]) -> None:
        times, values = usable(times, values, self.last_ms)
        if times.size == 0:
            return
        centre = float(values[0])
        rows = block_rows(times, values - centre, self.length_ms)
        for start, end, number, at_ms, total, squares, low, high in rows:
            block = self.block
            if number != block.number:
                self._turn(number, at_ms, found)
            move = centre - block.base
            calm = low + move >= self.notice_low and high + move <= self.notice_high
            if calm and self.excursion is None and self.opening is None:
                count = end - start
                spread = squares + 2.0 * move * total + count * move * move
                block.add_sums(count, total + count * move, spread, low + move, high + move)
                self.last_ms = int(times[end - 1])
            else:
                for at, value in zip(times[start:end].tolist(), values[start:end].tolist(), strict=True):
                    self._sample(at, value, found)

    def _watch(self, at_ms: int, value: float, found: list[Finding]) -> None:
        """Follow an excursion; told when it ends (a spike) or has stayed (a shift)."""
        if not self._warm:
            return
        expected = self.baseline.nearest(value)
        off, excursion = value - expected, self.excursion
        if excursion is None:
            if abs(off) > self.wide:
                self.excursion = Excursion.beginning(at_ms, off, self.wide)
            return
        back = excursion.take(at_ms, off, self._rules.persist_ms)
        if back is None:
            return
        kind = Kind.SPIKE if back else Kind.LEVEL_SHIFT
        size = excursion.farthest if back else excursion.total / excursion.count
        self._open(kind, excursion.started_ms, at_ms, size, expected=expected, found=found)

    @property
    def _warm(self) -> bool:
        baseline = self.baseline
        return baseline.blocks >= WARM_BLOCKS and baseline.samples >= self._rules.warmup_samples

    def _open(  # noqa: PLR0913 - one alarm's facts
        self, kind: Kind, started_ms: int, at_ms: int, off: float, *, expected: float, found: list[Finding]
    ) -> None:
        baseline = self.baseline
        size = None if baseline.noiseless else abs(off) / baseline.sample_scale
        self.opening = Opening(kind, started_ms, off)
        found.append(Finding(kind, True, started_ms, at_ms, expected + off, expected, size))
        baseline.alarmed(off, self.wide if kind is Kind.SPIKE else 0.0)
        self.run.end()
        self.excursion = None

    def _turn(self, number: int, at_ms: int, found: list[Finding]) -> None:
        """Close the block in progress and begin the next."""
        block = self.block
        if block.count:
            self._close(at_ms, found)
            if self.records is not None:
                found += self._news(self.records, at_ms)
        if block.number >= 0:
            if number - block.number > GAP_BLOCKS:
                self._relearn(at_ms, found)
            elif self.profile is not None:
                middle = self.length_ms // 2
                before, after = block.number * self.length_ms + middle, number * self.length_ms + middle
                if self.profile.bin_of(before) != self.profile.bin_of(after):
                    self.baseline.season_step(self.profile.rise(before, after))
        self._begin(number, at_ms)

    def _begin(self, number: int, at_ms: int) -> None:
        baseline = self.baseline
        if baseline.blocks == 0:
            self.block.begin(number, 0.0 if math.isnan(baseline.flat) else baseline.flat, at_ms)
            self.notice_low, self.notice_high = -math.inf, math.inf
            return
        low, high, notice = baseline.low, baseline.high, NOTICE * baseline.sample_scale
        self.block.begin(number, low, at_ms)
        self.notice_low, self.notice_high = -notice, high - low + notice
        self.wide = baseline.spike_threshold(self._rules.sensitivity)

    def _relearn(self, at_ms: int, found: list[Finding]) -> None:
        """After a long gap the past says little; only the daily pattern is kept."""
        if self.opening is not None:
            found.append(self.opening.cleared(at_ms, None))
            self.opening = None
        wary = self.baseline.wary
        self.baseline = Baseline(wary=wary)
        self.trend.clear(0.0)
        self.run.end()
        self.excursion = None

    def _close(self, at_ms: int, found: list[Finding]) -> None:
        """Judge the finished block against the baseline, then let the baseline learn from it."""
        block, baseline, mean = self.block, self.baseline, self.block.mean
        if baseline.blocks == 0:
            self.trend.clear(mean)
            baseline.learn(block, self.length_ms, self._rules.sensitivity)
            return
        off = mean - baseline.nearest(mean)
        scale = baseline.block_scale(block.count)
        if self.profile is not None:
            self.profile.learn(block.number * self.length_ms + self.length_ms // 2, mean)
        if self.opening is not None:
            self._follow(self.opening, mean, off, scale, at_ms=at_ms, found=found)
            return
        self.run.learn(off / scale)
        told = self._judge(mean, off, scale, at_ms, found)
        if not told and self.excursion is None:
            baseline.learn(block, self.length_ms, self._rules.sensitivity)

    def _judge(self, mean: float, off: float, scale: float, at_ms: int, found: list[Finding]) -> bool:
        block, baseline = self.block, self.baseline
        limit = self._rules.sensitivity * baseline.caution()
        climb = self.trend.push(mean, scale, limit, self._pattern_rise)
        if not self._warm:
            return False
        onsets = (block.stood_out_ms(1), block.stood_out_ms(-1))
        bulk = block.trimmed(1 if off > 0 else -1)
        self.run.take(bulk - baseline.nearest(bulk), scale, baseline.sample_scale, onsets, limit)
        ended_ms = (block.number + 1) * self.length_ms
        shift = self.run.verdict(ended_ms, baseline.sample_scale, limit, self._rules.persist_ms)
        if shift is not None:
            self._open(Kind.LEVEL_SHIFT, shift.started_ms, at_ms, shift.off, expected=mean - off, found=found)
        elif climb is not None and large_enough(climb, math.sqrt(baseline.within_var)):
            started_ms = max(self.born_ms, ended_ms - climb.blocks * self.length_ms)
            self._open(Kind.TREND, started_ms, at_ms, climb.rise, expected=climb.from_level, found=found)
            baseline.adopt(climb.from_level)
        return self.opening is not None

    def _recover(self, opening: Opening, at_ms: int, value: float, found: list[Finding]) -> None:
        """Let an open alarm clear when the series is back; the block in progress, partly abnormal, is given up."""
        baseline = self.baseline
        scale, variance = baseline.sample_scale, baseline.block_var
        back = Return.within(scale, variance, self._rules.persist_ms, self.length_ms)
        if opening.take(at_ms, value - baseline.nearest(value), back):
            self._end(opening, at_ms, baseline.nearest(value) + opening.total / opening.count, found)
            self._begin(self.block.number, at_ms)

    def _end(
        self, opening: Opening, at_ms: int, level: float, found: list[Finding], *, adopted: bool = False
    ) -> None:
        found.append(opening.cleared(at_ms, level, adopted=adopted))
        self.opening = None
        self.trend.clear(level)

    def _follow(  # noqa: PLR0913 - one block's facts
        self, opening: Opening, mean: float, off: float, scale: float, *, at_ms: int, found: list[Finding]
    ) -> None:
        """Learn from the calm blocks of an open alarm; where it has stayed for long is normal."""
        block, baseline = self.block, self.baseline
        opening.follow(mean)
        if at_ms - opening.started_ms >= max(self._rules.adopt_ms, _ADOPT_BLOCKS * self.length_ms):
            baseline.adopt(opening.recent)
            self._end(opening, at_ms, mean, found, adopted=True)
        elif abs(off) <= max(_CALM_BLOCK * scale, _CALM_SAMPLE * baseline.sample_scale):
            baseline.learn(block, self.length_ms, self._rules.sensitivity)

    def _news(self, records: Table, at_ms: int) -> Iterator[Finding]:
        """Compare the finished block with the records; while an alarm is open there is no news."""
        number, profile = self.block.number, self.profile
        foreseen = math.nan if profile is None else profile.foreseen(number, self.length_ms)
        muted = self.opening is not None
        return compare(records, self._rules.records, self.block, foreseen, at_ms, muted=muted)

    def _pattern_rise(self, blocks: int, ago: int) -> float:
        if self.profile is None:
            return math.nan
        now_ms = (self.block.number - ago) * self.length_ms + self.length_ms // 2
        return self.profile.rise(now_ms - blocks * self.length_ms, now_ms)
