"""Times as senders write them."""

from __future__ import annotations

from datetime import UTC, datetime

from api.intake.limits import EARLIEST, LATEST
from api.intake.refusal import ItemError, ItemReason

__all__ = ["checked_ms", "in_range", "instant", "of_ms", "of_ns"]

_EARLIEST_MS = round(EARLIEST.timestamp() * 1000)
_LATEST_MS = round(LATEST.timestamp() * 1000)


def instant(value: object, default: datetime, *, pointer: str = "/time") -> datetime:
    """Return the time: unix seconds or ISO 8601; without a zone it is UTC; None is the default.

    Raises ItemError: INVALID_VALUE, TIME_OUT_OF_RANGE.
    """
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ItemError(ItemReason.INVALID_VALUE, "a time is unix seconds or ISO 8601", pointer=pointer)
    return in_range(_read(str(value), pointer), pointer=pointer)


def _read(text: str, pointer: str) -> datetime:
    try:
        seconds = float(text)
    except ValueError:
        return _read_iso(text, pointer)
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise _out_of_range(text, pointer) from None


def _read_iso(text: str, pointer: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError:
        raise _out_of_range(text, pointer) from None
    except ValueError:
        detail = f"{text[:40]!r} is neither unix seconds nor ISO 8601"
        raise ItemError(ItemReason.INVALID_VALUE, detail, pointer=pointer) from None


def in_range(at: datetime, *, pointer: str = "") -> datetime:
    """Return the time itself. Raises ItemError where it can be no time of an event."""
    if not EARLIEST <= at < LATEST:
        raise _out_of_range(at.isoformat(), pointer)
    return at


def checked_ms(time_ms: int, *, pointer: str = "") -> int:
    """Return unix milliseconds themselves. Raises ItemError where they can be no time of an event."""
    if not _EARLIEST_MS <= time_ms < _LATEST_MS:
        raise _out_of_range(f"{time_ms} ms", pointer)
    return time_ms


def of_ms(time_ms: int) -> datetime:
    """Return the time of unix milliseconds that are in range."""
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def of_ns(time_ns: int, *, pointer: str = "") -> datetime:
    """Return the time of unix nanoseconds, to the microsecond. Raises ItemError."""
    checked_ms(time_ns // 1_000_000, pointer=pointer)
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def _out_of_range(text: str, pointer: str) -> ItemError:
    return ItemError(
        ItemReason.TIME_OUT_OF_RANGE,
        f"{text[:40]} is not between {EARLIEST:%Y} and {LATEST:%Y}",
        pointer=pointer,
    )
