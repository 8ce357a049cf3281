"""Units as the schemas write them (UCUM-like), from what senders tell or a metric's name says."""

from __future__ import annotations

from typing import Final

__all__ = ["rate_of", "unit_of_name", "unit_of_word"]

_WORDS: Final = {
    "seconds": "s",
    "milliseconds": "ms",
    "microseconds": "us",
    "nanoseconds": "ns",
    "bytes": "By",
    "ratio": "1",
    "percent": "%",
    "celsius": "Cel",
    "volts": "V",
    "amperes": "A",
    "joules": "J",
    "meters": "m",
}
_COUNTS: Final = ("_count", "_bucket")
_LONGEST: Final = 64


def unit_of_name(metric: str) -> str:
    """Return the unit that a Prometheus metric's name ends in (before `_total` and `_sum`); empty where it says none."""
    if metric.endswith(_COUNTS):
        return "1"
    base = metric.removesuffix("_total").removesuffix("_sum")
    return _WORDS.get(base.rpartition("_")[2], "1" if base != metric else "")


def unit_of_word(word: str) -> str:
    """Return the unit of a word of OpenMetrics (`seconds`), or of what is a unit already; at most 64 characters."""
    return _WORDS.get(word, word)[:_LONGEST]


def rate_of(unit: str) -> str:
    """Return the unit of so much a second."""
    return f"{unit or '1'}/s"[:_LONGEST]
