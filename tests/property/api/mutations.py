"""Bodies as broken senders, proxies and attackers make them of valid ones."""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cramjam
from google.protobuf.message import DecodeError

from api.intake.proto import remote_write_v1_pb2 as v1
from api.intake.proto import remote_write_v2_pb2 as v2
from tests.unit.api.intake.sent import Sent, snappy, stale

__all__ = ["Mutated", "mutated"]

_JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1e308,
    2**63,
    -(2**63) - 1,
    10**40,
    "",
    "x" * 300,
    "x" * 40_000,
    "\u0000",
    "\U0001f514",
    "NaN",
    "Infinity",
    "1e400",
    "0001-01-01T00:00:00+05:00",
    "9999-12-31T23:59:59-05:00",
    "2026-03-01T12:00:00",
    "globex",
    [],
    {},
    [[]],
    {"a": {"b": 1}},
    {f"label{number}": "x" for number in range(70)},
    [0.0] * 5,
)
_MEDIA_TYPES = (
    "",
    "text/plain",
    "application/json; charset=utf-16",
    "application/x-ndjson",
    "application/x-protobuf",
    "application/x-protobuf;proto=io.prometheus.write.v3.Request",
    "application/cloudevents+json",
    "application/cloudevents-batch+avro",
    "multipart/form-data; boundary=x",
    "application/json" * 40,
)
_ENCODINGS = ("gzip", "zstd", "snappy", "br", "gzip, gzip", "identity", "deflate")


@dataclass(frozen=True)
class Mutated:
    body: bytes
    headers: Mapping[str, str]
    plain: bytes | None
    """What is in the body once it is decompressed, where that is known."""


def mutated(sent: Sent, dice: random.Random) -> Mutated:
    """Return the request with one to three things changed, or, now and then, none."""
    plain, headers = sent.plain, dict(sent.headers)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
        plain = dice.choice(_changes(sent))(plain, dice)
    if dice.random() < 0.08:
        headers["content-type"] = dice.choice(_MEDIA_TYPES)
    return _packed(sent, plain, headers, dice)


def _changes(sent: Sent) -> Sequence[Callable[[bytes, random.Random], bytes]]:
    if "json" in sent.headers["content-type"]:
        return _JSON_CHANGES
    return _REMOTE_WRITE_CHANGES if sent.compressed else _BYTE_CHANGES


def _packed(sent: Sent, plain: bytes, headers: dict[str, str], dice: random.Random) -> Mutated:
    choice = dice.random()
    if choice < 0.06:
        headers["content-encoding"] = dice.choice(_ENCODINGS)
        return Mutated(plain, headers, None)
    if choice < 0.1:
        headers["content-encoding"] = "gzip"
        return Mutated(gzip.compress(plain, mtime=0), headers, plain)
    if choice < 0.14:
        headers["content-encoding"] = "zstd"
        return Mutated(_zstd(plain), headers, plain)
    if choice < 0.18:
        headers["content-encoding"] = dice.choice(("gzip", "zstd", "snappy"))
        broken: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": _zstd, "snappy": snappy}
        return Mutated(_flipped(broken[headers["content-encoding"]](plain), dice), headers, None)
    if sent.compressed:
        return Mutated(snappy(plain), headers, plain)
    return Mutated(plain, headers, plain)


def _zstd(body: bytes) -> bytes:
    return bytes(cramjam.zstd.compress(body))


def _truncated(body: bytes, dice: random.Random) -> bytes:
    return body[: dice.randrange(len(body) + 1)]


