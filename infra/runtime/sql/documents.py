"""The control plane's documents one by one, changed only by whoever has seen what they change."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from infra.runtime.sql.database import Database, Value

__all__ = ["Document", "SqlDocuments"]


@dataclass(frozen=True, slots=True)
class Document:
    """One piece of configuration: `body` is JSON, `etag` changes with every change of it."""

    id: str
    body: str
    etag: str


class SqlDocuments:
    """Reads and writes what ControlStore reads. Every method may raise UnavailableError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, kind: str, tenant: str, name: str) -> Document | None:
        rows = await self._database.rows(
            "SELECT id, version, body FROM documents WHERE kind = ? AND tenant = ? AND id = ?",
            (kind, tenant, name),
        )
        return _document(rows[0]) if rows else None

    async def page(self, kind: str, tenant: str, *, after: str, limit: int) -> tuple[Document, ...]:
        """Return those whose id follows `after`, in order of id."""
        rows = await self._database.rows(
            "SELECT id, version, body FROM documents WHERE kind = ? AND tenant = ? AND id > ? "
            "ORDER BY id LIMIT ?",
            (kind, tenant, after, limit),
        )
        return tuple(map(_document, rows))

    async def page_of_all(self, kind: str, *, after: str, limit: int) -> tuple[Document, ...]:
        """Return those of every tenant whose tenant follows `after`, in order of tenant; for kinds with one each."""
        rows = await self._database.rows(
            "SELECT id, version, body FROM documents WHERE kind = ? AND tenant > ? ORDER BY tenant LIMIT ?",
            (kind, after, limit),
        )
        return tuple(map(_document, rows))

    async def create(self, kind: str, tenant: str, name: str, version: int, body: str) -> bool:
        """Return False where there is one already."""
        made = await self._database.run(
            "INSERT INTO documents (kind, tenant, id, version, body) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (kind, tenant, id) DO NOTHING",
            (kind, tenant, name, version, body),
        )
        return made > 0

    async def replace(  # noqa: PLR0913 - the three parts of a name, what was, what shall be
        self, kind: str, tenant: str, name: str, *, etag: str, version: int, body: str
    ) -> bool:
        """Return False where the one that is there has another etag, or there is none."""
        current = await self.get(kind, tenant, name)
        if current is None or current.etag != etag:
            return False
        changed = await self._database.run(
            "UPDATE documents SET version = ?, body = ? WHERE kind = ? AND tenant = ? AND id = ? AND body = ?",
            (version, body, kind, tenant, name, current.body),
        )
        return changed > 0

    async def delete(self, kind: str, tenant: str, name: str, *, etag: str) -> bool:
        """Return False where the one that is there has another etag, or there is none."""
        current = await self.get(kind, tenant, name)
        if current is None or current.etag != etag:
            return False
        changed = await self._database.run(
            "DELETE FROM documents WHERE kind = ? AND tenant = ? AND id = ? AND body = ?",
            (kind, tenant, name, current.body),
        )
        return changed > 0


def _document(row: tuple[Value, ...]) -> Document:
    name, version, body = row
    digest = hashlib.sha256(f"{version!r}\0{body!r}".encode()).hexdigest()
    return Document(str(name), str(body), digest[:24])
