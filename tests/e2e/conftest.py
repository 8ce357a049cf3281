from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.local.down import take_down
from tests.e2e.stack import RunningStack, start


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One stack for the tests that only use it. Investigations need not wait long for data that never comes."""
    running = start(tmp_path_factory.mktemp("stack"), {"TOCSIN_INVESTIGATE__DATA_WAIT_S": "1"})
    try:
        yield running
    finally:
        take_down(running.data_dir)
        running.process.wait(timeout=20)
