"""Runs one server of `infra.local` for tests: a child that dies with the test run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local.probes import attempt
from infra.local.process import ProcessSpec
from infra.local.tether import tethered

__all__ = ["running"]


@contextmanager
def running(spec: ProcessSpec) -> Iterator[subprocess.Popen[bytes]]:
    """Starts `spec`, yields it when its probe succeeds (30 s at most), kills its process group at the end."""
    with spec.log_file.open("ab") as log:
        child = subprocess.Popen(
            tethered(spec.argv),
            env={**os.environ, **spec.env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_ready(spec, child)
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _wait_ready(spec: ProcessSpec, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + spec.ready_deadline_s
    while (why := attempt(spec.ready)) is not None:
        if child.poll() is not None or time.monotonic() > deadline:
            log = spec.log_file.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{spec.name} is not ready: {why}\n{log}")
        time.sleep(0.05)
