"""Proving API keys against what is kept of them; what was found is kept for some seconds."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from infra.runtime.security.api_keys import parse
from schemas.access import ApiKey, Principal

__all__ = ["ApiKeys", "KeyStore", "StoredKey"]

_MOST_KEPT: Final = 10_000
_NOTHING: Final = "0" * 64


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is kept."""

    key: ApiKey
    digest: str = field(repr=False)


class KeyStore(Protocol):
    async def find(self, key_id: str) -> StoredKey | None:
        """Return the key of this id, also one that is revoked. Raises UnavailableError."""
        ...


class ApiKeys:
    """Says who a key proves. A key that is revoked is refused after at most `keep_s` seconds."""

    def __init__(
        self,
        store: KeyStore,
        pepper: bytes,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        keep_s: float = 5.0,
    ) -> None:
        self._store = store
        self._pepper = pepper
        self._now = now
        self._monotonic = monotonic
        self._keep_s = keep_s
        self._known: dict[str, tuple[float, StoredKey | None]] = {}

    async def authenticate(self, credential: str) -> Principal | None:
        """Return whom the key proves; None for what is no key, an unknown one, one expired or revoked.

        Raises:
            UnavailableError: the store does not answer.
        """
        presented = parse(credential)
        if presented is None:
            return None
        stored = await self._find(presented.key_id)
        # Compared also where there is nothing to compare with: an unknown id takes as long as a wrong secret.
        proved = hmac.compare_digest(
            presented.digest(self._pepper), stored.digest if stored is not None else _NOTHING
        )
        if stored is None or not proved or not self._holds(stored.key):
            return None
        return stored.key.principal()

    def _holds(self, key: ApiKey) -> bool:
        expired = key.expires_at is not None and key.expires_at <= self._now()
        return key.revoked_at is None and not expired

    async def _find(self, key_id: str) -> StoredKey | None:
        kept = self._known.get(key_id)
        if kept is not None and self._monotonic() < kept[0]:
            return kept[1]
        found = await self._store.find(key_id)
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[key_id] = (self._monotonic() + self._keep_s, found)
        return found
