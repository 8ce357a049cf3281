"""Stops a stack from another process: `tocsin down`."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.local.leftovers import kill_leftovers
from infra.local.state import StackState, read_state, remove_state

__all__ = ["DownOutcome", "NothingRan", "StoppedForced", "StoppedNicely", "WasStale", "take_down"]

_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class NothingRan:
    """No stack ran from this folder."""


@dataclass(frozen=True, slots=True)
class StoppedNicely:
    """The supervisor stopped everything itself."""

    pid: int


@dataclass(frozen=True, slots=True)
class StoppedForced:
    """The supervisor did not end in time and was killed, and with it all its children."""

    pid: int


@dataclass(frozen=True, slots=True)
class WasStale:
    """The supervisor had been killed before; `killed` are children it left, `state.json` was removed."""

    pid: int
    killed: tuple[int, ...]


DownOutcome = NothingRan | StoppedNicely | StoppedForced | WasStale


def take_down(
    data_dir: Path,
    *,
    deadline_s: float = 12.0,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> DownOutcome:
    """Asks the supervisor of `data_dir` to stop and waits; kills it after `deadline_s` seconds. Blocks.

    Raises:
        ConfigurationError: state.json cannot be read.
    """
    state = read_state(data_dir)
    if state is None:
        return NothingRan()
    if not state.is_running():
        return WasStale(state.supervisor_pid, _clean(data_dir))
    _send(state, signal.SIGTERM)
    deadline = monotonic() + deadline_s
    while state.is_running() and monotonic() < deadline:
        sleep(_POLL_S)
    if not state.is_running():
        return StoppedNicely(state.supervisor_pid)
    _send(state, signal.SIGKILL)
    while state.is_running():
        sleep(_POLL_S)
    _clean(data_dir)
    return StoppedForced(state.supervisor_pid)


def _send(state: StackState, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(state.supervisor_pid, number)


def _clean(data_dir: Path) -> tuple[int, ...]:
    killed = kill_leftovers(data_dir)
    remove_state(data_dir)
    return killed
