"""What an API key looks like: `tocsin_<live|test>_<key id>_<secret>_<crc>`.

The id (80 random bits) finds the key, the secret (256 random bits) proves it, the CRC-32 of all before it lets a scanner,
and the API before it asks any database, tell a key from other text. Only an HMAC-SHA256 with a pepper is kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

from schemas.access import KeyEnvironment

__all__ = ["KEY_FORM", "MintedKey", "PresentedKey", "mint", "parse"]

_BRAND: Final = "tocsin"
_ID_BYTES, _SECRET_BYTES = 10, 32
KEY_FORM: Final = re.compile(
    rf"{_BRAND}_(?P<environment>live|test)_(?P<id>[a-z2-7]{{16}})_(?P<secret>[a-z2-7]{{52}})_(?P<crc>[0-9a-f]{{8}})"
)


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """A text that has the form of a key; whether it is one, its digest tells."""

    environment: KeyEnvironment
    key_id: str
    _proof: str = field(repr=False)

    def digest(self, pepper: bytes) -> str:
        """Return what is kept of the key, and compared in constant time."""
        message = f"{self.environment}_{self.key_id}_{self._proof}".encode()
        return hmac.digest(pepper, message, hashlib.sha256).hex()


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A new key: `text` is shown once, and kept nowhere here."""

    text: str = field(repr=False)
    presented: PresentedKey


def mint(environment: KeyEnvironment, random_bytes: Callable[[int], bytes]) -> MintedKey:
    """Make a key. `random_bytes` must be fit for secrets, as `secrets.token_bytes` is."""
    body = f"{_BRAND}_{environment}_{_text(random_bytes(_ID_BYTES))}_{_text(random_bytes(_SECRET_BYTES))}"
    text = f"{body}_{_crc(body)}"
    presented = parse(text)
    assert presented is not None
    return MintedKey(text, presented)


def parse(text: str) -> PresentedKey | None:
    """Return the parts of a key, None for what does not have its form or its checksum."""
    found = KEY_FORM.fullmatch(text)
    if found is None or _crc(text.rpartition("_")[0]) != found["crc"]:
        return None
    return PresentedKey(cast("KeyEnvironment", found["environment"]), found["id"], found["secret"])


def _text(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _crc(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
