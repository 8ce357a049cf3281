"""How much one request may bring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["EARLIEST", "LATEST", "Limits"]

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Times outside are no times of events, and cannot be stored everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one request. Sizes in bytes, lengths in characters."""

    inflated: int = 16 * 1024 * 1024
    """The body once it is decompressed."""
    depth: int = 32
    """How deep JSON may nest."""
    items: int = 50_000
    """Alarms, samples, log records or changes."""
    item: int = 256 * 1024
    """One item; so that its message fits every broker."""
    labels: int = 64
    label_name: int = 256
    label_value: int = 4_096
    label_text: int = 32_768
    """Of all names and values of one set together."""
    unit: int = 64
