"""Debian's own redis-server for tests, unmodified, in a folder of its own."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.ports import PortBook
from infra.local.probes import RedisAnswers
from infra.local.process import ProcessSpec
from tests.fakes.debian import debian_program
from tests.fakes.server_process import running

__all__ = ["start_debian_redis"]

_OPTIONS = (("--bind", "127.0.0.1"), ("--save", ""), ("--appendonly", "no"))


@contextmanager
def start_debian_redis() -> Iterator[str]:
    """Yields the `redis://` address of a fresh server; skips the test where it is not installed. Nothing of it is kept."""
    program = debian_program("redis-server", "redis-server")
    port = PortBook(random.SystemRandom()).free()
    with tempfile.TemporaryDirectory(prefix="tocsin-redis-") as name:
        spec = ProcessSpec(
            name="redis",
            argv=(
                program,
                *(part for option in _OPTIONS for part in option),
                "--port",
                str(port),
                "--dir",
                name,
            ),
            log_file=Path(name, "redis.log"),
            ready=RedisAnswers("127.0.0.1", port),
        )
        with running(spec):
            yield f"redis://127.0.0.1:{port}/0"
