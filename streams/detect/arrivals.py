"""How often series tell something: the gaps between their columns, and how long a silence is nothing yet."""

from __future__ import annotations

import numpy as np

from streams.detect.settings import DetectRules
from streams.detect.tables import Bools, Ints, Numbers, Table, pick

__all__ = ["allowance_ms", "expected", "least_allowance_ms", "note_arrivals"]

_PERSISTS = 3
_STEPS = 6
_GAPS = 3
_GAPS_TO_LEARN = 3
_FADE = 32


def least_allowance_ms(rules: DetectRules) -> int:
    """What is allowed to every series."""
    return _PERSISTS * rules.persist_ms


def allowance_ms(rows: Table, rules: DetectRules) -> Ints:
    """How long each of these series may be silent: three of its usual gaps and the persistence, at least."""
    by_gap = _GAPS * rows["gap_ms"] + rules.persist_ms
    allowed: Ints = np.maximum(
        np.maximum(_STEPS * rows["step_ms"], by_gap), max(least_allowance_ms(rules), 1)
    )
    return allowed


def expected(rows: Table, rules: DetectRules) -> Bools:
    """Whether enough is known of each of these series to miss it."""
    learned = (rows["step_ms"] > 0) & (rows["samples"] >= rules.warmup_samples)
    known: Bools = learned & (rows["gaps"] >= _GAPS_TO_LEARN)
    return known


def note_arrivals(
    table: Table, slots: Numbers, heard_ms: Ints, watermark_ms: Ints, rules: DetectRules
) -> None:
    """Learn the largest usual gap, in event time, from columns that brought news, one each of the series in these slots.

    A gap reaches from the newest sample of the series before, `heard_ms`, to its newest now, or to the partition's
    watermark before the column came where that is further on. The largest fades with each arrival. Once gaps are known,
    one beyond what is allowed counts as that much: an outage is no habit, but what recurs becomes one.
    """
    known = heard_ms != 0
    slots, heard_ms, watermark_ms = slots[known], heard_ms[known], watermark_ms[known]
    usual, gaps = table["gap_ms"][slots], table["gaps"][slots]
    gap_ms = np.maximum(table["last_ms"][slots], watermark_ms) - heard_ms
    wide = (gap_ms > usual) & (gaps >= _GAPS_TO_LEARN)
    if wide.any():
        gap_ms = np.where(wide, np.minimum(gap_ms, allowance_ms(pick(table, slots), rules)), gap_ms)
    table["gaps"][slots] = gaps + 1
    table["gap_ms"][slots] = np.maximum(gap_ms, usual - usual // _FADE)
