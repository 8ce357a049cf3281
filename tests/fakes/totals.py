"""A Recorder that adds up."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.metrics import Metric

__all__ = ["Totals"]


@dataclass
class Totals:
    """By a metric's name: what was counted in all, the last value of a gauge, how often a histogram was fed."""

    totals: dict[str, float] = field(default_factory=dict)

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        self.totals[metric.name] = self.totals.get(metric.name, 0) + amount

    def gauge(self, metric: Metric, value: float, **labels: str) -> None:
        self.totals[metric.name] = value

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        self.count(metric)
