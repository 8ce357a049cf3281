"""Rows of a table copied out and in. Every field takes eight bytes: numpy would copy a structured row field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bools", "Columns", "Floats", "Ints", "Numbers", "Table", "pick", "put"]

Table = NDArray[Any]
"""Rows of a structured type; `table["flat"]` is a column, a view."""
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = NDArray[np.intp]
"""Of rows."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Samples of several series, of each in order of time: a column's are together, columns one after another."""

    slots: Numbers
    """Of each column, the row of its series; none twice."""
    counts: Ints
    """Samples in each column, at least one."""
    times_ms: Ints
    values: Floats


def pick(table: Table, rows: Numbers) -> Table:
    """Return a copy of these rows."""
    return _words(table)[rows].reshape(-1).view(table.dtype)


def put(table: Table, rows: Numbers, part: Table) -> None:
    """Write copies back."""
    _words(table)[rows] = _words(part)


def _words(table: Table) -> NDArray[np.int64]:
    return table.view(np.int64).reshape(table.size, table.itemsize // 8)
