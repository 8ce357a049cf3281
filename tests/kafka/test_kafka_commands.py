"""Commands and roles on a broker with TLS and SCRAM, and what they say when a setting is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from infra.cli.exit_codes import ExitCode, exit_code_of
from infra.cli.main import app
from schemas.errors import ConfigurationError
from schemas.topics import CATALOGUE
from tests.fakes.apache import PASSWORD, ApacheCluster

pytestmark = pytest.mark.kafka


@pytest.fixture
def environment(apache_cluster: ApacheCluster, tmp_path: Path) -> dict[str, str]:
    kafka = apache_cluster.scram
    return {
        "TOCSIN_DATA_DIR": str(tmp_path),
        "TOCSIN_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TOCSIN_KAFKA__TOPIC_PREFIX": f"{uuid4().hex[:8]}.",
        "TOCSIN_KAFKA__SECURITY_PROTOCOL": kafka.security_protocol,
        "TOCSIN_KAFKA__SASL_MECHANISM": kafka.sasl_mechanism,
        "TOCSIN_KAFKA__SASL_USERNAME": kafka.sasl_username,
        "TOCSIN_KAFKA__SASL_PASSWORD": PASSWORD,
        "TOCSIN_KAFKA__SSL_CAFILE": kafka.ssl_cafile,
        "TOCSIN_KAFKA__REPLICATION_FACTOR": "3",
        # Nothing is asked of them here.
        "TOCSIN_REDIS__URL": "redis://127.0.0.1:1/0",
        "TOCSIN_CLICKHOUSE__URL": "http://127.0.0.1:1",
    }


def _wrong(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "TOCSIN_KAFKA__SASL_PASSWORD": "not-it"}


def _doctor(environment: dict[str, str]) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["doctor", "--json"], env=environment)
    (rows,) = [json.loads(line) for line in done.stdout.splitlines()]
    (row,) = [one for one in rows if one["check"] == "kafka"]
    found: dict[str, Any] = row
    return found


def test_the_doctor_connects_as_every_client_does(environment: dict[str, str]) -> None:
    assert _doctor(environment)["result"] == "ok"


def test_the_doctor_says_what_is_wrong_and_what_cures_it(environment: dict[str, str]) -> None:
    row = _doctor(_wrong(environment))
    assert row["result"] == "failed"
    assert "refuses user 'tocsin'" in row["what"]
    assert "kafka.sasl_password" in row["cure"]
    assert "not-it" not in json.dumps(row)


def test_topics_are_made_with_three_replicas(environment: dict[str, str]) -> None:
    done = CliRunner().invoke(app, ["topics", "--create", "--json"], env=environment)
    assert done.exit_code == 0, done.output
    (rows,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["topic"] for row in rows if row["exists"]} == set(CATALOGUE)


def test_a_command_refuses_a_wrong_password(environment: dict[str, str]) -> None:
    done = CliRunner().invoke(app, ["topics"], env=_wrong(environment))
    assert isinstance(done.exception, ConfigurationError)
    assert "kafka.sasl_password" in done.exception.cure


@pytest.mark.parametrize("role", ["stream", "land"])
def test_a_role_ends_with_the_cause_and_the_cure(environment: dict[str, str], role: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli.main", "role", role],
        env={**os.environ, **_wrong(environment)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == exit_code_of(ConfigurationError("")) != ExitCode.NEGATIVE
    said = " ".join(done.stderr.split())
    assert "refuses user 'tocsin'" in said
    assert "kafka.sasl_password" in said
    assert "not-it" not in done.stdout + done.stderr
