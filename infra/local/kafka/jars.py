"""Java and the broker's jars: found, or fetched once by Maven."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from schemas.errors import ConfigurationError, UnavailableError

__all__ = ["POM", "fetch_jars", "find_java", "find_maven", "java_major"]

POM = Path(__file__).with_name("pom.xml")
_JAVA_NEEDED = 17
_FETCH_DEADLINE_S = 600
_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?')


def find_java() -> Path:
    """The Java command, of $JAVA_HOME or of the path, checked to be version 17 or later. Blocks for its `-version`.

    Raises:
        ConfigurationError: there is none, or it is too old.
    """
    home = os.environ.get("JAVA_HOME", "")
    found = shutil.which("java", path=os.path.join(home, "bin")) if home else None  # noqa: PTH118 - a search path
    found = found or shutil.which("java")
    cure = "Install it (Debian: `apt install openjdk-17-jre-headless`), or use `--broker tansu`."
    if found is None:
        raise ConfigurationError("Apache Kafka needs Java 17, and no `java` was found", cure=cure)
    major = java_major(_output_of([found, "-version"]))
    if major is None or major < _JAVA_NEEDED:
        raise ConfigurationError(
            f"Apache Kafka needs Java 17; {found} is {major or 'of unknown version'}", cure=cure
        )
    return Path(found)


def java_major(version_text: str) -> int | None:
    """The major version in the output of `java -version`: 17 of "17.0.15", 8 of "1.8.0_392"; None if it has none."""
    match = _VERSION.search(version_text)
    if match is None:
        return None
    first, second = int(match[1]), match[2]
    return int(second) if first == 1 and second else first


def find_maven() -> Path:
    """The Maven command.

    Raises:
        ConfigurationError: there is none.
    """
    found = shutil.which("mvn")
    if found is None:
        raise ConfigurationError(
            "fetching Apache Kafka needs Maven, and no `mvn` was found",
            cure="Install it (Debian: `apt install maven`), or use `--broker tansu`.",
        )
    return Path(found)


def fetch_jars(folder: Path) -> Path:
    """`folder` with the broker's jars; Maven is asked only if it is not there. Blocks: some 10 s, 54 MB, once.

    The folder appears by a rename when it is complete, so an interrupted fetch is not mistaken for a whole one.

    Raises:
        ConfigurationError: Maven is missing.
        UnavailableError: Maven failed, for instance for want of a network.
    """
    if folder.is_dir():
        return folder
    maven = find_maven()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as draft:
        jars = Path(draft, "jars")
        _run_maven(maven, jars)
        jars.rename(folder)
    return folder


def _run_maven(maven: Path, jars: Path) -> None:
    command = [
        str(maven),
        "-q",
        "-B",
        "-f",
        str(POM),
        "dependency:copy-dependencies",
        f"-DoutputDirectory={jars}",
    ]
    cure = "Check that Maven reaches its repository (settings.xml, proxy), or use `--broker tansu`."
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_DEADLINE_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"Maven did not end within {_FETCH_DEADLINE_S} s", cure=cure) from error
    if done.returncode != 0:
        lines = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        raise UnavailableError(f"Maven could not fetch Apache Kafka:\n{lines}", cure=cure)


def _output_of(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
