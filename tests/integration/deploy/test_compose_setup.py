"""The commands of the compose file, run as processes with the environment and the secrets that it gives them.

What a container has and a test has not is replaced: addresses, ports, the data folder, PostgreSQL (by SQLite).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.local.ports import PortBook
from infra.local.tether import tethered
from schemas.topics import CATALOGUE
from tests.fakes.broker import start_tansu
from tests.fakes.clickhouse_server import ClickHouseServer, start_clickhouse
from tests.fakes.redis_server import start_redis
from tests.unit.deploy.compose_file import ROOT, interpolated, secrets_folder, service

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse, pytest.mark.redis]
READY_S = 120


@dataclass(frozen=True)
class Servers:
    """Those that the services stand on, each with the password that was made for it."""

    folder: Path
    kafka: str
    clickhouse: ClickHouseServer
    redis: str


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("compose")
    secrets_folder("land", folder)

    def made(name: str) -> str:
        return (folder / "made" / name).read_text(encoding="utf-8")

    user = ("--user", "tocsin", "--password-env", "CLICKHOUSE_PASSWORD")
    password = {"CLICKHOUSE_PASSWORD": made("clickhouse_password")}
    with (
        start_tansu() as kafka,
        start_clickhouse(folder / "clickhouse", arguments=user, environment=password) as clickhouse,
        start_redis(folder / "redis", password=made("redis_password")) as redis,
    ):
        yield Servers(folder, kafka, clickhouse, redis)


def environment(name: str, servers: Servers, folder: Path, port: int) -> dict[str, str]:
    """The service's own variables, but for addresses; its secrets, but for the host in Redis's address."""
    given = {key: interpolated(str(value)) for key, value in service(name)["environment"].items()}
    secrets = folder / "run-secrets"
    secrets.mkdir()
    for mount in service(name)["secrets"]:
        text = (servers.folder / "made" / mount["source"]).read_text(encoding="utf-8")
        host = servers.redis.rpartition("@")[2]
        (secrets / mount["target"]).write_text(text.replace("redis:6379/0", host), encoding="utf-8")
    given["TOCSIN_KAFKA__BOOTSTRAP_SERVERS"] = servers.kafka
    given["TOCSIN_KAFKA__EMBEDDED"] = "true"
    given["TOCSIN_CLICKHOUSE__URL"] = servers.clickhouse.url
    given["TOCSIN_SQL__URL"] = f"sqlite:///{servers.folder / 'control.sqlite'}"
    given["TOCSIN_TELEMETRY__METRICS_PORT"] = str(port)
    given["TOCSIN_DATA_DIR"] = str(folder / "data")
    given["TOCSIN_SECRETS_DIR"] = str(secrets)
    if "TOCSIN_API__PORT" in given:
        given["TOCSIN_API__PORT"] = str(port + 1)
        given["TOCSIN_API__PEPPER_FILE"] = str(secrets / "api_pepper")
    own = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
    return {**own, **given}


def tocsin(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "infra.cli.main", *arguments]


def run(name: str, servers: Servers, folder: Path, *more: str) -> str:
    done = subprocess.run(
        tocsin(*service(name)["command"], *more),
        env=environment(name, servers, folder, 9464),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def once(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What the services say that run before any role."""
    made = {}
    for name in ("topics", "migrate"):
        made[name] = json.loads(run(name, servers, tmp_path_factory.mktemp(name), "--json"))
    return made


def test_topics_and_tables_are_made(once: Mapping[str, Any]) -> None:
    assert {one["topic"] for one in once["topics"] if one["exists"]} == set(CATALOGUE)
    assert {one["state"] for one in once["migrate"]["migrations"]} == {"applied"}
    assert len(once["migrate"]["ran"]) == len(once["migrate"]["migrations"]) > 0


@pytest.mark.parametrize("name", ["land", "api"])
def test_a_role_starts_says_that_it_is_healthy_and_ends_when_told(
    name: str, servers: Servers, once: Mapping[str, Any], tmp_path: Path
) -> None:
    port = PortBook(random.SystemRandom()).free()
    given = environment(name, servers, tmp_path, port)
    log = tmp_path / "role.log"
    with log.open("wb") as output:
        role = subprocess.Popen(
            tethered(tocsin(*service(name)["command"])), env=given, cwd=ROOT, stdout=output, stderr=output
        )
    try:
        assert _becomes_healthy(name, given, role), log.read_text(encoding="utf-8")[-3000:]
    finally:
        role.send_signal(signal.SIGTERM)
        grace = int(service(name)["stop_grace_period"].removesuffix("s"))
        assert role.wait(grace) == 0, log.read_text(encoding="utf-8")[-3000:]


def _becomes_healthy(name: str, given: dict[str, str], role: subprocess.Popen[bytes]) -> bool:
    """Asks as Docker does, until the role says yes."""
    _, _, *arguments = service(name)["healthcheck"]["test"]
    port = given.get("TOCSIN_API__PORT", "")
    command = [sys.executable, *(one.replace("8080", port) for one in arguments)]
    deadline = time.monotonic() + READY_S
    while role.poll() is None and time.monotonic() < deadline:
        if subprocess.run(command, env=given, cwd=ROOT, check=False, timeout=30).returncode == 0:
            return True
        time.sleep(0.5)  # each question is a new process
    return False
