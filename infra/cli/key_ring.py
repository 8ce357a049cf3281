"""The API keys of an installation, and the first of them, which `tocsin up` makes."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from infra.runtime.clock import SystemClock
from infra.runtime.security import load_pepper, mint
from infra.runtime.settings import Settings
from infra.runtime.sql import open_database
from infra.runtime.sql.keys import SqlKeys
from schemas.access import ApiKey, KeyEnvironment, Role
from schemas.events import Audit

__all__ = ["KeyRing", "Note", "admin_key_file", "make_first_key", "open_key_ring", "read_admin_key"]

Note = Callable[[Audit], Awaitable[None]]
_COMMAND_LINE: Final = "cli"
_FIRST: Final = "made by the first `tocsin up`"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Makes and revokes keys. `open_key_ring` opens and closes it; every method may raise UnavailableError."""

    keys: SqlKeys
    pepper: bytes
    clock: SystemClock
    note: Note | None = None
    """Told of a new key before it is kept, and of a revoked one after: that waits for nobody. None: nobody is told."""

    async def make(
        self,
        tenant: str,
        roles: Iterable[Role],
        *,
        label: str = "",
        environment: KeyEnvironment = "live",
        lasts: timedelta | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key; return what is kept of it, and its text, which is not."""
        minted, now = mint(environment, secrets.token_bytes), self.clock.now()
        key = ApiKey(
            key_id=minted.presented.key_id,
            environment=environment,
            tenant=tenant,
            label=label,
            roles=frozenset(roles),
            created_at=now,
            expires_at=now + lasts if lasts else None,
        )
        await self._tell("create", key, now)
        await self.keys.add(key, minted.presented.digest(self.pepper))
        return key, minted.text

    async def revoke(self, tenant: str, key_id: str) -> bool:
        """Return whether the tenant had such a key that held."""
        now = self.clock.now()
        revoked = await self.keys.revoke(tenant, key_id, now)
        found = await self.keys.find(key_id) if revoked else None
        if found is not None:
            await self._tell("revoke", found.key, now)
        return revoked

    async def _tell(self, action: str, key: ApiKey, now: datetime) -> None:
        if self.note is None:
            return
        told = Audit(
            tenant=key.tenant,
            occurred_at=now,
            principal=_COMMAND_LINE,
            action=f"key.{action}",
            resource=f"key/{key.key_id}",
            allowed=True,
            reason=f"roles: {', '.join(sorted(key.roles))}",
        )
        await self.note(told)


@asynccontextmanager
async def open_key_ring(settings: Settings, note: Note | None = None) -> AsyncIterator[KeyRing]:
    """Open the control database, which need not be in use by a running stack, and close it."""
    pepper = load_pepper(settings.pepper_file, secrets.token_bytes)
    async with open_database(settings.control_database) as database:
        yield KeyRing(SqlKeys(database), pepper, SystemClock(), note)


async def make_first_key(settings: Settings) -> str | None:
    """Make an admin's key where there has never been any key, and keep it in `admin_key_file` for this user.

    Returns:
        Its text, to be shown once, or None where there was a key already.
    """
    async with open_key_ring(settings) as ring:
        if await ring.keys.list_of(None):
            return None
        _, text = await ring.make(settings.tenant, [Role.ADMIN], label=_FIRST)
    path = admin_key_file(settings.data_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    return text


def admin_key_file(data_dir: Path) -> Path:
    """Return where the first key is kept, mode 0600: the command line on this machine reads it from there."""
    return data_dir / "secrets" / "admin-key"


def read_admin_key(data_dir: Path) -> str | None:
    """Return the first key, None where it is not kept here (any more)."""
    try:
        return admin_key_file(data_dir).read_text(encoding="ascii").strip() or None
    except OSError:
        return None
