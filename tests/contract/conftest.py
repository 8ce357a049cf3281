from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.debian_redis import start_debian_redis
from tests.fakes.postgres_server import PostgresTestServer, start_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresTestServer]:
    with start_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def debian_redis_url() -> Iterator[str]:
    with start_debian_redis() as url:
        yield url
