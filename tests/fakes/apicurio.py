"""A real schema registry that we have not written: Apicurio, whose ready-made server is on Maven Central (Java 17, 109 MB)."""

from __future__ import annotations

import random
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.kafka import find_java
from infra.local.kafka.jars import find_maven
from infra.local.ports import PortBook
from infra.local.probes import HttpOk
from infra.local.process import ProcessSpec
from tests.fakes.server_process import running

__all__ = ["fetch_apicurio", "start_apicurio"]

_VERSION = "3.0.9"
_PATH = "/apis/ccompat/v7"


def fetch_apicurio(folder: Path) -> Path:
    """Return the folder of the server, brought by Maven (which keeps what it brings) and unpacked here."""
    server = folder / "apicurio"
    coordinates = f"io.apicurio:apicurio-registry-app:{_VERSION}:tar.gz:all"
    goal = ("dependency:copy", f"-Dartifact={coordinates}", f"-DoutputDirectory={folder}")
    subprocess.run([str(find_maven()), "-q", "-B", *goal], cwd=folder, check=True, timeout=600)
    archive = folder / f"apicurio-registry-app-{_VERSION}-all.tar.gz"
    with tarfile.open(archive) as packed:
        packed.extractall(server, filter="data")
    archive.unlink()
    return server


@contextmanager
def start_apicurio(server: Path, log_file: Path) -> Iterator[str]:
    """Yields the URL of its Confluent-compatible API over an empty registry in memory."""
    port = PortBook(random.SystemRandom()).free()
    jar = server / f"apicurio-registry-app-{_VERSION}-runner.jar"
    spec = ProcessSpec(
        name="apicurio",
        argv=(str(find_java()), "-Xmx400m", "-XX:TieredStopAtLevel=1", "-jar", str(jar)),
        log_file=log_file,
        env={"QUARKUS_HTTP_HOST": "127.0.0.1", "QUARKUS_HTTP_PORT": str(port)},
        ready=HttpOk("127.0.0.1", port, f"{_PATH}/subjects"),
        ready_deadline_s=120,
    )
    with running(spec):
        yield f"http://127.0.0.1:{port}{_PATH}"
