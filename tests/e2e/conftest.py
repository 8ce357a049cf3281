from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from infra.local.down import take_down
from streams.kafka import KafkaSettings
from tests.e2e.stack import RunningStack, start
from tests.fakes.apache import ApacheCluster

_ENVIRONMENT = {"TOCSIN_INVESTIGATE__DATA_WAIT_S": "1"}
"""Investigations need not wait long for data that never comes."""


@pytest.fixture(scope="session")
def stack(embedded_stack: RunningStack) -> RunningStack:
    """One stack for the tests that only use it."""
    return embedded_stack


@pytest.fixture(scope="session")
def embedded_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with _running(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="module")
def apache_stack(
    tmp_path_factory: pytest.TempPathFactory, apache_cluster: ApacheCluster
) -> Iterator[RunningStack]:
    """The same on Apache Kafka: three brokers, three replicas, TLS and SCRAM. Commands find them in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _as_environment(apache_cluster.scram).items():
            patch.setenv(f"TOCSIN_KAFKA__{name.upper()}", value)
        patch.setenv("TOCSIN_KAFKA__REPLICATION_FACTOR", "3")
        patch.setenv("TOCSIN_KAFKA__SESSION_TIMEOUT_S", "6")
        with _running(tmp_path_factory.mktemp("stack")) as running:
            yield running


@contextmanager
def _running(data_dir: Path) -> Iterator[RunningStack]:
    running = start(data_dir, _ENVIRONMENT)
    try:
        yield running
    finally:
        take_down(running.data_dir)
        running.process.wait(timeout=20)


def _as_environment(kafka: KafkaSettings) -> dict[str, str]:
    return {
        "bootstrap_servers": kafka.bootstrap_servers,
        "topic_prefix": f"e2e-{uuid4().hex[:6]}.",
        "security_protocol": kafka.security_protocol,
        "sasl_mechanism": kafka.sasl_mechanism,
        "sasl_username": kafka.sasl_username,
        "sasl_password": kafka.sasl_password.get_secret_value(),
        "ssl_cafile": kafka.ssl_cafile,
    }
