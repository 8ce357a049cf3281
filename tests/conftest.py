"""Servers that several lanes share, each started once per session and only when a test asks for it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.pop(
    "COLUMNS", None
)  # pytest-xdist sets it to 80; what commands print should be as wide as in a pipe
# Nor may a developer's own contexts and addresses decide whom the commands of a test ask.
os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="tocsin-test-config-")
os.environ |= dict.fromkeys(("TOCSIN_URL", "TOCSIN_CONTEXT", "TOCSIN_API_KEY"), "")

from infra.local.kafka import fetch_jars
from streams.kafka import KafkaSettings
from tests.fakes.apache import ApacheCluster, start_apache
from tests.fakes.broker import start_tansu
from tests.fakes.clickhouse_server import ClickHouseServer, start_clickhouse
from tests.fakes.debian_redis import start_debian_redis
from tests.fakes.postgres_server import PostgresTestServer, start_postgres
from tests.fakes.redis_server import start_redis


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    with start_tansu() as bootstrap:
        yield bootstrap


@pytest.fixture(scope="session")
def apache_jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Apache Kafka's jars, fetched by Maven. TOCSIN_TEST_JARS names a folder that keeps them from run to run."""
    kept = os.environ.get("TOCSIN_TEST_JARS")
    return fetch_jars(Path(kept) if kept else tmp_path_factory.mktemp("kafka") / "jars")


@pytest.fixture(scope="session")
def apache_cluster(tmp_path_factory: pytest.TempPathFactory, apache_jars: Path) -> Iterator[ApacheCluster]:
    """Three brokers of Apache Kafka. Whoever stops one starts it again."""
    with start_apache(tmp_path_factory.mktemp("apache"), apache_jars) as cluster:
        yield cluster


@pytest.fixture(scope="session", params=["tansu", pytest.param("apache", marks=pytest.mark.kafka)])
def any_kafka(request: pytest.FixtureRequest) -> KafkaSettings:
    """Settings of either broker; the lane chooses. Tests take a topic prefix of their own."""
    if request.param == "tansu":
        return KafkaSettings.embedded(request.getfixturevalue("kafka_bootstrap"))
    cluster: ApacheCluster = request.getfixturevalue("apache_cluster")
    return cluster.plain


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with start_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresTestServer]:
    with start_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def debian_redis_url() -> Iterator[str]:
    with start_debian_redis() as url:
        yield url


@pytest.fixture(scope="session")
def clickhouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseServer]:
    with start_clickhouse(tmp_path_factory.mktemp("clickhouse")) as server:
        yield server
