"""What ClickHouse and the way to it can answer, as errors of the one tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.exceptions import (
    ClickHouseError,
    DataError,
    Error,
    OperationalError,
)

from schemas.errors import (
    ConfigurationError,
    InvalidEventError,
    RateLimitedError,
    TerminalError,
    TimeLimitError,
    TocsinError,
    UnavailableError,
)

__all__ = ["translated"]

# Numbers of ClickHouse's ErrorCodes.cpp.
_BUSY = frozenset({202, 252, 439, 745})  # too many queries, too many parts, no thread, server overloaded
_OVER_TIME = frozenset({159, 160})  # TIMEOUT_EXCEEDED, TOO_SLOW: by ClickHouse's own forecast
_PASSING = frozenset(
    {
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        236,  # ABORTED
        241,  # MEMORY_LIMIT_EXCEEDED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        394,  # QUERY_WAS_CANCELLED
        473,  # DEADLOCK_AVOIDED
    }
)
_CREDENTIALS = "Set the user and password that ClickHouse knows."
_MIGRATE = "Bring the tables up to date: `tocsin migrate`."
_CURES = dict.fromkeys((192, 193, 194, 497, 516), _CREDENTIALS)  # unknown user, wrong password, access denied
_CURES |= dict.fromkeys((16, 47, 60), _MIGRATE)  # no such column, unknown identifier, unknown table
_CURES |= {81: "Create the database, or name one that exists."}
_REACH = "Check that ClickHouse runs and that its address is right: `tocsin doctor`."


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise what goes wrong inside as an error of schemas.errors; `what` names the attempt for the message.

    Raises:
        UnavailableError, RateLimitedError: the same call may succeed later. TimeLimitError: ClickHouse ended the query.
        ConfigurationError: wrong credentials, a missing database, tables that were not migrated.
        InvalidEventError: a value that its column cannot hold.
        TerminalError: ClickHouse refuses the statement.
    """
    try:
        yield
    except DataError as error:
        raise InvalidEventError(f"{what}: {error}", reason="not_landable") from error
    except Error as error:
        raise _of(error, what) from error
    except (TimeoutError, ClickHouseError, OSError) as error:
        raise UnavailableError(f"{what}: {error!r}", cure=_REACH) from error


def _of(error: Error, what: str) -> TocsinError:
    message, code = f"{what}: {error}", error.code
    if code in _CURES:
        return ConfigurationError(message, cure=_CURES[code])
    if code in _BUSY:
        return RateLimitedError(message)
    if code in _OVER_TIME:
        return TimeLimitError(message)
    if code in _PASSING:
        return UnavailableError(message)
    # Without a code the server has not spoken: the connection failed, or broke in the middle.
    if code is None and isinstance(error, OperationalError):
        return UnavailableError(message, cure=_REACH)
    return TerminalError(message)
