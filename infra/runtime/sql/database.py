"""What the stores ask of a control database, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Database", "Statement", "Value"]

Value = str | int | float | bytes | None
Statement = tuple[str, Sequence[Value]]
"""SQL that SQLite and PostgreSQL both understand, and its parameters."""


class Database(Protocol):
    """Statements on the control database, each durable when its call returns. Any number may be asked at once.

    Parameters are written `?`; the text holds no other `?`. ON CONFLICT names its columns, as PostgreSQL wants it.
    True and false are kept as 1 and 0.

    All raise UnavailableError (retryable) where the database does not answer in time or cannot be reached, IntegrityError
    where it refuses: a constraint, or a statement that is wrong.
    """

    async def rows(self, sql: str, parameters: Sequence[Value] = ()) -> list[tuple[Value, ...]]:
        """Return the rows of a query, or of a statement with RETURNING; none for any other statement."""
        ...

    async def run(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Execute a statement and return how many rows it changed."""
        ...

    async def atomically(self, statements: Sequence[Statement]) -> None:
        """Execute all of them, in order, or none."""
        ...

    async def has_table(self, name: str) -> bool: ...
