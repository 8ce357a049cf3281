"""Counters that only grow, as rates: what is looked at is how fast they grow.

The last value of each counter is kept, in this process. Another process that gets the next sample has an older last
value, or none: its rate is over a longer time, or it has none yet; neither is wrong.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.intake.columns import SeriesName

__all__ = ["CounterBook", "Growth", "Reading"]

_KEPT: Final = 200_000

_Key = bytes


@dataclass(frozen=True, slots=True)
class Growth:
    """How much each of a counter's values grew, and in how many seconds (more than 0)."""

    seconds: float
    amounts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Last:
    time_ms: int
    values: tuple[float, ...]


class CounterBook:
    """The last values, at most `kept` counters: the one not heard of for longest is forgotten first."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._last: OrderedDict[_Key, _Last] = OrderedDict()

    def reading(self, tenant: str) -> Reading:
        """Return what one request reads; nothing of it is remembered before `Reading.keep`."""
        return Reading(self, tenant)

    @property
    def known(self) -> int:
        """How many counters it remembers."""
        return len(self._last)

    def _get(self, key: _Key) -> _Last | None:
        return self._last.get(key)

    def _put(self, key: _Key, last: _Last) -> None:
        known = self._last.get(key)
        if known is not None and known.time_ms >= last.time_ms:
            return
        self._last[key] = last
        self._last.move_to_end(key)
        if len(self._last) > self._kept:
            self._last.popitem(last=False)


class Reading:
    """Counters as one request reads them."""

    def __init__(self, book: CounterBook, tenant: str) -> None:
        self._book = book
        self._tenant = tenant
        self._new: dict[_Key, _Last] = {}

    def growth(self, name: SeriesName, time_ms: int, values: Sequence[float]) -> Growth | None:
        """Return the growth since the last values; None for the first, and for what is not later than the last.

        Where a value is less than before, the counter began again at 0, as Prometheus takes it.
        """
        key = _key(self._tenant, name)
        last = self._new.get(key) or self._book._get(key)  # noqa: SLF001 - the two are one thing
        if last is not None and time_ms <= last.time_ms:
            return None
        self._new[key] = _Last(time_ms, tuple(values))
        if last is None or len(last.values) != len(values):
            return None
        reset = any(now < before for before, now in zip(last.values, values, strict=True))
        base = (0.0,) * len(values) if reset else last.values
        amounts = tuple(now - before for before, now in zip(base, values, strict=True))
        return Growth((time_ms - last.time_ms) / 1000, amounts)

    def keep(self) -> None:
        """Remember what was read: once what follows from it is published."""
        for key, last in self._new.items():
            self._book._put(key, last)  # noqa: SLF001 - the two are one thing


def _key(tenant: str, name: SeriesName) -> _Key:
    text = repr((tenant, name.source, name.service, name.metric, name.labels))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
