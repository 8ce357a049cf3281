"""A window of time cut at midnights, so that the days that lie whole within it can be read from daily sums."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sinks.clickhouse.queries.conditions import Condition, both

__all__ = ["day_pieces"]

_DAY: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)
# What ClickHouse's Date can tell; it takes any other day for one of these.
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2149, 1, 1, tzinfo=UTC)


def day_pieces(start: datetime, end: datetime, column: str) -> tuple[Condition, ...]:
    """Return conditions of which each row in [start, end] fulfils exactly one, and every other row none.

    Whole days (UTC) are bounded by `toDate(column)` only. A window that a Date cannot tell comes in one piece.
    """
    if start < _FIRST or end >= _LAST or start > end:
        return (_between(column, "", start, end),)
    first = _midnight(start) if start == _midnight(start) else _midnight(start) + _DAY
    last = _midnight(end + _TICK) - _DAY
    if last < first:
        return (_of_days(column, "", start, end),)
    pieces = [_whole(column, first.date(), last.date())]
    if start < first:
        pieces.append(_of_days(column, "head_", start, first - _TICK))
    if last + _DAY <= end:
        pieces.append(_of_days(column, "tail_", last + _DAY, end))
    return tuple(pieces)


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(), UTC)


def _whole(column: str, first: date, last: date) -> Condition:
    return _days(column, "whole_", first, last)


def _of_days(column: str, prefix: str, start: datetime, end: datetime) -> Condition:
    """By the day too: entries are sorted by it."""
    days = _days(column, prefix, start.astimezone(UTC).date(), end.astimezone(UTC).date())
    return both(days, _between(column, prefix, start, end))


def _days(column: str, prefix: str, first: date, last: date) -> Condition:
    sql = f"toDate({column}) >= {{{prefix}first:Date}} AND toDate({column}) <= {{{prefix}last:Date}}"
    return Condition(sql, {f"{prefix}first": first.isoformat(), f"{prefix}last": last.isoformat()})


def _between(column: str, prefix: str, start: datetime, end: datetime) -> Condition:
    sql = f"{column} >= {{{prefix}start:DateTime64(6, 'UTC')}} AND {column} <= {{{prefix}end:DateTime64(6, 'UTC')}}"
    return Condition(sql, {f"{prefix}start": start, f"{prefix}end": end})
