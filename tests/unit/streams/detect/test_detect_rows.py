from __future__ import annotations

import numpy as np
import pytest

from streams.detect.ensemble import Ensemble
from streams.detect.rows import ROW, Rows
from streams.detect.season import BINS
from streams.detect.segments import segments_of
from streams.detect.series import Series
from streams.detect.settings import DetectRules, Method
from streams.detect.tables import Columns, pick, put
from tests.unit.streams.detect.kpi_shapes import T0, times


def _state(series: Series) -> list[object]:
    """All of it, as text: NaN is equal to itself there."""
    return [
        repr(one)
        for one in (
            series.baseline,
            series.block,
            series.run,
            [getattr(series.trend, name) for name in ("means", "sums", "count", "origin")],
            series.profile and [getattr(series.profile, name) for name in ("means", "bin", "total", "count")],
            (series.length_ms, series.step_ms, series.born_ms, series.last_ms),
            (series.notice_low, series.notice_high, series.wide),
            None if series.records is None else series.records.tolist(),
        )
    ]


@pytest.mark.parametrize("season_s", [0.0, 86_400.0])
@pytest.mark.parametrize("method", Method)
def test_a_row_holds_all_of_a_calm_series(season_s: float, method: Method) -> None:
    rules = DetectRules(season_s=season_s, method=method)
    series = Series(rules)
    series.feed(times(3_000, 60.0), np.random.default_rng(1).normal(5, 1, 3_000).tolist())
    assert series.calm
    rows = Rows(rules)
    slot = rows.take()
    rows.store(slot, series)
    assert rows.table["calm"][slot] == 1
    assert _state(rows.load(slot)) == _state(series)
    assert rows.table["calm"][slot] == 0


@pytest.mark.parametrize("method", Method)
def test_a_new_row_is_a_new_series(method: Method) -> None:
    rules = DetectRules(method=method)
    rows = Rows(rules)
    slot = rows.take()
    rows.store(slot, _learned(rules))
    rows.give_back(slot)
    assert rows.take() == slot
    assert _state(rows.load(slot)) == _state(Series(rules))


def _learned(rules: DetectRules) -> Series:
    series = Series(rules)
    series.feed(times(900, 60.0), np.random.default_rng(3).normal(5, 1, 900).tolist())
    return series


def test_what_is_not_looked_for_takes_no_room() -> None:
    assert Rows(DetectRules()).records.size == 0
    assert Rows(DetectRules(method=Method.RECORDS)).records.itemsize <= 128


def test_records_are_kept_when_rows_grow() -> None:
    rules = DetectRules(method=Method.RECORDS)
    rows = Rows(rules)
    slot, series = rows.take(), _learned(rules)
    rows.store(slot, series)
    for _ in range(200):
        rows.take()
    assert _state(rows.load(slot)) == _state(series)


def test_rows_grow_and_keep_what_they_hold() -> None:
    rows = Rows(DetectRules())
    slots = [rows.take() for _ in range(200)]
    assert len(set(slots)) == 200
    for slot in slots:
        rows.table["flat"][slot] = slot
    slots += [rows.take() for _ in range(400)]
    assert rows.table["flat"][slots[:200]].tolist() == slots[:200]
    rows.give_back(slots[7])
    assert rows.take() == slots[7]
    assert np.isnan(rows.table["flat"][slots[7]])


def test_a_row_takes_half_of_what_an_object_takes() -> None:
    assert ROW.itemsize + 4 * BINS + 4 * 48 < 1_300
    assert ROW.itemsize % 8 == 0


def test_rows_are_copied_out_and_in() -> None:
    table = np.zeros(5, ROW)
    table["flat"] = np.arange(5)
    some = np.array([3, 1])
    part = pick(table, some)
    part["flat"] += 10
    assert table["flat"].tolist() == [0, 1, 2, 3, 4]
    put(table, some, part)
    assert table["flat"].tolist() == [0, 11, 2, 13, 4]


def _columns(*columns: list[tuple[int, float]]) -> Columns:
    samples = [one for column in columns for one in column]
    return Columns(
        np.arange(len(columns)),
        np.array([len(column) for column in columns]),
        np.array([at for at, _ in samples]),
        np.array([value for _, value in samples]),
    )


def test_columns_are_cut_where_blocks_begin() -> None:
    columns = _columns([(1, 1.0), (9, 3.0), (10, 7.0), (25, 2.0)], [(5, 5.0)], [(11, 1.0), (12, 2.0)])
    cut = segments_of(columns, np.array([True, True, True]), np.zeros(3, np.int64), np.array([10, 10, 10]))
    assert cut.column.tolist() == [0, 0, 0, 1, 2]
    assert cut.number.tolist() == [0, 1, 2, 0, 1]
    assert (cut.count.tolist(), cut.total.tolist()) == ([2, 1, 1, 1, 2], [2.0, 0.0, 0.0, 0.0, 1.0])
    assert (cut.first_ms.tolist(), cut.last_ms.tolist()) == ([1, 10, 25, 5, 11], [9, 10, 25, 5, 12])
    assert [part.tolist() for part in cut.rounds()] == [[0, 3, 4], [1], [2]]
    assert [cut.rest_from(number) for number in (1, 3, 4)] == [slice(2, 4), slice(4, 5), slice(5, 7)]


def test_what_does_not_count_is_in_no_segment() -> None:
    columns = _columns([(1, 1.0), (2, np.nan), (2, 3.0), (2, 4.0), (3, 1e200)], [(5, 5.0)], [(5, 6.0)])
    cut = segments_of(columns, np.array([True, True, False]), np.array([0, 5, 0]), np.array([10, 10, 10]))
    assert (cut.column.tolist(), cut.times_ms.tolist(), cut.values.tolist()) == ([0], [1, 2], [1.0, 3.0])


def test_a_series_in_alarm_is_apart_until_it_clears() -> None:
    ensemble = Ensemble(DetectRules())
    slot = ensemble.add()
    values = np.random.default_rng(2).normal(0, 1, 600)
    values[300:360] += 30
    calm = []
    for start in range(0, 600, 10):
        at = T0 + 10_000 * np.arange(start, start + 10)
        ensemble.feed(Columns(np.array([slot]), np.array([10]), at, values[start : start + 10]))
        calm.append(int(ensemble.rows.table["calm"][slot]))
    assert calm[:30] == [1] * 30
    assert 0 in calm[30:40]
    assert calm[-1] == 1
    assert ensemble.rows.table["last_ms"][slot] == T0 + 5_990_000


def test_a_dropped_series_leaves_nothing_behind() -> None:
    ensemble = Ensemble(DetectRules())
    slot = ensemble.add()
    for values in ([1.0] * 200, [500.0] * 9):
        last = int(ensemble.rows.table["last_ms"][slot]) or T0
        at = last + 10_000 * np.arange(1, len(values) + 1)
        ensemble.feed(Columns(np.array([slot]), np.array([len(values)]), at, np.array(values)))
    ensemble.drop(slot)
    assert ensemble.add() == slot
    assert ensemble.rows.table["last_ms"][slot] == 0
    assert ensemble.feed(Columns(np.array([slot]), np.array([1]), np.array([T0]), np.array([1.0]))) == {}
