"""Figures and times as a person reads them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from schemas.pages.words import figure, many, percent

__all__ = ["clock", "figure", "from_to", "in_unit", "many", "percent", "span", "times_as_much"]

# As UCUM and OpenTelemetry write it.
_DIMENSIONLESS = "1"
_BYTES = frozenset({"By", "B", "byte", "bytes"})
_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")
_UNIT = re.compile(r"[\w%/.{}()\[\]°µ*^-]{1,16}")


# Of what was next to nothing, or has become it, the ratio says nothing.
_SAID = 1e-6


def clock(moment: float) -> str:
    """Unix seconds as `10:42:10` (UTC)."""
    return datetime.fromtimestamp(moment, tz=UTC).strftime("%H:%M:%S")


def from_to(before: float, after: float, unit: str, *, share: bool = False) -> str:
    """`from 120 to 480 ms`; a share between 0 and 1 reads as percent, bytes as MB or GB, and the unit `1` is not said."""
    if share and 0 <= before <= 1 and 0 <= after <= 1:
        return f"from {figure(before * 100)} % to {figure(after * 100)} %"
    if unit in _BYTES:
        return f"from {_size(before)} to {_size(after)}"
    return f"from {figure(before)} to {figure(after)}{in_unit(unit)}"


def _size(count: float) -> str:
    """`506 MB`: powers of a thousand."""
    power = min(int(math.log10(abs(count)) // 3), len(_SIZES) - 1) if abs(count) >= 1000 else 0
    return f"{figure(count / 1000**power)} {_SIZES[power]}"


def in_unit(unit: str) -> str:
    """` ms`, or nothing for the dimensionless unit. What nobody would take for a unit was written by somebody: it is quoted."""
    if unit in {"", _DIMENSIONLESS}:
        return ""
    return f" {unit}" if _UNIT.fullmatch(unit) else f' "{unit}"'


def times_as_much(before: float, after: float) -> str:
    """` (3.1x)`, or nothing where a ratio says nothing."""
    if before <= 0 or after <= 0:
        return ""
    ratio = after / before
    if not _SAID < ratio < 1 / _SAID:
        return ""
    return f" ({_ratio(ratio)}x)" if ratio >= 1 else f" (1/{_ratio(before / after)})"


def _ratio(value: float) -> str:
    return f"{value:.1f}" if value < 100 else figure(value)


def span(seconds: float) -> str:
    """A length of time: `45 s`, `3 min`, `2.5 h`."""
    size = abs(seconds)
    if size < 90:
        return f"{size:.0f} s"
    return f"{size / 60:.0f} min" if size < 5400 else f"{size / 3600:.1f} h"
