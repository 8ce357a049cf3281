"""Robust statistics over many series at once: rows are series, columns samples, NaN a missing sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MAD_TO_SIGMA",
    "Matrix",
    "row_mad",
    "row_mean_median",
    "row_median",
    "row_quantile",
    "row_quantiles",
]

Matrix = NDArray[np.float64]

# The median absolute deviation of a normal sample times this is its standard deviation.
MAD_TO_SIGMA = 1.4826


def row_median(values: Matrix) -> Matrix:
    """Median of each row without its NaN, shape (rows,); NaN for a row that has no number."""
    low, high = _middles(values)
    return low + (high - low) / 2


def row_mean_median(values: Matrix) -> Matrix:
    """As `row_median`, and to the last bit what `numpy.nanmedian` says of each row: the mean of the two in the middle."""
    low, high = _middles(values)
    return (low + high) / 2


def _middles(values: Matrix) -> tuple[Matrix, Matrix]:
    """The number in the middle of each row, twice, or the two there; NaN for a row that has none."""
    if values.shape[1] == 0:
        none = np.full(values.shape[0], np.nan)
        return none, none
    ordered = np.sort(values, axis=1)  # NaN sort last
    count = np.sum(~np.isnan(ordered), axis=1)
    rows = np.arange(values.shape[0])
    low = ordered[rows, np.maximum((count - 1) // 2, 0)]
    high = ordered[rows, np.minimum(count // 2, values.shape[1] - 1)]
    return np.where(count > 0, low, np.nan), np.where(count > 0, high, np.nan)


def row_mad(values: Matrix, center: Matrix) -> Matrix:
    """Median absolute deviation of each row from its `center`, scaled to a standard deviation, shape (rows,)."""
    return MAD_TO_SIGMA * row_median(np.abs(values - center[:, None]))


def row_quantile(values: Matrix, share: float) -> Matrix:
    """The `share` quantile (nearest rank below) of each row without its NaN, shape (rows,)."""
    if values.shape[1] == 0:
        return np.full(values.shape[0], np.nan)
    ordered = np.sort(values, axis=1)
    count = np.sum(~np.isnan(ordered), axis=1)
    place = np.maximum(np.floor(share * (count - 1)).astype(int), 0)
    return np.where(count > 0, ordered[np.arange(values.shape[0]), place], np.nan)


def row_quantiles(values: Matrix, shares: Matrix) -> Matrix:
    """The quantiles of each row without its NaN, between samples by a straight line, shape (rows, shares)."""
    if values.shape[1] == 0:
        return np.full((values.shape[0], shares.size), np.nan)
    ordered = np.sort(values, axis=1)
    count = np.sum(~np.isnan(ordered), axis=1)
    place = shares * np.maximum(count - 1, 0)[:, None]
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(count - 1, 0)[:, None])
    below, above = np.take_along_axis(ordered, low, axis=1), np.take_along_axis(ordered, high, axis=1)
    between: Matrix = below + (above - below) * (place - low)
    return between
