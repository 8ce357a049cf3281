"""The shell command by which the compose file starts Redis, run by a shell."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, ResponseError

from infra.local.ports import PortBook
from infra.local.probes import RedisAnswers
from infra.local.process import ProcessSpec
from infra.local.redis_server import redis_binary
from tests.fakes.server_process import running
from tests.unit.deploy.compose_file import interpolated, secrets_folder, service

pytestmark = pytest.mark.redis


@dataclass(frozen=True)
class _Started:
    port: int
    password: str
    secrets: Path
    pid: int


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Started]:
    folder = tmp_path_factory.mktemp("compose-redis")
    secrets = secrets_folder("redis", folder)
    (folder / "bin").mkdir()
    (folder / "bin" / "redis-server").symlink_to(redis_binary())
    port = PortBook(random.SystemRandom()).free()
    shell, flag, script = service("redis")["command"]
    text = interpolated(script).replace("/run/secrets", str(secrets))
    text = text.replace("--dir /data", f"--dir {folder} --port {port} --bind 127.0.0.1")
    spec = ProcessSpec(
        name="redis",
        argv=(shell, flag, text),
        log_file=folder / "redis.log",
        env={"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
        ready=RedisAnswers("127.0.0.1", port),
    )
    with running(spec) as child:
        password = (secrets / "redis_password").read_text(encoding="utf-8")
        yield _Started(port, password, secrets, child.pid)


async def test_who_has_the_password_from_its_file_is_let_in(redis: _Started) -> None:
    async with Redis(port=redis.port, password=redis.password) as client:
        assert await client.ping()
        settings = await client.config_get("*")
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["appendonly"] == "yes"
    assert settings["maxmemory"] == str(256 * 1024 * 1024)


async def test_who_has_not_is_refused(redis: _Started) -> None:
    async with Redis(port=redis.port) as client:
        with pytest.raises(AuthenticationError):
            await client.ping()
    async with Redis(port=redis.port, password="guessed") as client:
        with pytest.raises((AuthenticationError, ResponseError)):
            await client.ping()


def _processes(started: _Started) -> list[bytes]:
    """Command lines of the process started, the one that watches over it in tests, and their children."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(started.port).encode() in line:
                found.append(line)
    return found


def test_the_password_is_on_no_command_line_and_the_shell_gave_way(redis: _Started) -> None:
    lines = _processes(redis)
    servers = [line for line in lines if Path(line.split(b"\0")[0].decode()).name.startswith("redis-server")]
    assert servers, lines
    for line in lines:
        assert redis.password.encode() not in line


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="no redis-cli: apt install redis-tools")
def test_the_health_check_says_pong(redis: _Started) -> None:
    kind, check = service("redis")["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    text = interpolated(check).replace("/run/secrets", str(redis.secrets))
    text = text.replace("redis-cli", f"redis-cli -p {redis.port}")
    assert subprocess.run(["sh", "-c", text], check=False, timeout=30).returncode == 0
