"""The series of one partition: found by name, ordered by when they were last heard, counted by service and entity."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator

from streams.detect.alarms import SeriesName
from streams.detect.series import Series
from streams.detect.settings import DetectRules

__all__ = ["Book", "entity_of", "service_of"]


def service_of(name: SeriesName) -> SeriesName:
    """The unit of all series of the service."""
    return SeriesName(name.tenant, name.service, "", ())


def entity_of(name: SeriesName) -> SeriesName:
    """The unit of all series of the service with the same labels."""
    return name._replace(metric="")


class Book:
    """Not thread-safe. `watermark_ms` is the latest event time seen in the partition, `heard_ms` the wall clock then."""

    def __init__(self, rules: DetectRules) -> None:
        self._rules = rules
        self._series: OrderedDict[SeriesName, Series] = OrderedDict()
        self._members: Counter[SeriesName] = Counter()
        self._newest: dict[SeriesName, int] = {}
        self.watermark_ms = 0
        self.heard_ms = 0
        self.looked_ms = 0
        self.silent: dict[SeriesName, int] = {}
        """Units told to be silent, and since when."""

    def __len__(self) -> int:
        return len(self._series)

    def touch(self, name: SeriesName, turn: int, at_ms: int) -> Series:
        """Return the series, new if need be; a new one counts as heard last."""
        series = self._series.get(name)
        if series is None:
            series = Series(self._rules)
            series.turn = turn
            service = service_of(name)
            self._members.update({service, entity_of(name)})
            self._newest[service] = max(at_ms, self._newest.get(service, 0))
            self._series[name] = series
        return series

    def heard(self, name: SeriesName, series: Series, turn: int) -> None:
        """Note that the series told something; `turn` grows with each call."""
        series.turn = turn
        self._series.move_to_end(name)

    def oldest_turn(self) -> int | None:
        return next((series.turn for series in self._series.values()), None)

    def drop_oldest(self) -> None:
        self.drop(next(iter(self._series)))

    def drop(self, name: SeriesName) -> None:
        del self._series[name]
        for unit in {service_of(name), entity_of(name)}:
            self._members[unit] -= 1
            if self._members[unit] <= 0:
                del self._members[unit]
                self._newest.pop(unit, None)

    def longest_unheard(self) -> Iterator[tuple[SeriesName, Series]]:
        """Yield the series, the one unheard for longest first. The book must not change meanwhile."""
        yield from self._series.items()

    def get(self, name: SeriesName) -> Series | None:
        return self._series.get(name)

    def members(self, unit: SeriesName) -> int:
        """How many series the service or entity has."""
        return self._members[unit]

    def newest_ms(self, name: SeriesName) -> int:
        """When the youngest series of the name's service was first heard, event time."""
        return self._newest.get(service_of(name), 0)
