"""Where the checkpoints are, as the settings say."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import assert_never

from agents.investigation.checkpoints import StoredCheckpoints, open_checkpoints
from infra.runtime.sql_address import PostgresServer, SqlAddress

__all__ = ["open_checkpointer"]


def open_checkpointer(address: SqlAddress) -> AbstractAsyncContextManager[StoredCheckpoints]:
    """Return the checkpointer, to be entered.

    Raises on entering:
        UnavailableError: the file or the server cannot be opened.
    """
    match address:
        case Path():
            return open_checkpoints(address)
        case PostgresServer():
            from agents.investigation.checkpoints.postgres import open_postgres_checkpoints  # noqa: PLC0415 - 0.4 s
            from infra.runtime.sql.postgres import conninfo  # noqa: PLC0415 - as above

            return open_postgres_checkpoints(
                conninfo(address, "tocsin-checkpoints"),
                connections=address.connections,
                timeout_s=address.timeout_s,
            )
        case _:
            assert_never(address)
