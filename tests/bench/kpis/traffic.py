"""KPI messages as the remote-write intake makes them: a service's series, so many samples of each in a message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from api.intake.columns import KpiColumns, SeriesName
from schemas.events import KpiBatch

__all__ = ["Traffic"]

STEP_MS = 60_000
_SHIFTED = 50
"""One series in so many changes its level ..."""
_SHIFT_AT = 0.6
"""... after this share of the time, for an hour."""
_SHIFT_SAMPLES = 60


@dataclass(frozen=True, slots=True)
class Traffic:
    """`services` x `per_service` series, a sample a minute each from `start_ms` on; `span` samples of each a message."""

    services: int
    per_service: int
    minutes: int
    span: int
    start_ms: int

    @property
    def samples(self) -> int:
        return self.services * self.per_service * self.minutes

    @property
    def series(self) -> int:
        return self.services * self.per_service

    def batches(self) -> Iterator[KpiBatch]:
        """Yield the messages in the order in which the intake would publish them: time by time, service by service."""
        names = [self._names(service) for service in range(self.services)]
        values = self._values()
        for first in range(0, self.minutes, self.span):
            for service in range(self.services):
                columns = KpiColumns()
                for number, name in enumerate(names[service]):
                    row = values[service * self.per_service + number]
                    for minute in range(first, min(first + self.span, self.minutes)):
                        columns.add(name, self.start_ms + minute * STEP_MS, float(row[minute]))
                yield from columns.batches("acme")

    def _names(self, service: int) -> list[SeriesName]:
        return [
            SeriesName(
                "prometheus",
                f"service-{service}",
                f"http_server_{number % 10}_requests_per_second",
                "1/s",
                (("instance", f"10.0.{service}.{number // 10}:9100"), ("job", f"service-{service}")),
            )
            for number in range(self.per_service)
        ]

    def _values(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Noise around a level of each series' own; some shift by many deviations and come back."""
        rng = np.random.default_rng(20)
        levels = rng.lognormal(3.0, 1.0, self.series)
        values = levels[:, None] * (1.0 + 0.05 * rng.normal(size=(self.series, self.minutes)))
        began = round(_SHIFT_AT * self.minutes)
        values[::_SHIFTED, began : began + _SHIFT_SAMPLES] += levels[::_SHIFTED, None]
        return values
