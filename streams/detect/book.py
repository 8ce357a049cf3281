"""The series of one partition: found by name, ordered by when they were last heard, counted by service and entity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from streams.detect.alarms import SeriesName
from streams.detect.ensemble import Ensemble
from streams.detect.frames import Lineup, SeriesKey
from streams.detect.settings import DetectRules
from streams.detect.tables import Ints, Numbers, Table

__all__ = ["Book", "Places", "entity_of", "service_of"]

_SPARE_KEYS = 1_000
_SPARE_PLACES = 1_000


def service_of(name: SeriesName) -> SeriesName:
    """The unit of all series of the service."""
    return SeriesName(name.tenant, name.service, "", ())


def entity_of(name: SeriesName) -> SeriesName:
    """The unit of all series of the service with the same labels."""
    return name._replace(metric="")


@dataclass(frozen=True, slots=True)
class Places:
    """Where the series of a batch are; `ranks` count a series that comes more than once, None where none does."""

    slots: Numbers
    members: frozenset[int]
    ranks: Numbers | None

    @classmethod
    def of(cls, slots: Numbers) -> Places:
        members = frozenset(slots.tolist())
        return cls(slots, members, None if len(members) == slots.size else _ranks(slots))


def _ranks(slots: Numbers) -> Numbers:
    seen: Counter[int] = Counter()
    ranks = np.zeros_like(slots)
    for number, slot in enumerate(slots.tolist()):
        ranks[number] = seen[slot]
        seen[slot] += 1
    return ranks


class Book:
    """Not thread-safe. `watermark_ms` is the latest event time seen in the partition, `heard_ms` the wall clock then."""

    def __init__(self, rules: DetectRules) -> None:
        self.ensemble = Ensemble(rules)
        self._slots: dict[SeriesName, int] = {}
        self._keys: dict[SeriesKey, int] = {}
        self._places: dict[Lineup, Places] = {}
        self._names: dict[int, SeriesName] = {}
        self._members: Counter[SeriesName] = Counter()
        self._newest: dict[SeriesName, int] = {}
        self.watermark_ms = 0
        self.heard_ms = 0
        self.looked_ms = 0
        self.silent: dict[SeriesName, int] = {}
        """Units told to be silent, and since when."""

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def table(self) -> Table:
        """A row for each slot; those in use have a turn. Until a series is added."""
        return self.ensemble.rows.table

    def touch(self, lineup: Lineup, turn: int, first_ms: Ints) -> Places:
        """Return the slots of these series; a new one counts as heard last, at `turn` and up, one for each key."""
        places = self._places.get(lineup)
        if places is None:
            self._make_room()
            places = Places.of(self._touch(lineup.keys, turn, first_ms))
            if lineup.lasting:
                self._places[lineup] = places
        return places

    def _touch(self, keys: Sequence[SeriesKey], turn: int, first_ms: Ints) -> Numbers:
        slots = np.fromiter(map(self._keys.get, keys, repeat(-1)), np.intp, len(keys))
        for number in np.flatnonzero(slots < 0).tolist():
            slots[number] = self._find(keys[number], turn + number, int(first_ms[number]))
        return slots

    def _make_room(self) -> None:
        """What is found quickly is bounded by what there is to find."""
        if len(self._keys) > 2 * len(self._slots) + _SPARE_KEYS:
            self._keys.clear()
        if len(self._places) > _SPARE_PLACES:
            self._places.clear()

    def _find(self, key: SeriesKey, turn: int, at_ms: int) -> int:
        slot = self._slots.get(key.name)
        if slot is None:
            slot = self._add(key.name, at_ms)
            self.table["turn"][slot] = turn
        if key.written:
            self._keys[key] = slot
        return slot

    def _add(self, name: SeriesName, at_ms: int) -> int:
        slot = self.ensemble.add()
        service = service_of(name)
        self._members.update({service, entity_of(name)})
        self._newest[service] = max(at_ms, self._newest.get(service, 0))
        self._slots[name], self._names[slot] = slot, name
        return slot

    def turns(self) -> tuple[Numbers, Ints]:
        """The slots in use, and when each was last heard."""
        turns = self.table["turn"]
        slots = np.flatnonzero(turns)
        return slots, turns[slots]

    def drop(self, name: SeriesName) -> None:
        """Forget a series. Raises KeyError for one that is not there."""
        slot = self._slots.pop(name)
        del self._names[slot]
        self._keys.clear()
        self._places.clear()
        self.ensemble.drop(slot)
        for unit in {service_of(name), entity_of(name)}:
            self._members[unit] -= 1
            if self._members[unit] <= 0:
                del self._members[unit]
                self._newest.pop(unit, None)

    def name_of(self, slot: int) -> SeriesName:
        return self._names[slot]

    def slot_of(self, name: SeriesName) -> int | None:
        return self._slots.get(name)

    def members(self, unit: SeriesName) -> int:
        """How many series the service or entity has."""
        return self._members[unit]

    def newest_ms(self, name: SeriesName) -> int:
        """When the youngest series of the name's service was first heard, event time."""
        return self._newest.get(service_of(name), 0)
