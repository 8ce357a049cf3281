"""Tasks over a few processes: results as they come, and an end that Ctrl-C may bring at any time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from infra.cli.evaluation.tasks import Done, Task, perform

__all__ = ["performed"]

_WORTH_A_PROCESS = 4
"""Importing everything takes a new process longer than a few incidents."""


def performed(tasks: Sequence[Task], workers: int) -> Iterator[Done]:
    """Yield each task's result as it is done, in any order. Closing the iterator, or Ctrl-C, ends the processes at once.

    Raises:
        BrokenProcessPool: somebody killed a process.
    """
    if workers == 1 or len(tasks) < _WORTH_A_PROCESS:
        yield from map(perform, tasks)
        return
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(tasks)), mp_context=spawn, initializer=_begin)
    ended = False
    try:
        for one in as_completed([pool.submit(perform, task) for task in tasks]):
            yield one.result()
        ended = True
    finally:
        pool.shutdown(wait=ended, cancel_futures=True)
        if not ended:
            for child in multiprocessing.active_children():
                child.terminate()


def _begin() -> None:
    """Leave Ctrl-C to the parent, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
