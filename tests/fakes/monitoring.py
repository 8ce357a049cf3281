"""Debian's Prometheus and Alertmanager for tests, unmodified, each with a configuration of the test's and a folder of its own."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.local.ports import PortBook
from infra.local.probes import HttpOk
from infra.local.process import ProcessSpec
from tests.fakes.debian import debian_program
from tests.fakes.server_process import running

__all__ = ["Config", "start_alertmanager", "start_prometheus"]

Config = Mapping[str, Any]
"""JSON is YAML."""


@contextmanager
def start_alertmanager(config: Config) -> Iterator[str]:
    """Yields `host:port`. Skips the test where it is not installed."""
    program = debian_program("prometheus-alertmanager", "prometheus-alertmanager")
    with _folder("alertmanager", config) as folder:
        port = _port()
        argv = (
            program,
            f"--config.file={folder / 'config.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        )
        with running(_spec("alertmanager", argv, folder, port)):
            yield f"127.0.0.1:{port}"


@contextmanager
def start_prometheus(config: Config, rules: Config) -> Iterator[str]:
    """Yields `host:port`. `rules` become the configuration's only rule file. Skips the test where it is not installed."""
    program = debian_program("prometheus", "prometheus")
    with _folder("prometheus", {**config, "rule_files": ["rules.yml"]}) as folder:
        (folder / "rules.yml").write_text(json.dumps(rules))
        port = _port()
        argv = (
            program,
            f"--config.file={folder / 'config.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--storage.tsdb.retention.time=1h",
            "--rules.alert.resend-delay=1s",
        )
        with running(_spec("prometheus", argv, folder, port)):
            yield f"127.0.0.1:{port}"


def _spec(name: str, argv: tuple[str, ...], folder: Path, port: int) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        argv=argv,
        log_file=folder / f"{name}.log",
        ready=HttpOk("127.0.0.1", port, "/-/ready"),
        ready_deadline_s=60.0,
    )


@contextmanager
def _folder(name: str, config: Config) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f"tocsin-{name}-") as made:
        folder = Path(made)
        (folder / "config.yml").write_text(json.dumps(config))
        yield folder


def _port() -> int:
    return PortBook(random.SystemRandom()).free()
