"""One Kafka node: its settings file, its log formatted once, its process. A cluster is several of them."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from uuid import UUID

from infra.local.kafka.jars import find_java
from infra.local.probes import KafkaAnswers
from infra.local.process import ProcessSpec
from schemas.errors import ConfigurationError, UnavailableError

__all__ = ["KafkaCluster", "KafkaNode", "keep_cluster_id", "node_spec", "prepare_node", "server_properties"]

_HERE = Path(__file__).parent
_FORMAT_DEADLINE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaNode:
    """One node. It listens on `host`; clients are told `advertised_host`. `folder` holds its settings and its log.

    `more_properties` are lines of server.properties that come last, and win: listeners with TLS, for instance.
    """

    node_id: int
    port: int
    controller_port: int
    folder: Path
    host: str = "127.0.0.1"
    advertised_host: str = "127.0.0.1"
    more_properties: str = ""

    @property
    def log_dir(self) -> Path:
        return self.folder / "log"

    @property
    def settings_file(self) -> Path:
        return self.folder / "server.properties"


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaCluster:
    """Nodes that are broker and controller alike. Each topic has up to three replicas; all but one must answer.

    `scram_users` (passwords by name) exist from the first start on, for SCRAM-SHA-256 and SCRAM-SHA-512; a name or
    password may have no comma, bracket or equals sign. Every user of the machine sees them while the log is formatted.
    """

    cluster_id: str
    nodes: tuple[KafkaNode, ...]
    heap_mb: int = 512
    scram_users: Mapping[str, str] = field(default_factory=dict)

    @property
    def bootstrap(self) -> str:
        return ",".join(f"{node.advertised_host}:{node.port}" for node in self.nodes)

    @property
    def replication(self) -> int:
        return min(3, len(self.nodes))


def keep_cluster_id(folder: Path, *, new_id: Callable[[], UUID]) -> str:
    """The cluster id kept in `folder`, made at the first call: 16 bytes in base64url, as Kafka writes it."""
    path = folder / "cluster.id"
    if path.exists():
        return path.read_text(encoding="ascii").strip()
    folder.mkdir(parents=True, exist_ok=True)
    made = base64.urlsafe_b64encode(new_id().bytes).decode().rstrip("=")
    # A leading dash would be read as an option on the formatting tool's command line.
    made = "A" + made[1:] if made.startswith("-") else made
    path.write_text(made + "\n", encoding="ascii")
    return made


def server_properties(cluster: KafkaCluster, node: KafkaNode) -> str:
    """The text of the node's server.properties.

    Raises:
        ConfigurationError: the folder's path has a comma, which Kafka would read as two folders.
    """
    log_dir = str(node.log_dir.resolve())
    if "," in log_dir:
        raise ConfigurationError(f"Kafka cannot keep its log in {log_dir}: the path has a comma")
    return Template((_HERE / "server.properties").read_text(encoding="utf-8")).substitute(
        node_id=node.node_id,
        voters=",".join(f"{n.node_id}@{n.host}:{n.controller_port}" for n in cluster.nodes),
        host=node.host,
        port=node.port,
        controller_port=node.controller_port,
        advertised_host=node.advertised_host,
        log_dir=log_dir.replace("\\", "\\\\"),
        replication=cluster.replication,
        min_in_sync=max(1, cluster.replication - 1),
        more_properties=node.more_properties,
    )


def prepare_node(cluster: KafkaCluster, node: KafkaNode, jars: Path) -> None:
    """Writes the settings and formats the log if it never was. Blocks; formatting takes some seconds of Java.

    Raises:
        ConfigurationError: no Java 17.
        UnavailableError: formatting failed.
    """
    node.folder.mkdir(parents=True, exist_ok=True)
    node.settings_file.write_text(server_properties(cluster, node), encoding="utf-8")
    if (node.log_dir / "meta.properties").exists():
        return
    tool = ("kafka.tools.StorageTool", "format", "-t", cluster.cluster_id, "-c", str(node.settings_file))
    users = [
        f"--add-scram={mechanism}=[name={name},password={password}]"
        for name, password in cluster.scram_users.items()
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
    ]
    command = [*_java(jars, heap_mb=256), *tool, "--ignore-formatted", *users]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_DEADLINE_S, check=False)
    if done.returncode != 0:
        lines = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        raise UnavailableError(f"Kafka's log in {node.log_dir} could not be formatted:\n{lines}")


def node_spec(
    cluster: KafkaCluster, node: KafkaNode, jars: Path, *, log_file: Path, name: str = "broker"
) -> ProcessSpec:
    """The node's process, once `prepare_node` was called. Ready when it lists all the cluster's brokers.

    Raises:
        ConfigurationError: no Java 17.
    """
    return ProcessSpec(
        name=name,
        argv=(*_java(jars, heap_mb=cluster.heap_mb), "kafka.Kafka", str(node.settings_file.resolve())),
        log_file=log_file,
        ready=KafkaAnswers(node.host, node.port, brokers=len(cluster.nodes)),
        ready_deadline_s=60.0,
        ports=(node.port, node.controller_port),
        cure=f"Read its log; to start with an empty broker, delete {node.folder}.",
    )


def _java(jars: Path, *, heap_mb: int) -> tuple[str, ...]:
    return (
        str(find_java()),
        f"-Xmx{heap_mb}m",
        "-XX:TieredStopAtLevel=1",  # half the start-up time and memory; the second compiler pays off after minutes
        "-XX:+ExitOnOutOfMemoryError",
        f"-Dlog4j2.configurationFile={_HERE / 'log4j2.xml'}",
        "-cp",
        f"{jars.resolve()}/*",
    )
