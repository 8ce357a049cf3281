"""Missing data: a series that the others of its partition have left behind, by event time.

A series is missed when the partition's watermark has passed its last sample by far more than the gaps between its batches.
Those that fall silent together are told together: all of a service, or all of an entity, is one alarm. An entity that was replaced
by a younger one of its service is not missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from streams.detect.alarms import SeriesName
from streams.detect.book import Book, entity_of, service_of
from streams.detect.findings import Finding, Kind
from streams.detect.series import Series
from streams.detect.settings import DetectRules

__all__ = ["allowance_ms", "look_for_silence", "note_arrival"]

_PERSISTS = 3
_STEPS = 6
_GAPS = 3
_GAPS_TO_LEARN = 3
_FADE = 32


def allowance_ms(series: Series, rules: DetectRules) -> int:
    """How long the series may be silent: three of its usual gaps and the persistence, at least."""
    return max(
        _PERSISTS * rules.persist_ms, _STEPS * series.step_ms, _GAPS * series.gap_ms + rules.persist_ms, 1
    )


def note_arrival(series: Series, heard_ms: int, watermark_ms: int, rules: DetectRules) -> None:
    """Learn the largest usual gap, in event time, from a column that brought news.

    A gap reaches from the newest sample of the series before, `heard_ms`, to its newest now, or to the partition's
    watermark before the column came where that is further on. The largest fades with each arrival. Once gaps are known,
    one beyond what is allowed counts as that much: an outage is no habit, but what recurs becomes one.
    """
    if not heard_ms:
        return
    gap_ms = max(series.last_ms, watermark_ms) - heard_ms
    if gap_ms > series.gap_ms and series.gaps >= _GAPS_TO_LEARN:
        gap_ms = min(gap_ms, allowance_ms(series, rules))
    series.gaps += 1
    series.gap_ms = max(gap_ms, series.gap_ms - series.gap_ms // _FADE)


def _expected(series: Series) -> bool:
    """Whether enough is known of the series to miss it."""
    return series.learned and series.gaps >= _GAPS_TO_LEARN


def look_for_silence(book: Book, watermark_ms: int, rules: DetectRules) -> list[tuple[SeriesName, Finding]]:
    """Return what fell silent, what reports again and what is given up at this watermark, and note it in the book."""
    stale = _stale(book, watermark_ms, rules)
    found = list(_again(book, stale, watermark_ms))
    found += _fallen(book, stale, watermark_ms, rules)
    _forget(book, stale, watermark_ms, rules)
    return found


def _stale(book: Book, watermark_ms: int, rules: DetectRules) -> dict[SeriesName, Series]:
    stale: dict[SeriesName, Series] = {}
    least = _PERSISTS * rules.persist_ms
    for name, series in book.longest_unheard():
        quiet_ms = watermark_ms - series.last_ms
        if quiet_ms <= least:
            break
        if quiet_ms > allowance_ms(series, rules):
            stale[name] = series
    return stale


def _again(
    book: Book, stale: Mapping[SeriesName, Series], watermark_ms: int
) -> Iterator[tuple[SeriesName, Finding]]:
    left: dict[SeriesName, int] = defaultdict(int)
    for name in stale:
        for unit in {name, entity_of(name), service_of(name)}:
            left[unit] += 1
    for unit, since_ms in list(book.silent.items()):
        members = book.members(unit) if not unit.metric else int(book.get(unit) is not None)
        if members == 0 or left[unit] < members:
            del book.silent[unit]
            yield unit, Finding(Kind.MISSING, False, since_ms, watermark_ms, None, adopted=members == 0)


def _fallen(
    book: Book, stale: Mapping[SeriesName, Series], watermark_ms: int, rules: DetectRules
) -> Iterator[tuple[SeriesName, Finding]]:
    fresh = [name for name in stale if not _covered(book, name)]
    for unit, names in _united(book, fresh, stale).items():
        known = [name for name in names if _expected(stale[name])]
        if not known:
            continue
        since_ms = max(stale[name].last_ms for name in known)
        allowed = max(allowance_ms(stale[name], rules) for name in known)
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


def _united(
    book: Book, names: Sequence[SeriesName], stale: Mapping[SeriesName, Series]
) -> Mapping[SeriesName, list[SeriesName]]:
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


def _forget(book: Book, stale: Mapping[SeriesName, Series], watermark_ms: int, rules: DetectRules) -> None:
    for name, series in stale.items():
        if watermark_ms - series.last_ms > rules.forget_ms and book.get(name) is not None:
            book.drop(name)
