"""Bytes of unknown meaning as people read them."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["dump_lines", "hex_or_none", "preview"]

_WIDTH = 16
_PRINTABLE = range(0x20, 0x7F)


def dump_lines(data: bytes, limit: int | None) -> Iterator[str]:
    """Yield lines of 16 bytes: offset, hexadecimal, text with a dot for what cannot be printed; `limit` bytes at most."""
    shown = data if limit is None else data[:limit]
    for start in range(0, len(shown), _WIDTH):
        part = shown[start : start + _WIDTH]
        yield f"{start:08x}  {part.hex(' '):<{_WIDTH * 3 - 1}}  {_ascii(part)}"
    if len(shown) < len(data):
        yield f"... {len(data) - len(shown)} bytes more"


def preview(data: bytes | None, limit: int = 4_096) -> str:
    """Return the bytes as UTF-8 where they are, with a dot for what is no text; `limit` bytes at most."""
    text = (data or b"")[:limit].decode("utf-8", "replace")
    return "".join(one if one.isprintable() and one != "�" else "." for one in text)


def hex_or_none(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


def _ascii(part: bytes) -> str:
    return "".join(chr(one) if one in _PRINTABLE else "." for one in part)
