"""HTTP content codings in both directions: gzip, deflate (zlib), lz4 (frame) and zstd.

ClickHouse's own block framing (`compress=1`, `decompress=1`) is not a content coding and is not here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, Protocol

import lz4.frame
import zstandard

from infra.local.clickhouse_front.errors import (
    CANNOT_DECOMPRESS,
    UNKNOWN_COMPRESSION_METHOD,
    ClickHouseError,
)

__all__ = ["Compressor", "choose_encoding", "compressor", "decompress"]


class Compressor(Protocol):
    """One response body being compressed piece by piece; not reusable after `flush`."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Lz4Compressor:
    """lz4 wants its frame header written explicitly; this writes it with the first piece."""

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._pending = bytes(self._frame.begin())

    def compress(self, data: bytes, /) -> bytes:
        head, self._pending = self._pending, b""
        return head + bytes(self._frame.compress(data))

    def flush(self) -> bytes:
        head, self._pending = self._pending, b""
        return head + bytes(self._frame.flush())


_GZIP_WINDOW: Final = 31
_FAST: Final = 1
# In the order of preference when a client accepts several: cheapest CPU first.
_COMPRESSORS: Final[dict[str, Callable[[], Compressor]]] = {
    "lz4": _Lz4Compressor,
    "zstd": lambda: zstandard.ZstdCompressor(level=_FAST).compressobj(),
    "gzip": lambda: zlib.compressobj(_FAST, zlib.DEFLATED, _GZIP_WINDOW),
    "deflate": lambda: zlib.compressobj(_FAST),
}


def choose_encoding(accept_encoding: str) -> str | None:
    """The cheapest coding an Accept-Encoding header allows, or None for identity."""
    accepted = {
        name.strip().lower()
        for name, _, weight in (part.partition(";") for part in accept_encoding.split(","))
        if weight.replace(" ", "") not in {"q=0", "q=0.0"}
    }
    return next((name for name in _COMPRESSORS if name in accepted), None)


def compressor(encoding: str) -> Compressor:
    """A fresh compressor for a coding that `choose_encoding` returned."""
    return _COMPRESSORS[encoding]()


class _Member(Protocol):
    """One compressed stream; several may follow one another in a body."""

    def decompress(self, data: bytes, /) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...


def _unpack(body: bytes, new_member: Callable[[], _Member]) -> bytes:
    """Every stream in turn: clickhouse_connect sends each block as a frame of its own."""
    parts: list[bytes] = []
    while body:
        member = new_member()
        parts.append(member.decompress(body))
        if not member.eof:
            raise EOFError("the body ends inside the compressed stream")
        body = member.unused_data or b""
    return b"".join(parts)


def _gunzip(body: bytes) -> bytes:
    return _unpack(body, lambda: zlib.decompressobj(_GZIP_WINDOW))


def _inflate(body: bytes) -> bytes:
    return _unpack(body, zlib.decompressobj)


def _unzstd(body: bytes) -> bytes:
    return _unpack(body, zstandard.ZstdDecompressor().decompressobj)


def _unlz4(body: bytes) -> bytes:
    return _unpack(body, lz4.frame.LZ4FrameDecompressor)


_DECOMPRESSORS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "lz4": _unlz4,
    "zstd": _unzstd,
    "gzip": _gunzip,
    "deflate": _inflate,
}


def decompress(body: bytes, encoding: str) -> bytes:
    """The body behind a Content-Encoding header (empty or `identity`: as it is).

    Raises:
        ClickHouseError: an unknown coding (89), or a body that is not what it says (271).
    """
    name = encoding.strip().lower()
    if name in {"", "identity"} or not body:
        return body
    if name not in _DECOMPRESSORS:
        raise ClickHouseError.refusal(
            UNKNOWN_COMPRESSION_METHOD,
            f"Content-Encoding '{name}' is not supported here: use {', '.join(_DECOMPRESSORS)} or identity",
        )
    try:
        return _DECOMPRESSORS[name](body)
    except (zlib.error, zstandard.ZstdError, RuntimeError, EOFError) as error:
        raise ClickHouseError.refusal(CANNOT_DECOMPRESS, f"the body is not valid {name}: {error}") from error
