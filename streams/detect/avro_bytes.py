"""Avro's longs, strings and maps of strings, read one at a time from bytes; doubt is raised, not explained."""

from __future__ import annotations

__all__ = ["DoubtError", "expect", "labels_at", "long_at", "text_at"]


class DoubtError(Exception):
    """This is not written in the ordinary way, or not Avro at all."""


def expect(ordinary: bool) -> None:
    """Raise DoubtError unless this is so."""
    if not ordinary:
        raise DoubtError


def long_at(data: bytes, at: int) -> tuple[int, int]:
    """Return the long written here and where it ends. Raises IndexError past the end; so do the others."""
    folded = shift = 0
    while True:
        byte = data[at]
        at += 1
        folded |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (folded >> 1) ^ -(folded & 1), at
        shift += 7
        expect(shift < 64)


def text_at(data: bytes, at: int) -> tuple[str, int]:
    """Return the string written here and where it ends. Raises UnicodeDecodeError where it is not UTF-8."""
    size, at = long_at(data, at)
    end = at + size
    expect(size >= 0 and end <= len(data))
    return data[at:end].decode(), end


def labels_at(data: bytes, at: int) -> tuple[dict[str, str], int]:
    """Return the map of strings written here, without sizes of its blocks, and where it ends."""
    labels: dict[str, str] = {}
    count, at = long_at(data, at)
    while count:
        expect(count > 0)
        for _ in range(count):
            name, at = text_at(data, at)
            labels[name], at = text_at(data, at)
        count, at = long_at(data, at)
    return labels, at
