"""BARO's robust scorer (Pham et al., FSE 2024), as published by its authors, over the same samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from agents.analysis.signals import IncidentData

__all__ = ["Baro", "Scorer", "published"]

_MARK = "|"
_CURE = "BARO is not installed: pip install -e '.[bench]'"
Scorer = Callable[..., Mapping[str, list[str]]]
"""Takes a frame with a column `time` and one a series, and `inject_time`; its `ranks` are columns, the likeliest first."""


def published() -> Scorer:
    """The scorer of the PyPI package fse-baro.

    Raises:
        RuntimeError: it is not installed; the message says what to do.
    """
    try:
        scorer: Scorer = import_module("baro.root_cause_analysis").robust_scorer
    except ImportError as error:
        raise RuntimeError(_CURE) from error
    return scorer


@dataclass(frozen=True, slots=True)
class Baro:
    """One incident in the form that it reads: a frame with a column a series, holes filled with what came before.

    It is told when the alarm was raised: from our earlier start of the window on it is right less often. Only who may
    be named counts, as with us.
    """

    scorer: Scorer
    frame: Any
    since: float
    candidates: frozenset[str]

    @classmethod
    def of(cls, scorer: Scorer, data: IncidentData) -> Baro:
        """Make the frame; no part of what is timed, though ours begins from the series."""
        pandas = import_module("pandas")
        columns = {
            f"{one.service}{_MARK}{one.metric}": pandas.Series(one.values, one.times) for one in data.kpis
        }
        frame = pandas.DataFrame(columns).replace([np.inf, -np.inf], np.nan).ffill().bfill().fillna(0.0)
        frame = frame[(frame.index >= data.window.baseline_start) & (frame.index <= data.window.end)]
        return cls(scorer, frame.rename_axis("time").reset_index(), data.window.alarm_at, data.candidates)

    def ranked(self) -> tuple[str, ...]:
        """Services in the order of their first series."""
        found = self.scorer(self.frame, inject_time=self.since)["ranks"]
        services = dict.fromkeys(name.partition(_MARK)[0] for name in found)
        return tuple(one for one in services if not self.candidates or one in self.candidates)
