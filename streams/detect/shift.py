"""Level shifts: consecutive blocks off to one side, judged together, allowing for how blocks resemble one another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from streams.detect.tables import Bools, Floats, Ints, Table, pick, put

__all__ = ["MIN_EFFECT", "Run", "Shift", "learn_many", "run_many"]

MIN_EFFECT = 2.0
"""A shift is at least so many sample scales, however sure its existence is."""
_MEMBER_BLOCK = 2.0
_MEMBER_SAMPLE = 1.5
_MIN_BLOCKS = 2
_Z_CLIP = 1.5
_MAX_LIKENESS = 0.95
_GAIN = 1.0 / 120.0


@dataclass(frozen=True, slots=True)
class Shift:
    """A run that is an alarm: when it began, its mean deviation in the series' unit, and in sample scales."""

    started_ms: int
    off: float
    size: float


@dataclass(slots=True)
class Run:
    """The run of blocks in progress, and the learned likeness (lag-one correlation) of blocks."""

    sign: int = 0
    started_ms: int = 0
    blocks: int = 0
    sum_z: float = 0.0
    sum_off: float = 0.0
    likeness: float = 0.0
    last_z: float = 0.0

    def end(self) -> None:
        self.sign = self.blocks = 0
        self.sum_z = self.sum_off = self.last_z = 0.0

    def learn(self, z: float) -> None:
        """Follow how a block resembles the one before it."""
        clipped = min(max(z, -3.0), 3.0)
        self.likeness += _GAIN * (clipped * self.last_z - self.likeness)
        self.last_z = clipped

    def take(
        self, off: float, block_scale: float, sample_scale: float, onsets_ms: tuple[int, int], limit: float
    ) -> None:
        """Take a block's deviation; `onsets_ms` says when it stood out upwards and downwards, `limit` clips its weight."""
        sign = 1 if off > 0 else -1
        if abs(off) < max(_MEMBER_BLOCK * block_scale, _MEMBER_SAMPLE * sample_scale):
            self.end()
            return
        if sign != self.sign:
            self.end()
            self.sign, self.started_ms = sign, onsets_ms[0] if sign > 0 else onsets_ms[1]
        self.blocks += 1
        self.sum_z += min(abs(off) / block_scale, _Z_CLIP * limit)
        self.sum_off += off

    def verdict(self, ended_ms: int, sample_scale: float, limit: float, persist_ms: int) -> Shift | None:
        """Whether the run, which has lasted until `ended_ms`, is a shift of more than `limit` deviations."""
        if self.blocks < _MIN_BLOCKS or ended_ms - self.started_ms < persist_ms:
            return None
        off = self.sum_off / self.blocks
        if self.sum_z / math.sqrt(_spread(self.blocks, self.likeness)) < limit:
            return None
        if abs(off) < MIN_EFFECT * sample_scale:
            return None
        return Shift(self.started_ms, off, abs(off) / sample_scale)


def _spread(count: int, likeness: float) -> float:
    """Variance of the sum of `count` standard normal values of a first-order autoregression."""
    r = min(max(likeness, 0.0), _MAX_LIKENESS)
    return count * (1 + r) / (1 - r) - 2 * r * (1 - r**count) / (1 - r) ** 2


def learn_many(table: Table, z: Floats) -> None:
    """`Run.learn` for many rows at once, in place."""
    clipped = np.minimum(np.maximum(z, -3.0), 3.0)
    table["run_likeness"] += _GAIN * (clipped * table["run_last_z"] - table["run_likeness"])
    table["run_last_z"] = clipped


def run_many(  # noqa: PLR0913, PLR0917 - Run.take's and Run.verdict's, a column each
    table: Table,
    off: Floats,
    block_scale: Floats,
    sample_scale: Floats,
    limit: Floats,
    ended_ms: Ints,
    persist_ms: int,
) -> Bools:
    """`Run.take`, then `Run.verdict`, for many rows at once, in place. Returns which have a shift to tell."""
    member = np.abs(off) >= np.maximum(_MEMBER_BLOCK * block_scale, _MEMBER_SAMPLE * sample_scale)
    sign = np.where(off > 0, 1, -1)
    _end_many(table, ~member | (sign != table["run_sign"]))
    told = np.zeros(off.size, np.bool_)
    rows = np.flatnonzero(member)
    if not rows.size:
        return told
    run = pick(table, rows)
    off, sign, sample_scale, limit = off[rows], sign[rows], sample_scale[rows], limit[rows]
    stood_out = np.where(sign > 0, run["up_ms"], run["down_ms"])
    begun_ms = np.where(stood_out != 0, stood_out, run["first_ms"])
    run["run_started_ms"] = np.where(run["run_sign"] == 0, begun_ms, run["run_started_ms"])
    run["run_sign"] = sign
    run["run_blocks"] += 1
    run["run_sum_z"] += np.minimum(np.abs(off) / block_scale[rows], _Z_CLIP * limit)
    run["run_sum_off"] += off
    put(table, rows, run)
    long = (run["run_blocks"] >= _MIN_BLOCKS) & (ended_ms[rows] - run["run_started_ms"] >= persist_ms)
    sure = run["run_sum_z"] / np.sqrt(_spread_many(run["run_blocks"], run["run_likeness"])) >= limit
    large = np.abs(run["run_sum_off"] / run["run_blocks"]) >= MIN_EFFECT * sample_scale
    told[rows] = long & sure & large
    return told


def _end_many(table: Table, over: Bools) -> None:
    for name in ("run_sign", "run_blocks", "run_sum_z", "run_sum_off", "run_last_z"):
        table[name][over] = 0


def _spread_many(count: Ints, likeness: Floats) -> Floats:
    r = np.minimum(np.maximum(likeness, 0.0), _MAX_LIKENESS)
    spread: Floats = count * (1 + r) / (1 - r) - 2 * r * (1 - r**count) / (1 - r) ** 2
    return spread
