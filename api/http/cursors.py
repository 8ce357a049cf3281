"""Opaque cursors: where a page ended, signed together with what was asked, so that no other question accepts it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import orjson

from api.http.problem import FieldProblem, Problem

__all__ = ["Cursors", "Position"]

Position = tuple[str | int | float, ...]
"""The sort key of a page's last row."""

_MAC_BYTES: Final = 16
_LONGEST: Final = 2_048


class Cursors:
    """Signs and checks the cursors of one question: `route`, tenant, filters and sort, everything but the page size."""

    def __init__(self, secret: bytes, route: str, asked: Mapping[str, object]) -> None:
        """`asked` must hold the tenant, and each filter and the sort as they were asked; values become JSON."""
        self._secret = secret
        self._binding = orjson.dumps([route, dict(asked)], default=str, option=orjson.OPT_SORT_KEYS)

    def encode(self, position: Position) -> str:
        payload = orjson.dumps(list(position))
        return base64.urlsafe_b64encode(self._mac(payload) + payload).rstrip(b"=").decode()

    def decode(self, cursor: str) -> Position:
        """Return what `encode` was given. Raises a 422 problem for anything else."""
        raw = _unpacked(cursor)
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not payload or not hmac.compare_digest(mac, self._mac(payload)):
            raise _invalid()
        position: list[str | int | float] = orjson.loads(payload)
        return tuple(position)

    def _mac(self, payload: bytes) -> bytes:
        message = len(self._binding).to_bytes(4, "big") + self._binding + payload
        return hmac.digest(self._secret, message, hashlib.sha256)[:_MAC_BYTES]


def _unpacked(cursor: str) -> bytes:
    if len(cursor) > _LONGEST:
        raise _invalid()
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid() from error


def _invalid() -> Problem:
    fault = FieldProblem(parameter="cursor", detail="not a cursor of this question")
    cure = "Ask again without a cursor, or with the filters and sort that it came from."
    return Problem(422, "invalid-cursor", "The cursor does not belong here.", cure=cure, errors=[fault])
