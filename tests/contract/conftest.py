from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.postgres_server import PostgresTestServer, start_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresTestServer]:
    with start_postgres() as server:
        yield server
