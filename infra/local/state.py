"""`state.json` in the data folder: what runs, where, since when. `down`, `doctor` and tests find everything by it.

It is replaced atomically (rename), so a reader sees an old or a new one, never half. Mode 0600: addresses may hold
a password. It outlives a killed supervisor; `is_alive` on its pid and start time tells.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from infra.local.procfs import is_alive
from schemas.errors import ConfigurationError

__all__ = [
    "Addresses",
    "ProcessState",
    "StackState",
    "Status",
    "read_state",
    "remove_state",
    "state_file",
    "write_state",
]

Status = Literal["waiting", "starting", "ready", "restarting", "gave_up", "stopped"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Addresses(_Frozen):
    """Where clients find each server: `kafka` is `host:port[,host:port]`, the others are URLs and a file.

    The control plane is in SQLite's file, or on the PostgreSQL server of `postgres_url`.
    """

    kafka: str
    redis_url: str
    clickhouse_url: str
    sqlite_path: Path | None = None
    postgres_url: str | None = None
    api_url: str | None = None


class ProcessState(_Frozen):
    """One supervised process; `pid` and `start_ticks` (identity, see procfs) are None while it does not run."""

    name: str
    status: Status
    pid: int | None
    start_ticks: int | None
    ports: tuple[int, ...]
    since: datetime | None
    restarts: int
    log_file: Path


class StackState(_Frozen):
    """A running stack."""

    version: Literal[1] = 1
    supervisor_pid: int
    supervisor_ticks: int
    started_at: datetime
    broker: str
    addresses: Addresses
    processes: tuple[ProcessState, ...]

    def is_running(self) -> bool:
        """Whether the supervisor that wrote this still runs."""
        return is_alive(self.supervisor_pid, self.supervisor_ticks)


def state_file(data_dir: Path) -> Path:
    return data_dir / "state.json"


def write_state(data_dir: Path, state: StackState) -> None:
    """Replaces the file. Blocks on the disk."""
    target = state_file(data_dir)
    draft = target.with_suffix(".json.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(state.model_dump_json(indent=2) + "\n")
    draft.replace(target)


def read_state(data_dir: Path) -> StackState | None:
    """What was last written, or None where nothing runs or ran here.

    Raises:
        ConfigurationError: the file is not ours, of another version, or not readable for this user.
    """
    try:
        text = state_file(data_dir).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(
            f"{state_file(data_dir)} cannot be read: {error.strerror}",
            cure="Run as the user who started the stack.",
        ) from error
    try:
        return StackState.model_validate_json(text)
    except ValidationError as error:
        raise ConfigurationError(
            f"{state_file(data_dir)} cannot be read: {error.error_count()} fields are wrong",
            cure="If no stack runs from this folder, delete that file.",
        ) from error


def remove_state(data_dir: Path) -> None:
    state_file(data_dir).unlink(missing_ok=True)
