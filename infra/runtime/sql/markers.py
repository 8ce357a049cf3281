"""Durable facts about investigations, by deterministic id, so that redelivery is free."""

from __future__ import annotations

from infra.runtime.sql.database import Database

__all__ = ["SqlMarkers"]


class SqlMarkers:
    """Satisfies streams.ports.Markers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_done(self, investigation_id: str) -> bool:
        rows = await self._database.rows(
            "SELECT done FROM investigation_markers WHERE investigation_id = ?", (investigation_id,)
        )
        return bool(rows and rows[0][0])

    async def mark_done(self, investigation_id: str) -> None:
        await self._database.run(
            "INSERT INTO investigation_markers (investigation_id, done) VALUES (?, 1) "
            "ON CONFLICT (investigation_id) DO UPDATE SET done = 1, changed_at = CURRENT_TIMESTAMP",
            (investigation_id,),
        )

    async def was_started(self, investigation_id: str) -> bool:
        """Return whether any worker has ever counted a start of it."""
        rows = await self._database.rows(
            "SELECT attempts > 0 FROM investigation_markers WHERE investigation_id = ?", (investigation_id,)
        )
        return bool(rows and rows[0][0])

    async def next_attempt(self, investigation_id: str) -> int:
        """Count a start and return which it is: 1 for the first."""
        rows = await self._database.rows(
            "INSERT INTO investigation_markers (investigation_id, attempts) VALUES (?, 1) "
            "ON CONFLICT (investigation_id) DO UPDATE "
            "SET attempts = investigation_markers.attempts + 1, changed_at = CURRENT_TIMESTAMP "
            "RETURNING attempts",
            (investigation_id,),
        )
        return int(rows[0][0] or 1)
