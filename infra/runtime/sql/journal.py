"""Answers of calls already paid for, so that a repeat after a crash costs nothing."""

from __future__ import annotations

from infra.runtime.sql.database import Database

__all__ = ["SqlJournal"]


class SqlJournal:
    """Satisfies agents.llm.ports.CallJournal: durable before `put` returns, the first answer stays."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, investigation_id: str, step: str, prompt_hash: str) -> str | None:
        """Return what `put` stored, or None."""
        rows = await self._database.rows(
            "SELECT answer FROM call_journal WHERE investigation_id = ? AND step = ? AND prompt_hash = ?",
            (investigation_id, step, prompt_hash),
        )
        return str(rows[0][0]) if rows else None

    async def put(self, investigation_id: str, step: str, prompt_hash: str, answer: str) -> None:
        await self._database.run(
            "INSERT INTO call_journal (investigation_id, step, prompt_hash, answer) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (investigation_id, step, prompt_hash, answer),
        )
