"""A real Redis server for tests."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.ports import PortBook
from infra.local.redis_server import redis_spec, redis_url
from tests.fakes.server_process import running

__all__ = ["start_redis"]


@contextmanager
def start_redis(data_dir: Path, *, password: str | None = None) -> Iterator[str]:
    """Yields the `redis://` address of a server that keeps its data in `data_dir`; killed with -9 at the end."""
    port = PortBook(random.SystemRandom()).free()
    data_dir.mkdir(parents=True, exist_ok=True)
    spec = redis_spec(data_dir, port=port, log_file=data_dir / "redis.log", password=password)
    with running(spec):
        yield redis_url(port, password=password)
