"""Bodies decompressed within a bound: what would grow beyond it is refused before it has grown."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Final

import cramjam

from api.intake.limits import Limits
from api.intake.refusal import RefusalKind, RefusedError

__all__ = ["ENCODINGS", "REMOTE_WRITE", "Inflate", "inflated"]

_GZIP_WINDOW: Final = 31
_MEMBERS: Final = 64
"""Of one gzip body; each costs a copy of what follows it, and no sender has many."""
_GROWTH: Final = 8
_FULL: Final = "failed to write whole buffer"
"""What cramjam says when the output buffer is too small."""


def inflated(body: bytes, encoding: str, limits: Limits, *, allowed: Inflate) -> bytes:
    """Return the body without its Content-Encoding, at most `limits.inflated` bytes.

    Raises:
        RefusedError: ENCODING, TOO_LARGE, or MALFORMED where the bytes are not what the header says.
    """
    name = encoding.strip().lower() or "identity"
    inflate = allowed.get(name)
    if inflate is None:
        raise RefusedError(
            RefusalKind.ENCODING,
            f"Content-Encoding {name[:40]!r} is not taken here.",
            cure=f"Use one of: {', '.join(allowed)}.",
        )
    return inflate(body, limits.inflated)


def _identity(body: bytes, most: int) -> bytes:
    if len(body) > most:
        raise _too_large(most)
    return body


def _gzip(body: bytes, most: int) -> bytes:
    """RFC 1952; several members follow one another."""
    parts: list[bytes] = []
    room, rest = most + 1, body
    while rest and room > 0:
        if len(parts) == _MEMBERS:
            raise _malformed("gzip")
        stream = zlib.decompressobj(_GZIP_WINDOW)
        try:
            parts.append(stream.decompress(rest, room))
        except zlib.error as error:
            raise _malformed("gzip") from error
        room -= len(parts[-1])
        if room > 0 and not stream.eof:
            raise _malformed("gzip")
        rest = stream.unused_data
    if room <= 0:
        raise _too_large(most)
    if not body:
        raise _malformed("gzip")
    return b"".join(parts)


def _zstd(body: bytes, most: int) -> bytes:
    """RFC 8878, into a buffer that grows to the bound and no further."""
    size = min(most, max(1024, len(body) * _GROWTH))
    while True:
        buffer = bytearray(size)
        try:
            return bytes(memoryview(buffer)[: cramjam.zstd.decompress_into(body, buffer)])
        except cramjam.DecompressionError as error:
            if _FULL not in str(error):
                raise _malformed("zstd") from error
            if size >= most:
                raise _too_large(most) from error
            size = min(most, size * _GROWTH)


def _snappy(body: bytes, most: int) -> bytes:
    """Return the content of a snappy block, which begins with its length (not the framing format)."""
    try:
        told = cramjam.snappy.decompress_raw_len(body)
        if told > most:
            raise _too_large(most, told)
        return bytes(cramjam.snappy.decompress_raw(body)) if body else _nothing("snappy")
    except cramjam.DecompressionError as error:
        raise _malformed("snappy") from error


def _nothing(what: str) -> bytes:
    raise _malformed(what)


def _malformed(what: str) -> RefusedError:
    return RefusedError(
        RefusalKind.MALFORMED, f"The body is not the {what} that Content-Encoding says it is."
    )


def _too_large(most: int, value: int | None = None) -> RefusedError:
    return RefusedError(
        RefusalKind.TOO_LARGE,
        f"The body decompresses to more than {most} bytes.",
        limit=most,
        value=value or most + 1,
        cure="Send smaller batches.",
    )


Inflate = Mapping[str, Callable[[bytes, int], bytes]]
"""How to decompress, by Content-Encoding."""

ENCODINGS: Final[Inflate] = {
    "identity": _identity,
    "gzip": _gzip,
    "zstd": _zstd,
    "snappy": _snappy,
}
"""What is taken where the format does not say otherwise."""

REMOTE_WRITE: Final[Inflate] = {"snappy": _snappy, "zstd": _zstd, "gzip": _gzip}
"""Remote write: snappy by its specification; senders that compress otherwise say so."""
