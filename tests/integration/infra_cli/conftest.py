from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest

from tests.fakes.clickhouse_server import ClickHouseServer
from tests.integration.infra_cli.installed import Installed

_MIGRATED: set[str] = set()


@pytest.fixture
def tables(clickhouse_server: ClickHouseServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """An installation with tables and no broker: nothing listens where the settings say."""
    monkeypatch.setenv("TOCSIN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("TOCSIN_CLICKHOUSE__URL", clickhouse_server.url)
    monkeypatch.setenv("TOCSIN_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("TOCSIN_KAFKA__EMBEDDED", "true")
    monkeypatch.setenv("TOCSIN_REDIS__URL", "redis://127.0.0.1:1")
    installed = Installed(f"t{uuid4().hex[:10]}", tmp_path)
    monkeypatch.setenv("TOCSIN_TENANT", installed.tenant)
    if clickhouse_server.url not in _MIGRATED:
        asyncio.run(installed.migrate())
        _MIGRATED.add(clickhouse_server.url)
    return installed


@pytest.fixture
def whole(tables: Installed, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """An installation with tables and a broker, its topics under a prefix of the test's own."""
    monkeypatch.setenv("TOCSIN_KAFKA__BOOTSTRAP_SERVERS", kafka_bootstrap)
    monkeypatch.setenv("TOCSIN_KAFKA__TOPIC_PREFIX", f"{tables.tenant}.")
    monkeypatch.setenv("TOCSIN_LAND__EPOCH", tables.tenant)
    asyncio.run(tables.make_topics())
    return tables
