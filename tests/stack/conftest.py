"""Outside programs as Debian packages them, each started once for the lane, and one Tocsin that uses them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.local.down import take_down
from tests.e2e.stack import RunningStack, start
from tests.fakes.postgres_server import PostgresTestServer
from tests.stack.outside import OutsideStack, Sender


@pytest.fixture(scope="session")
def outside(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresTestServer, debian_redis_url: str
) -> Iterator[OutsideStack]:
    """`tocsin up` with Redis and PostgreSQL elsewhere, by settings alone."""
    settings = {
        "TOCSIN_REDIS__URL": debian_redis_url,
        "TOCSIN_REDIS__PREFIX": "outside",
        "TOCSIN_SQL__URL": postgres_server.new_database(),
        "TOCSIN_SQL__CONNECTIONS": "3",
        "TOCSIN_INVESTIGATE__DATA_WAIT_S": "1",
    }
    running = start(tmp_path_factory.mktemp("outside"), settings)
    try:
        yield OutsideStack(running, settings)
    finally:
        take_down(running.data_dir)
        running.process.wait(timeout=20)


@pytest.fixture(scope="session")
def sender(outside: OutsideStack) -> Sender:
    """A key of the role `ingest` for a tenant of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in outside.settings.items():
            patch.setenv(name, value)
        (made,) = outside.running.tocsin(
            "keys", "create", "monitoring", "--role", "ingest", "--tenant", "monitored"
        )
    url = outside.running.state().addresses.api_url
    assert url is not None
    return Sender(url, made["key"], "monitored")


@pytest.fixture
def stack(outside: OutsideStack, monkeypatch: pytest.MonkeyPatch) -> RunningStack:
    """The same, for commands of this process: they read the same settings."""
    for name, value in outside.settings.items():
        monkeypatch.setenv(name, value)
    return outside.running
