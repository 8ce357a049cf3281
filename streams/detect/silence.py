"""Missing data: a series that the others of its partition have left behind, by event time.

A series is missed when the partition's watermark has passed its last sample by far more than the gaps between its batches.
Those that fall silent together are told together: all of a service, or all of an entity, is one alarm. An entity that was replaced
by a younger one of its service is not missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from streams.detect.alarms import SeriesName
from streams.detect.arrivals import allowance_ms, expected, least_allowance_ms
from streams.detect.book import Book, entity_of, service_of
from streams.detect.findings import Finding, Kind
from streams.detect.settings import DetectRules
from streams.detect.tables import pick

__all__ = ["look_for_silence"]


class _Quiet(NamedTuple):
    """A series that has been silent for longer than it may."""

    last_ms: int
    born_ms: int
    allowed_ms: int
    known: bool
    """Whether it would be missed."""


_Stale = Mapping[SeriesName, _Quiet]


def look_for_silence(book: Book, watermark_ms: int, rules: DetectRules) -> list[tuple[SeriesName, Finding]]:
    """Return what fell silent, what reports again and what is given up at this watermark, and note it in the book."""
    stale = _stale(book, watermark_ms, rules)
    if not stale and not book.silent:
        return []
    found = list(_again(book, stale, watermark_ms))
    found += _fallen(book, stale, watermark_ms)
    _forget(book, stale, watermark_ms, rules)
    return found


def _stale(book: Book, watermark_ms: int, rules: DetectRules) -> dict[SeriesName, _Quiet]:
    """Those unheard for longest, up to the first that was heard just now."""
    slots, turns = book.turns()
    quiet_ms = watermark_ms - book.table["last_ms"][slots]
    long = quiet_ms > least_allowance_ms(rules)
    if not long.any():
        return {}
    if not long.all():
        long &= turns < turns[~long].min()
    slots = slots[long][np.argsort(turns[long])]
    rows = pick(book.table, slots)
    allowed = allowance_ms(rows, rules)
    too_long = np.flatnonzero(watermark_ms - rows["last_ms"] > allowed)
    columns = (rows["last_ms"], rows["born_ms"], allowed, expected(rows, rules))
    facts = zip(*(column[too_long].tolist() for column in columns), strict=True)
    names = map(book.name_of, slots[too_long].tolist())
    return {name: _Quiet(*fact) for name, fact in zip(names, facts, strict=True)}


def _again(book: Book, stale: _Stale, watermark_ms: int) -> Iterator[tuple[SeriesName, Finding]]:
    left: dict[SeriesName, int] = defaultdict(int)
    for name in stale:
        for unit in {name, entity_of(name), service_of(name)}:
            left[unit] += 1
    for unit, since_ms in list(book.silent.items()):
        members = book.members(unit) if not unit.metric else int(book.slot_of(unit) is not None)
        if members == 0 or left[unit] < members:
            del book.silent[unit]
            yield unit, Finding(Kind.MISSING, False, since_ms, watermark_ms, None, adopted=members == 0)


def _fallen(book: Book, stale: _Stale, watermark_ms: int) -> Iterator[tuple[SeriesName, Finding]]:
    fresh = [name for name in stale if not _covered(book, name)]
    for unit, names in _united(book, fresh, stale).items():
        known = [stale[name] for name in names if stale[name].known]
        if not known:
            continue
        since_ms = max(one.last_ms for one in known)
        allowed = max(one.allowed_ms for one in known)
        born_ms = max(stale[name].born_ms for name in names)
        if unit != service_of(unit) and book.newest_ms(unit) > max(born_ms, since_ms - allowed):
            for name in names:
                book.drop(name)
            continue
        book.silent[unit] = since_ms
        told_ms = min(watermark_ms, since_ms + allowed)
        yield unit, Finding(Kind.MISSING, True, since_ms, told_ms, None)


def _covered(book: Book, name: SeriesName) -> bool:
    return any(unit in book.silent for unit in (name, entity_of(name), service_of(name)))


def _united(book: Book, names: Sequence[SeriesName], stale: _Stale) -> Mapping[SeriesName, list[SeriesName]]:
    """The fresh silences by the largest unit that is wholly stale."""
    silent: dict[SeriesName, int] = defaultdict(int)
    for name in stale:
        for unit in {entity_of(name), service_of(name)}:
            silent[unit] += 1
    units: dict[SeriesName, list[SeriesName]] = defaultdict(list)
    for name in names:
        whole = (
            unit
            for unit in (service_of(name), entity_of(name))
            if silent[unit] == book.members(unit) and silent[unit] > 1
        )
        units[next(whole, name)].append(name)
    return units


def _forget(book: Book, stale: _Stale, watermark_ms: int, rules: DetectRules) -> None:
    for name, quiet in stale.items():
        if watermark_ms - quiet.last_ms > rules.forget_ms and book.slot_of(name) is not None:
            book.drop(name)
