"""A real Kafka-protocol broker (Tansu, in memory) for tests."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.broker import tansu_spec
from infra.local.ports import PortBook
from tests.fakes.server_process import running

__all__ = ["start_tansu"]


@contextmanager
def start_tansu() -> Iterator[str]:
    """Yields `host:port` of a fresh broker; kill -9 at the end, as nothing of it is kept."""
    port = PortBook(random.SystemRandom()).free()
    with (
        tempfile.TemporaryDirectory(prefix="tocsin-tansu-") as folder,
        running(tansu_spec(port=port, log_file=Path(folder, "broker.log"))),
    ):
        yield f"127.0.0.1:{port}"
