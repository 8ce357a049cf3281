"""What a benchmark yields: figures, most of them with a goal."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

__all__ = ["Figure", "Goal", "at_least", "below", "figure_from", "percentile"]

_HOLDS: dict[str, Callable[[float, float], bool]] = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound of DESIGN.md."""

    relation: Literal["≥", "≤", "<"]
    bound: float

    def is_met_by(self, value: float) -> bool:
        return _HOLDS[self.relation](value, self.bound)

    def __str__(self) -> str:
        return f"{self.relation} {self.bound:,g}"


def at_least(bound: float) -> Goal:
    return Goal("≥", bound)


def below(bound: float) -> Goal:
    return Goal("<", bound)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    Args:
        name: what was measured, in a few words.
        value: the figure, in `unit`.
        unit: "x" for a ratio to the peer, else a unit of measurement.
        goal: what it should be, where DESIGN.md has a number.
        ours: our side of a ratio, with its unit, or how the value came about.
        peer: the bare peer and what it did in the same run.
    """

    name: str
    value: float
    unit: str
    goal: Goal | None = None
    ours: str = ""
    peer: str = ""

    @property
    def is_met(self) -> bool | None:
        """None where there is no goal."""
        return None if self.goal is None else self.goal.is_met_by(self.value)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.is_met}


def figure_from(told: dict[str, Any]) -> Figure:
    """The figure of `Figure.to_json`."""
    goal = None if told["goal"] is None else Goal(**told["goal"])
    return Figure(**{key: told[key] for key in ("name", "value", "unit", "ours", "peer")}, goal=goal)


def percentile(values: list[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that `share` (0 to 1) of all values do not exceed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        msg = "no values"
        raise ValueError(msg)
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * round(share * 10_000) // 10_000))  # the ceiling, without floats
    return ordered[rank - 1]
