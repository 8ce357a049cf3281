"""All series of a partition: columns of samples in, findings out. The calm ones are rows, taken on together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from streams.detect.baseline import WARM_BLOCKS, Levels
from streams.detect.findings import Finding
from streams.detect.learning import learn_steps
from streams.detect.rows import Rows
from streams.detect.segments import Segments, segments_of
from streams.detect.series import Series
from streams.detect.settings import DetectRules
from streams.detect.tables import Bools, Columns, Floats, Ints, Numbers, Table, pick, put
from streams.detect.turning import Turning

__all__ = ["Ensemble"]

_BITE = 16
"""An object takes so many samples before it is asked whether it may be a row again."""
_TURNS = 8
"""In the last the objects take all that is left."""


class Ensemble:
    """Says the same as a `Series` for each slot would (a property test compares them)."""

    def __init__(self, rules: DetectRules) -> None:
        self._rules = rules
        self.rows = Rows(rules)
        self._apart: dict[int, Series] = {}

    def add(self) -> int:
        """Return the slot of a new series."""
        return self.rows.take()

    def drop(self, slot: int) -> None:
        self._apart.pop(slot, None)
        self.rows.give_back(slot)

    def feed(self, columns: Columns) -> Mapping[int, list[Finding]]:
        """Take samples. Returns what was found, by the column's number, where anything was."""
        found: dict[int, list[Finding]] = defaultdict(list)
        numbers = np.arange(columns.slots.size)
        with np.errstate(all="ignore"):
            for turn in range(_TURNS):
                rests: list[tuple[int, Ints, Floats]] = []
                for column, times_ms, values in self._together(columns):
                    number, slot = int(numbers[column]), int(columns.slots[column])
                    told, done = self._alone(slot, times_ms, values, wholly=turn == _TURNS - 1)
                    found[number] += told
                    if done < times_ms.size:
                        rests.append((column, times_ms[done:], values[done:]))
                if not rests:
                    break
                chosen = np.array([column for column, _, _ in rests])
                numbers, columns = numbers[chosen], _columns(columns.slots[chosen], rests)
        return {number: told for number, told in found.items() if told}

    def _together(self, columns: Columns) -> Iterator[tuple[int, Ints, Floats]]:
        """Take what can be taken with others. Yields the samples of each column that can not."""
        table = self.rows.table
        calm = table["calm"][columns.slots] != 0
        ends = np.cumsum(columns.counts)
        for column in np.flatnonzero(~calm).tolist():
            samples = slice(int(ends[column] - columns.counts[column]), int(ends[column]))
            yield column, columns.times_ms[samples], columns.values[samples]
        if not calm.any():
            return
        learn_steps(table, columns, self._rules.persist_ms)
        calm &= table["step_ms"][columns.slots] > 0
        segments = segments_of(
            columns, calm, table["last_ms"][columns.slots], table["length_ms"][columns.slots]
        )
        left = np.zeros(columns.slots.size, np.bool_)
        for part in segments.rounds():
            rows = part[~left[segments.column[part]]]
            leave = self._advance(columns.slots, segments, rows)
            for segment in rows[leave].tolist():
                column = int(segments.column[segment])
                left[column] = True
                rest = segments.rest_from(segment)
                yield column, segments.times_ms[rest], segments.values[rest]

    def _alone(self, slot: int, times_ms: Ints, values: Floats, *, wholly: bool) -> tuple[list[Finding], int]:
        """Let an object take samples until it is calm, or all of them; says how many that was."""
        series = self._apart.pop(slot, None) or self.rows.load(slot)
        found: list[Finding] = []
        done = 0
        while done < times_ms.size and (wholly or not (done and series.calm)):
            bite = slice(done, times_ms.size if wholly else done + _BITE)
            found += series.feed(times_ms[bite].tolist(), values[bite].tolist())
            done = min(bite.stop, times_ms.size)
        if series.calm:
            self.rows.store(slot, series)
        else:
            self._apart[slot] = series
            self.rows.note(slot, series)
        return found, done

    def _advance(self, all_slots: Numbers, segments: Segments, chosen: Numbers) -> Bools:
        """Take at most one segment of each series. Returns which must be taken alone; nothing was done to those."""
        slots = all_slots[segments.column[chosen]]
        rows, table = self.rows, pick(self.rows.table, slots)
        numbers, at_ms = segments.number[chosen], segments.first_ms[chosen]
        leave = np.zeros(slots.size, np.bool_)
        turning = np.flatnonzero(table["number"] != numbers)
        part = self._copy(slots[turning], pick(table, turning))
        if turning.size:
            leave[turning] = part.to(numbers[turning], at_ms[turning])
            put(table, turning, part.table)
        leave |= self._add(table, segments, chosen)
        if turning.size:
            self._keep(part, slots[turning], ~leave[turning])
        if leave.any():
            stay = np.flatnonzero(~leave)
            slots, table = slots[stay], pick(table, stay)
        put(rows.table, slots, table)
        return leave

    def _copy(self, slots: Numbers, table: Table) -> Turning:
        rows = self.rows
        records = pick(rows.records, slots) if rows.records.size else rows.records
        return Turning(self._rules, table, rows.means[slots], rows.patterns[slots], records)

    def _keep(self, part: Turning, slots: Numbers, done: Bools) -> None:
        """Write back what lies beside the table, of those that are not left: it must not be learned from twice."""
        rows, slots = self.rows, slots[done]
        rows.means[slots], rows.patterns[slots] = part.means[done], part.patterns[done]
        if part.records.size:
            put(rows.records, slots, part.records[done])

    def _add(self, table: Table, segments: Segments, chosen: Numbers) -> Bools:
        move = segments.centre[chosen] - table["base"]
        low, high = segments.low[chosen] + move, segments.high[chosen] + move
        calm = (low >= table["notice_low"]) & (high <= table["notice_high"])
        count, total = segments.count[chosen], segments.total[chosen]
        sums = segments.squares[chosen] + 2.0 * move * total + count * move * move
        leave = np.zeros(chosen.size, np.bool_)
        loud = np.flatnonzero(~calm)
        noticed = pick(table, loud)
        table["count"] += count
        table["total"] += total + count * move
        table["squares"] += sums
        table["low"], table["high"] = np.minimum(table["low"], low), np.maximum(table["high"], high)
        table["last_ms"] = segments.last_ms[chosen]
        if loud.size:
            leave[loud] = self._one_by_one(noticed, segments, chosen[loud])
            put(table, loud, noticed)
        return leave

    def _one_by_one(self, table: Table, segments: Segments, chosen: Numbers) -> Bools:
        """Take segments in which something stands out sample by sample; it is left to `Series` where it is far out."""
        levels = Levels(table)
        warm = (table["blocks"] >= WARM_BLOCKS) & (table["samples"] >= self._rules.warmup_samples)
        leave = np.zeros(chosen.size, np.bool_)
        start, count = segments.start[chosen], segments.count[chosen]
        for step in range(int(count.max())):
            rows = np.flatnonzero(count > step)
            at_ms, value = segments.times_ms[start[rows] + step], segments.values[start[rows] + step]
            off = value - table["base"][rows]
            up, down = off > table["notice_high"][rows], off < table["notice_low"][rows]
            far = np.abs(value - levels.nearest(value, rows)) > table["wide"][rows]
            leave[rows] |= (up | down) & warm[rows] & far
            for side, name in ((up, "up_ms"), (down & ~up, "down_ms")):
                first = side & (table[name][rows] == 0)
                table[name][rows[first]] = at_ms[first]
            table["count"][rows] += 1
            table["total"][rows] += off
            table["squares"][rows] += off * off
            table["low"][rows] = np.minimum(table["low"][rows], off)
            table["high"][rows] = np.maximum(table["high"][rows], off)
            table["last_ms"][rows] = at_ms
        return leave


def _columns(slots: Numbers, rests: Sequence[tuple[int, Ints, Floats]]) -> Columns:
    return Columns(
        slots,
        np.array([times_ms.size for _, times_ms, _ in rests]),
        np.concatenate([times_ms for _, times_ms, _ in rests]),
        np.concatenate([values for _, _, values in rests]),
    )
