"""How often each statement of a service is written, before and from a moment on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.analysis.composition import Deviation, deviations, load_factor
from agents.analysis.log_mining.table import IntArray, LineTable

__all__ = ["Rates", "rates_of"]

_HALF_NOTABLE = 0.5


@dataclass(frozen=True, slots=True)
class Rates:
    """Lines of each statement before a moment and from then on; statements by service."""

    before: IntArray
    after: IntArray
    by_service: dict[str, list[int]]

    @property
    def total_before(self) -> int:
        return int(self.before.sum())

    @property
    def total_after(self) -> int:
        return int(self.after.sum())

    def deviations(self, service: str, beyond: float = -1.0) -> tuple[Deviation, ...]:
        """Every statement (its number is the key) against what the load of the service lets expect, strongest first."""
        own = self.by_service[service]
        before = {str(k): float(self.before[k]) for k in own if self.before[k]}
        after = {str(k): float(self.after[k]) for k in own if self.after[k]}
        least = load_factor(before, after, surely=True)
        return deviations(before, after, load_factor(before, after), beyond, least)

    def contrast(self) -> float:
        """How much both sides differ, all services together."""
        found = (d for service in self.by_service for d in self.deviations(service, _HALF_NOTABLE))
        return sum((abs(one.score) - _HALF_NOTABLE) ** 2 for one in found)


def rates_of(table: LineTable, moment: float) -> Rates:
    """Count the lines before the moment, and from it on."""
    cut, size = int(np.searchsorted(table.times, moment)), len(table.statements)
    by_service: dict[str, list[int]] = {}
    for number, one in enumerate(table.statements):
        by_service.setdefault(one.service, []).append(number)
    return Rates(
        before=np.bincount(table.statement[:cut], minlength=size),
        after=np.bincount(table.statement[cut:], minlength=size),
        by_service=dict(sorted(by_service.items())),
    )
