"""Records: blocks that go farther from what is usual than the series has gone in its memory.

Three distances, upwards and downwards: of the block's farthest sample from the level, of the mean of some dozen samples
from it, and of the block's mean from the daily pattern. Each is measured by its own usual size and by its own record, a
decaying maximum; where both are exceeded, there is news, then a rest. Until the pattern is known, the level stands for
it: the range of the first day is not news on the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from streams.detect.blocks import Block
from streams.detect.findings import Finding, Kind
from streams.detect.settings import RecordRules
from streams.detect.tables import Bools, Floats, Ints, Table

__all__ = ["RECORDS", "Blocks", "News", "compare", "fresh", "take_many", "tell_many"]

_HEAVIEST = 16
"""Samples that a block counts for at most: blocks of samples that come many times a second would leave no memory."""
_FLOOR, _LEAST = 1e-7, 1e-44
"""Of the level, and absolute: what a pattern kept in single precision can tell apart."""

RECORDS = np.dtype(
    [(name, "f8") for name in ("level", "slow")]
    + [(name, "i8") for name in ("samples", "rest", "since_ms")]
    + [(name, "f8", 3) for name in ("squares", "above", "below")]
)
"""State of a series. `rest`: samples before it may tell again; `since_ms`: since when it tells news, 0 while it does not."""


class Blocks(NamedTuple):
    """Finished blocks, one of each series. `expected` is what the daily pattern foresaw, not finite where it does not know."""

    mean: Floats
    low: Floats
    high: Floats
    samples: Ints
    expected: Floats


class News(NamedTuple):
    """How a block compares: `off` from `expected` by `size` usual distances; `score` from 1 on is a record and far."""

    score: Floats
    off: Floats
    expected: Floats
    size: Floats
    noise: Bools
    """Whether there is anything usual to compare with: a size in terms of nothing says nothing."""


def fresh(count: int) -> Table:
    """Return the state of so many series that have told nothing yet."""
    records = np.zeros(count, RECORDS)
    records["level"] = records["slow"] = np.nan
    return records


def take_many(records: Table, blocks: Blocks, rules: RecordRules) -> News:
    """Compare a block of each series with its past, then learn from it, in place."""
    new = records["samples"] == 0
    if new.any():
        records["level"] = np.where(new, blocks.mean, records["level"])
        records["slow"] = np.where(new, blocks.mean, records["slow"])
    weight = _weight(blocks.samples)
    records["slow"] += weight / rules.slow * (blocks.mean - records["slow"])
    references, up, down = _distances(records, blocks)
    news = _compared(records, references, up, down, rules)
    _learn(records, weight, up, down, rules)
    records["level"] += _gain(records["samples"], weight, rules) * (blocks.mean - records["level"])
    records["samples"] += weight
    return news


def tell_many(records: Table, blocks: Blocks, rules: RecordRules) -> Bools:
    """As `take_many`, and rest. Returns which have something to tell, news or its end: they must be taken by `compare`."""
    ready = records["rest"] <= 0
    told: Bools = ready & ((take_many(records, blocks, rules).score >= 1.0) | (records["since_ms"] != 0))
    records["rest"] = np.maximum(records["rest"] - _weight(blocks.samples), 0)
    return told


def compare(  # noqa: PLR0913 - one block's facts
    records: Table, rules: RecordRules, block: Block, foreseen: float, at_ms: int, *, muted: bool
) -> Iterator[Finding]:
    """Take the finished block of one series; yield what it tells. `muted`: no news, as there is an alarm already."""
    low, high = block.base + block.low, block.base + block.high
    facts = [np.array([one]) for one in (block.mean, low, high, block.count, foreseen)]
    with np.errstate(all="ignore"):
        news = take_many(records, Blocks(*facts), rules)
    one, ready = records[0], records["rest"][0] <= 0
    one["rest"] = max(int(one["rest"]) - min(block.count, _HEAVIEST), 0)
    if ready and one["since_ms"]:
        yield Finding(Kind.UNUSUAL, False, int(one["since_ms"]), at_ms, block.mean)
        one["since_ms"] = 0
    if ready and news.score[0] >= 1.0 and not muted:
        expected = float(news.expected[0])
        value, size = expected + float(news.off[0]), float(news.size[0])
        known = size if news.noise[0] else None
        one["since_ms"], one["rest"] = block.first_ms, rules.rest
        yield Finding(Kind.UNUSUAL, True, block.first_ms, at_ms, value, expected, known)


def _distances(records: Table, blocks: Blocks) -> tuple[Floats, Floats, Floats]:
    """Return what is compared with, and how far above and below it, in three columns."""
    level = records["level"]
    pattern = np.where(np.isfinite(blocks.expected), blocks.expected, level)
    references = np.column_stack((level, level, pattern))
    tops = np.column_stack((blocks.high, records["slow"], blocks.mean))
    bottoms = np.column_stack((blocks.low, records["slow"], blocks.mean))
    return references, np.maximum(tops - references, 0.0), np.maximum(references - bottoms, 0.0)


def _compared(records: Table, references: Floats, up: Floats, down: Floats, rules: RecordRules) -> News:
    floor = np.maximum(_FLOOR * np.abs(records["level"]), _LEAST)
    usual = np.maximum(np.sqrt(records["squares"]), floor[:, np.newaxis])
    ratio_up = up / np.maximum(rules.far * usual, rules.beat * records["above"])
    ratio_down = down / np.maximum(rules.far * usual, rules.beat * records["below"])
    ratio, rows = np.maximum(ratio_up, ratio_down), np.arange(records.size)
    best = ratio.argmax(axis=1)
    off = np.where(ratio_up >= ratio_down, up, -down)[rows, best]
    return News(
        score=np.where(records["samples"] < rules.warmup, 0.0, ratio[rows, best]),
        off=off,
        expected=references[rows, best],
        size=np.abs(off) / usual[rows, best],
        noise=usual[rows, best] > floor,
    )


def _learn(records: Table, weight: Ints, up: Floats, down: Floats, rules: RecordRules) -> None:
    gain = _gain(records["samples"], weight, rules)[:, np.newaxis]
    kept = 0.5 ** (weight / rules.half_life)[:, np.newaxis]
    records["squares"] += gain * (np.maximum(up, down) ** 2 - records["squares"])
    records["above"] = np.maximum(kept * records["above"], up)
    records["below"] = np.maximum(kept * records["below"], down)


def _weight(counts: Ints) -> Ints:
    weight: Ints = np.minimum(counts, _HEAVIEST)
    return weight


def _gain(samples: Ints, weight: Ints, rules: RecordRules) -> Floats:
    gain: Floats = weight / np.minimum(samples + weight, rules.memory)
    return gain
