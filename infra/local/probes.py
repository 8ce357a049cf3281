"""Is a server ready? One blocking attempt over a raw socket, no client library.

`attempt(probe)` answers None when the server is ready, else one phrase that says why not. It blocks for at most
`timeout_s` per network operation; call it through `asyncio.to_thread` from a loop.
"""

from __future__ import annotations

import http.client
import socket
import struct
from dataclasses import dataclass
from typing import assert_never

__all__ = ["AlwaysReady", "HttpOk", "KafkaAnswers", "Probe", "RedisAnswers", "TcpOpen", "attempt"]

_API_VERSIONS, _METADATA = 18, 3
_CORRELATION = 0x70C5
_MAX_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class AlwaysReady:
    """Ready as soon as it runs."""


@dataclass(frozen=True, slots=True)
class TcpOpen:
    """Ready when the port accepts a connection."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class HttpOk:
    """Ready when GET `path` answers 200."""

    host: str
    port: int
    path: str = "/"


@dataclass(frozen=True, slots=True)
class KafkaAnswers:
    """Ready when ApiVersions v0 succeeds and Metadata v1 lists at least `brokers` live brokers (kafka.apache.org/protocol)."""

    host: str
    port: int
    brokers: int = 1


@dataclass(frozen=True, slots=True)
class RedisAnswers:
    """Ready when PING answers PONG, or NOAUTH: a server that asks for a password is up. LOADING is not ready."""

    host: str
    port: int


Probe = AlwaysReady | TcpOpen | HttpOk | KafkaAnswers | RedisAnswers


def attempt(probe: Probe, *, timeout_s: float = 1.0) -> str | None:
    """One try; None means ready, text says why not. Never raises for a server's misbehaviour."""
    try:
        return _attempt(probe, timeout_s)
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except (OSError, http.client.HTTPException, struct.error, ValueError) as error:
        return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _attempt(probe: Probe, timeout_s: float) -> str | None:
    match probe:
        case AlwaysReady():
            return None
        case TcpOpen(host, port):
            socket.create_connection((host, port), timeout_s).close()
            return None
        case HttpOk(host, port, path):
            return _http(host, port, path, timeout_s)
        case KafkaAnswers(host, port, brokers):
            return _kafka(host, port, brokers, timeout_s)
        case RedisAnswers(host, port):
            return _redis(host, port, timeout_s)
        case _:
            assert_never(probe)


def _http(host: str, port: int, path: str, timeout_s: float) -> str | None:
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    finally:
        connection.close()
    return None if status == http.HTTPStatus.OK else f"GET {path} answers {status}"


def _redis(host: str, port: int, timeout_s: float) -> str | None:
    with socket.create_connection((host, port), timeout_s) as link:
        link.sendall(b"*1\r\n$4\r\nPING\r\n")
        answer = link.recv(512)
    if answer.startswith((b"+PONG", b"-NOAUTH")):
        return None
    return f"PING answers {answer[:80].decode(errors='replace').strip()!r}"


def _kafka(host: str, port: int, brokers: int, timeout_s: float) -> str | None:
    with socket.create_connection((host, port), timeout_s) as link:
        (error,) = struct.unpack_from(">h", _ask(link, _API_VERSIONS, 0, b""))
        if error != 0:
            return f"ApiVersions answers error {error}"
        (alive,) = struct.unpack_from(">i", _ask(link, _METADATA, 1, struct.pack(">i", 0)))
    return None if alive >= brokers else f"{alive} of {brokers} brokers are registered"


def _ask(link: socket.socket, api: int, version: int, body: bytes) -> bytes:
    client = b"tocsin"
    head = struct.pack(">hhih", api, version, _CORRELATION, len(client)) + client
    link.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
    size, correlation = struct.unpack(">ii", _read(link, 8))
    if correlation != _CORRELATION or not 4 <= size <= _MAX_ANSWER_BYTES:
        raise ValueError("does not speak the Kafka protocol")
    return _read(link, size - 4)


def _read(link: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = link.recv(size - len(data))
        if not part:
            raise ConnectionError("the connection was closed")
        data += part
    return bytes(data)