def _flipped(body: bytes, dice: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(dice.choice((1, 1, 4, 32))):
        if changed:
            changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _inserted(body: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(body) + 1)
    what = dice.choice(
        (
            b"\xff\xfe",
            b"\x00",
            b"\n",
            b"NaN",
            b"-Infinity",
            b"[" * 600,
            b'{"a":' * 40,
            b"1e999",
            dice.randbytes(9),
        )
    )
    return body[:place] + what + body[place:]


def _repeated(body: bytes, dice: random.Random) -> bytes:
    start = dice.randrange(len(body) + 1)
    return body[:start] + body[start : start + 200] * dice.choice((2, 3, 50)) + body[start + 200 :]


def _duplicate_key(body: bytes, dice: random.Random) -> bytes:
    place = body.find(b"{", dice.randrange(len(body) + 1))
    key = dice.choice((b"status", b"service", b"labels", b"time", b"timeUnixNano", b"tenant", b"data"))
    return body if place < 0 else body[: place + 1] + b'"' + key + b'":7,' + body[place + 1 :]


def _edited(body: bytes, dice: random.Random) -> bytes:
    """Change one node of the JSON: another type, an absurd value, gone, twice, or deep inside lists."""
    try:
        lines = [json.loads(line) for line in body.splitlines()] if body[:1] != b"[" else [json.loads(body)]
    except ValueError:
        try:
            lines = [json.loads(body)]
        except ValueError:
            return _flipped(body, dice)
    holder = [copy.deepcopy(dice.choice(lines))] if lines else [None]
    _edit(holder, dice)
    rest = lines[1:] if len(lines) > 1 else []
    return b"\n".join(json.dumps(one).encode("utf-8", "surrogatepass") for one in [holder[0], *rest])


def _edit(holder: list[Any], dice: random.Random) -> None:
    places: list[tuple[Any, Any]] = []
    level: list[Any] = [holder]
    while level:
        container = level.pop()
        keys = list(container) if isinstance(container, dict) else range(len(container))
        for key in keys:
            places.append((container, key))
            if isinstance(container[key], dict | list):
                level.append(container[key])
    container, key = dice.choice(places)
    match dice.randrange(5):
        case 0 | 1:
            container[key] = copy.deepcopy(dice.choice(_JUNK))
        case 2 if container is not holder:
            del container[key]
        case 3:
            nested = container[key]
            for _ in range(dice.choice((2, 40, 150))):
                nested = [nested] if dice.random() < 0.5 else {"a": nested}
            container[key] = nested
        case _:
            other, its_key = dice.choice(places)
            container[key] = copy.deepcopy(other[its_key]) if isinstance(other[its_key], str | int) else 7


def _reworked(body: bytes, dice: random.Random) -> bytes:
    """Change what a remote write request says, in a message that can still be read."""
    try:
        return _reworked_v2(body, dice) if body[:1] == _SYMBOLS else _reworked_v1(body, dice)
    except DecodeError:
        return _flipped(body, dice)


def _reworked_v1(body: bytes, dice: random.Random) -> bytes:
    request = v1.WriteRequest.FromString(body)
    for series in request.timeseries:
        name = dice.choice(("", "__name__", "service", "l" * 300, "job", "fine"))
        match dice.randrange(6):
            case 0:
                series.labels.add(name=name, value=dice.choice(("", "x" * 5000, "cart")))
            case 1:
                series.histograms.append(b"\x08\x01")
            case 2 | 3:
                series.samples.add(timestamp=dice.choice(_TIMES), value=dice.choice(_VALUES))
            case _:
                pass
    return request.SerializeToString()


def _reworked_v2(body: bytes, dice: random.Random) -> bytes:
    request = v2.Request.FromString(body)
    for series in request.timeseries:
        match dice.randrange(6):
            case 0:
                series.labels_refs.extend(dice.choice(((1,), (1, 2), (999, 0), (0, 0), (2**32 - 1, 1))))
            case 1:
                series.metadata.unit_ref = dice.choice((0, 1, 999))
            case 2 | 3:
                series.samples.add(timestamp=dice.choice(_TIMES), value=dice.choice(_VALUES))
            case _:
                pass
    return request.SerializeToString()


_TIMES = (0, 1, -1, 2**62, -(2**63), 1_772_366_400_001)
_VALUES = (float("nan"), float("inf"), -0.0, 1e308, stale())
_SYMBOLS = b"\x22"
"""The first byte of a request of version 2: field 4, a text."""

_BYTE_CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _truncated,
    _flipped,
    _flipped,
    _inserted,
    _repeated,
)
_REMOTE_WRITE_CHANGES = (*_BYTE_CHANGES, _reworked, _reworked, _reworked, _reworked, _reworked)
_JSON_CHANGES = (*_BYTE_CHANGES, _duplicate_key, _edited, _edited, _edited, _edited)
