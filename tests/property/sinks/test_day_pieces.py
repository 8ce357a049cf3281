from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sinks.clickhouse.queries.conditions import Condition
from sinks.clickhouse.queries.day_pieces import day_pieces
from sinks.clickhouse.query import Parameter

_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
_MIDNIGHT = datetime(2026, 2, 27, tzinfo=UTC)
_NEAR = st.builds(
    lambda days, ticks: _MIDNIGHT + days * _DAY + ticks * _TICK,
    st.integers(0, 4),
    st.integers(-2, 2) | st.integers(0, 86_400_000_000 - 1),
)
_ANY = st.datetimes(timezones=st.just(UTC))


def _holds(piece: Condition, at: datetime) -> bool:
    """What ClickHouse would say of a row at this time; the prefixes of parameters tell what they bound."""

    def told(name: str) -> Parameter | None:
        return next((value for key, value in piece.parameters.items() if key.endswith(name)), None)

    first, last, start, end = told("first"), told("last"), told("start"), told("end")
    days = first is None or date.fromisoformat(str(first)) <= at.date() <= date.fromisoformat(str(last))
    assert not isinstance(start, str)
    return days and (start is None or (start <= at <= end))  # type: ignore[operator]  # both are instants


@given(start=_NEAR, end=_NEAR, at=_NEAR)
def test_a_row_in_the_window_is_in_exactly_one_piece(start: datetime, end: datetime, at: datetime) -> None:
    pieces = day_pieces(start, end, "t")

    assert sum(_holds(piece, at) for piece in pieces) == (start <= at <= end)
    names = [name for piece in pieces for name in piece.parameters]
    assert len(names) == len(set(names))


@given(start=_NEAR, end=_NEAR)
def test_no_day_that_is_whole_within_the_window_is_read_by_its_rows(start: datetime, end: datetime) -> None:
    of_rows = [piece for piece in day_pieces(start, end, "t") if "start:" in piece.sql]

    for piece in of_rows if start <= end else ():
        bounds = sorted(value for value in piece.parameters.values() if isinstance(value, datetime))
        midnights = [_MIDNIGHT + n * _DAY for n in range(-1, 7)]
        assert not [one for one in midnights if bounds[0] <= one and one + _DAY - _TICK <= bounds[1]]
    assert len(of_rows) <= 2


@given(start=_ANY, end=_ANY)
def test_every_window_that_can_be_written_has_pieces(start: datetime, end: datetime) -> None:
    for piece in day_pieces(start, end, "t"):
        for name in piece.parameters:
            assert f"{{{name}:" in piece.sql


def test_a_window_beyond_what_a_date_can_tell_is_one_piece() -> None:
    (piece,) = day_pieces(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC), "t")

    assert "toDate" not in piece.sql


def test_whole_days_are_one_piece_without_instants() -> None:
    (piece,) = day_pieces(_MIDNIGHT, _MIDNIGHT + 2 * _DAY - _TICK, "t")

    assert dict(piece.parameters) == {"whole_first": "2026-02-27", "whole_last": "2026-02-28"}
