from __future__ import annotations

import math

import numpy as np
import pytest

from agents.analysis.robust import MAD_TO_SIGMA, Matrix, row_mad, row_mean_median, row_median, row_quantile

NAN = math.nan


def table(*rows: list[float]) -> Matrix:
    return np.array(rows, dtype=np.float64)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([1.0, 2.0, 3.0], 2.0),
        ([4.0, 1.0, 3.0, 2.0], 2.5),
        ([5.0], 5.0),
        ([5.0, NAN], 5.0),
        ([NAN, 1.0, NAN, 9.0, NAN], 5.0),
        ([NAN, 9.0, 1.0, NAN, 2.0], 2.0),
        ([-1.0, 1.0], 0.0),
        ([0.0, 0.0, 7.0], 0.0),
    ],
)
def test_the_median_leaves_missing_samples_out(row: list[float], expected: float) -> None:
    assert row_median(table(row)).tolist() == [expected]


def test_a_row_without_a_number_has_no_median() -> None:
    assert np.isnan(row_median(table([NAN, NAN]))).tolist() == [True]


def test_rows_are_told_apart() -> None:
    assert row_median(table([1.0, 2.0, 3.0], [NAN, NAN, 8.0], [6.0, NAN, 4.0])).tolist() == [2.0, 8.0, 5.0]


def test_two_huge_middle_values_do_not_overflow() -> None:
    biggest = float(np.finfo(np.float64).max)
    assert row_median(table([biggest, biggest])).tolist() == [biggest]


@pytest.mark.parametrize("rows", [1, 3])
def test_a_table_without_columns_has_a_nan_for_every_row(rows: int) -> None:
    empty = np.empty((rows, 0))
    assert np.isnan(row_median(empty)).tolist() == [True] * rows
    assert np.isnan(row_quantile(empty, 0.9)).tolist() == [True] * rows


def test_a_single_column_is_its_own_median_and_quantile() -> None:
    column = table([3.0], [NAN])
    assert row_median(column)[0] == row_quantile(column, 0.5)[0] == 3.0
    assert np.isnan([row_median(column)[1], row_quantile(column, 0.5)[1]]).all()


def test_the_spread_is_scaled_to_a_standard_deviation() -> None:
    assert row_mad(table([1.0, 2.0, 3.0, 4.0, 100.0]), np.array([3.0])).tolist() == [MAD_TO_SIGMA]
    assert pytest.approx(1.4826) == MAD_TO_SIGMA


def test_the_spread_is_measured_from_the_given_centre() -> None:
    values = table([1.0, 1.0, 1.0], [1.0, NAN, 5.0])
    assert row_mad(values, np.array([3.0, 1.0])).tolist() == [2 * MAD_TO_SIGMA, 2 * MAD_TO_SIGMA]


def test_a_normal_samples_spread_is_near_its_standard_deviation() -> None:
    sample = np.random.default_rng(3).normal(10.0, 2.5, size=(1, 20_000))
    assert row_mad(sample, row_median(sample))[0] == pytest.approx(2.5, rel=0.03)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, 1.0), (0.24, 1.0), (0.25, 2.0), (0.5, 3.0), (0.74, 3.0), (0.75, 4.0), (0.99, 4.0), (1.0, 5.0)],
)
def test_a_quantile_is_the_nearest_rank_below(share: float, expected: float) -> None:
    assert row_quantile(table([3.0, 1.0, 5.0, 2.0, 4.0]), share).tolist() == [expected]


def test_a_quantile_counts_the_known_samples_only() -> None:
    assert row_quantile(table([NAN, 2.0, NAN, 1.0, 3.0]), 0.5).tolist() == [2.0]
    assert np.isnan(row_quantile(table([NAN, NAN, NAN]), 0.5)).tolist() == [True]


def test_nothing_is_written_to_what_was_given() -> None:
    values = table([3.0, 1.0, NAN, 2.0])
    before = values.copy()
    center = row_median(values)
    row_mad(values, center)
    row_quantile(values, 0.9)
    np.testing.assert_array_equal(values, before)


def test_the_mean_median_is_numpys_to_the_last_bit() -> None:
    rng = np.random.default_rng(3)
    for width in (1, 2, 7, 8):
        values = rng.standard_normal((50, width)) * 10.0 ** rng.integers(-9, 9, (50, width))
        values[rng.random(values.shape) < 0.2] = np.nan
        values[:, 0] = 1.1
        assert row_mean_median(values).tolist() == np.nanmedian(values, axis=1).tolist()
    assert np.isnan(row_mean_median(np.empty((2, 0)))).all()
