"""API keys in the control database: found by id, listed by tenant, revoked and never forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from infra.runtime.security.authentication import StoredKey
from infra.runtime.sql.database import Database, Value
from schemas.access import ApiKey

__all__ = ["SqlKeys"]

_COLUMNS: Final = "key_id, environment, tenant, label, roles, created_at, expires_at, revoked_at, digest"


class SqlKeys:
    """Satisfies infra.runtime.security.KeyStore. Every method may raise UnavailableError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, key_id: str) -> StoredKey | None:
        """Return the key of this id, also one that is revoked."""
        rows = await self._database.rows(f"SELECT {_COLUMNS} FROM api_keys WHERE key_id = ?", (key_id,))  # noqa: S608 - a constant
        return _stored(rows[0]) if rows else None

    async def add(self, key: ApiKey, digest: str) -> None:
        """Keep a new key. Raises IntegrityError where its id is taken."""
        values: list[Value] = [
            key.key_id,
            key.environment,
            key.tenant,
            key.label,
            ",".join(sorted(key.roles)),
            key.created_at.isoformat(),
            key.expires_at.isoformat() if key.expires_at else None,
            key.revoked_at.isoformat() if key.revoked_at else None,
            digest,
        ]
        marks = ", ".join("?" * len(values))
        await self._database.run(f"INSERT INTO api_keys ({_COLUMNS}) VALUES ({marks})", values)  # noqa: S608 - as above

    async def list_of(self, tenant: str | None) -> tuple[ApiKey, ...]:
        """Return the tenant's keys, or everybody's, the oldest first, with those that hold no longer."""
        sql = f"SELECT {_COLUMNS} FROM api_keys"  # noqa: S608 - as above
        order = " ORDER BY created_at, key_id"
        if tenant is None:
            rows = await self._database.rows(sql + order)
        else:
            rows = await self._database.rows(f"{sql} WHERE tenant = ?{order}", (tenant,))
        return tuple(_stored(row).key for row in rows)

    async def revoke(self, tenant: str, key_id: str, at: datetime) -> bool:
        """Let the key hold no longer; False where the tenant has none of this id, or it was revoked before."""
        changed = await self._database.run(
            "UPDATE api_keys SET revoked_at = ? WHERE tenant = ? AND key_id = ? AND revoked_at IS NULL",
            (at.isoformat(), tenant, key_id),
        )
        return changed > 0


def _stored(row: tuple[Value, ...]) -> StoredKey:
    key_id, environment, tenant, label, roles, created_at, expires_at, revoked_at, digest = row
    key = ApiKey.model_validate(
        {
            "key_id": key_id,
            "environment": environment,
            "tenant": tenant,
            "label": label,
            "roles": str(roles).split(","),
            "created_at": created_at,
            "expires_at": expires_at,
            "revoked_at": revoked_at,
        }
    )
    return StoredKey(key, str(digest))
