"""The first samples of new series, many at once: only how far apart they are is looked at."""

from __future__ import annotations

import numpy as np

from streams.detect.blocks import LIMIT, MIN_SAMPLES, STEPS_TO_LEARN, least_length_ms
from streams.detect.tables import Columns, Ints, Numbers, Table

__all__ = ["learn_steps"]


def learn_steps(table: Table, columns: Columns, persist_ms: int) -> None:
    """What `Series` does first, for those of these series that do not know their step yet; in place.

    Samples that were used for it are not later than the series' last one then, so that nothing counts them again.
    """
    new = np.flatnonzero(table["step_ms"][columns.slots] == 0)
    if not new.size:
        return
    slots, counts = columns.slots[new], columns.counts[new]
    starts = (np.cumsum(columns.counts) - columns.counts)[new]
    for number in range(int(counts.max())):
        here = np.flatnonzero((counts > number) & (table["step_ms"][slots] == 0))
        if not here.size:
            return
        spots = starts[here] + number
        _take(table, slots[here], columns.times_ms[spots], np.abs(columns.values[spots]) < LIMIT)
        learned = slots[here][table["steps_seen"][slots[here]] == STEPS_TO_LEARN]
        if learned.size:
            _know(table, learned, persist_ms)


def _take(
    table: Table, slots: Numbers, at_ms: Ints, valid: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> None:
    last_ms = table["last_ms"][slots]
    counts = np.flatnonzero(valid & (at_ms > last_ms))
    slots, at_ms, last_ms = slots[counts], at_ms[counts], last_ms[counts]
    table["last_ms"][slots] = at_ms
    begun = last_ms != 0
    unborn = slots[table["born_ms"][slots] == 0]
    table["born_ms"][unborn] = table["last_ms"][unborn]
    slots, steps_ms = slots[begun], (at_ms - last_ms)[begun]
    seen = table["steps_seen"][slots]
    table["steps"][slots, seen] = steps_ms
    table["steps_seen"][slots] = seen + 1


def _know(table: Table, slots: Numbers, persist_ms: int) -> None:
    """`block_length_ms` for many."""
    step_ms = np.sort(table["steps"][slots], axis=1)[:, STEPS_TO_LEARN // 2]
    length_ms = np.full(slots.size, least_length_ms(persist_ms))
    while (short := length_ms < MIN_SAMPLES * step_ms).any():
        length_ms[short] *= 2
    table["step_ms"][slots], table["length_ms"][slots] = step_ms, length_ms
