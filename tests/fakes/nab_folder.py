"""A corpus in the form of the Numenta Anomaly Benchmark, small and made up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOTHING_WRONG", "SHIFTED", "write_nab"]

_BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
_STEP = timedelta(minutes=5)
_LENGTH = 800
SHIFTED, NOTHING_WRONG = "made/shifted.csv", "calm/nothing_wrong.csv"


def write_nab(root: Path) -> Path:
    """Write three series: one shifts far at sample 500, one a little at 600, one is noise; windows of 100 samples."""
    rng = np.random.default_rng(11)
    noise = rng.uniform(9, 11, (3, _LENGTH))
    noise[0, 500:700] += 30
    noise[1, 600:] += 0.6
    corpus = {SHIFTED: noise[0], "near/shifted_a_little.csv": noise[1], NOTHING_WRONG: noise[2]}
    windows = {SHIFTED: (490, 589), "near/shifted_a_little.csv": (590, 689)}
    _write(root, corpus, windows)
    return root


def _write(
    root: Path, corpus: Mapping[str, NDArray[np.float64]], windows: Mapping[str, tuple[int, int]]
) -> None:
    for name, values in corpus.items():
        path = root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = (f"{_at(number)},{value!r}\n" for number, value in enumerate(values.tolist()))
        path.write_text("timestamp,value\n" + "".join(rows), encoding="utf-8")
    labels = {
        name: [[f"{_at(end)}.000000" for end in windows[name]]] if name in windows else [] for name in corpus
    }
    (root / "labels").mkdir()
    (root / "labels" / "combined_windows.json").write_text(json.dumps(labels), encoding="utf-8")


def _at(number: int) -> str:
    return (_BEGIN + number * _STEP).strftime("%Y-%m-%d %H:%M:%S")
