"""The corpus of the Numenta Anomaly Benchmark as it comes: series as CSV files by group, and the windows to detect.

Below its folder are `data/<group>/<name>.csv` with the columns `timestamp` (no zone: taken as UTC) and `value`, and
`labels/combined_windows.json`, which maps `<group>/<name>.csv` to a list of first and last times, inclusive.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from schemas.errors import InvalidRequestError

__all__ = ["NabSeries", "read_corpus"]

_LABELS = Path("labels") / "combined_windows.json"
_Windows = TypeAdapter(dict[str, list[tuple[datetime, datetime]]])


@dataclass(frozen=True, slots=True)
class NabSeries:
    """One file. Times are milliseconds since the epoch, in the file's order; windows as in `Recording`."""

    name: str
    group: str
    times_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    windows: tuple[tuple[int, int], ...]


def read_corpus(root: Path) -> tuple[NabSeries, ...]:
    """Return all labelled series below a folder, by name. Blocks on the file system.

    Raises:
        InvalidRequestError: it is not the benchmark's folder, or a file is not what it should be.
    """
    try:
        windows = _Windows.validate_json((root / _LABELS).read_bytes())
        return tuple(_read(root, name, windows[name]) for name in sorted(windows))
    except (OSError, ValueError, ValidationError, KeyError) as error:
        raise InvalidRequestError(
            f"{root} is not the benchmark's folder: {error}",
            cure="It holds data/ and labels/ of numenta/NAB.",
        ) from error


def _read(root: Path, name: str, windows: Sequence[tuple[datetime, datetime]]) -> NabSeries:
    with (root / "data" / name).open(encoding="utf-8", newline="") as file:
        rows = [
            (_ms(datetime.fromisoformat(row["timestamp"])), float(row["value"]))
            for row in csv.DictReader(file)
        ]
    times_ms = np.array([at for at, _ in rows], np.int64)
    return NabSeries(
        name,
        name.split("/", 1)[0],
        times_ms,
        np.array([value for _, value in rows]),
        tuple(_span(times_ms, _ms(first), _ms(last)) for first, last in windows),
    )


def _ms(at: datetime) -> int:
    return round(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000)


def _span(times_ms: NDArray[np.int64], first_ms: int, last_ms: int) -> tuple[int, int]:
    inside = np.flatnonzero((times_ms >= first_ms) & (times_ms <= last_ms))
    if not inside.size:
        raise ValueError("a window holds no sample")
    return int(inside[0]), int(inside[-1])
