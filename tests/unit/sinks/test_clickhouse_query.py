from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, OperationalError

from schemas.errors import (
    ConfigurationError,
    InvalidEventError,
    InvalidRequestError,
    RateLimitedError,
    TerminalError,
    TimeLimitError,
    TocsinError,
    UnavailableError,
)
from sinks.clickhouse.failures import translated
from sinks.clickhouse.query import Query


def test_text_is_escaped() -> None:
    query = Query("q", "SELECT {a:String}", {"a": "it's \\ \n"})

    assert query.rendered() == r"SELECT 'it\'s \\ \n'"


def test_what_looks_like_a_placeholder_in_a_value_is_left_alone() -> None:
    query = Query("q", "SELECT {a:String}, {b:String}", {"a": "{b:String}", "b": "x"})

    assert query.rendered() == "SELECT '{b:String}', 'x'"


def test_an_instant_is_written_in_utc_with_its_type() -> None:
    at = datetime(2026, 1, 2, 4, tzinfo=timezone(timedelta(hours=1)))
    query = Query("q", "SELECT {at:DateTime64(6, 'UTC')}", {"at": at})

    assert query.rendered() == r"SELECT CAST('2026-01-02 03:00:00.000000', 'DateTime64(6, \'UTC\')')"
    assert query.bound() == {"at": "2026-01-02 03:00:00.000000"}


def test_an_empty_list_keeps_its_type() -> None:
    assert Query("q", "{a:Array(String)}", {"a": ()}).rendered() == "CAST([], 'Array(String)')"


def test_a_missing_parameter_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="lacks its parameter b"):
        Query("q", "SELECT {b:String}", {"a": "x"}).rendered()


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        Query("q", "SELECT {a:DateTime}", {"a": datetime(2026, 1, 1)}).rendered()  # noqa: DTZ001 - what is refused


def test_an_instant_keeps_its_microseconds() -> None:
    at = datetime(2026, 1, 1, microsecond=7, tzinfo=UTC)

    assert Query("q", "", {"a": at}).bound() == {"a": "2026-01-01 00:00:00.000007"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DatabaseError("parts", code=252), RateLimitedError),
        (DatabaseError("memory", code=241), UnavailableError),
        (DatabaseError("slow", code=159), TimeLimitError),
        (DatabaseError("hopeless", code=160), TimeLimitError),
        (DatabaseError("who", code=516), ConfigurationError),
        (DatabaseError("table", code=60), ConfigurationError),
        (DatabaseError("database", code=81), ConfigurationError),
        (DatabaseError("syntax", code=62), TerminalError),
        (DatabaseError("proxy"), TerminalError),
        (OperationalError("network"), UnavailableError),
        (DataError("column"), InvalidEventError),
        (ConnectionResetError("reset"), UnavailableError),
        (TimeoutError(), UnavailableError),
    ],
)
def test_failures_are_of_the_one_tree(error: Exception, expected: type[TocsinError]) -> None:
    with pytest.raises(expected) as caught, translated("try"):
        raise error

    assert type(caught.value) is expected
    assert caught.value.__cause__ is error
    assert str(caught.value).startswith("try: ")
