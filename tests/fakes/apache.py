"""Three brokers of Apache Kafka for tests, each with listeners for every way of proving who one is.

Every node is broker and controller. A node listens in plain text (between brokers, for probes, and for tests that are
not about security), with TLS that asks for a client certificate, and with TLS and SASL.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from infra.local.kafka import KafkaCluster, KafkaNode, keep_cluster_id, node_spec, prepare_node
from infra.local.ports import PortBook
from infra.local.probes import AlwaysReady, attempt
from infra.local.process import ProcessSpec
from streams.kafka import KafkaSettings
from tests.fakes.certificates import Authority, Identity, make_authority
from tests.fakes.server_process import running

__all__ = ["HOST", "PASSWORD", "USER", "ApacheCluster", "start_apache"]

HOST = "localhost"
"""The name in the brokers' certificates."""
USER, PASSWORD = "tocsin", "s3cret-for-tests"
_NODES = 3
_PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:{plain},SSL://127.0.0.1:{tls},SASL_SSL://127.0.0.1:{sasl},\
CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SSL://{host}:{tls},SASL_SSL://{host}:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL
ssl.keystore.type=PKCS12
ssl.keystore.location={keystore}
ssl.keystore.password={keystore_password}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_{user}="{password}";
group.min.session.timeout.ms=1000
log.cleaner.backoff.ms=200
"""


@dataclass
class ApacheCluster:
    """The running brokers. Security settings by listener; `kill` and `restart` single nodes by number, from 1."""

    cluster: KafkaCluster
    specs: tuple[ProcessSpec, ...]
    sasl_ports: tuple[int, ...]
    tls_ports: tuple[int, ...]
    authority: Authority
    client: Identity
    folder: Path
    children: dict[int, contextlib.ExitStack] = field(default_factory=dict)
    pids: dict[int, int] = field(default_factory=dict)

    @property
    def plain(self) -> KafkaSettings:
        return KafkaSettings(bootstrap_servers=self.cluster.bootstrap)

    @property
    def mutual_tls(self) -> KafkaSettings:
        return KafkaSettings(
            bootstrap_servers=_servers(self.tls_ports),
            security_protocol="SSL",
            ssl_cafile=str(self.authority.file),
            ssl_certfile=str(self.client.certificate),
            ssl_keyfile=str(self.client.key),
            ssl_key_password=SecretStr(self.client.password),
        )

    @property
    def scram(self) -> KafkaSettings:
        return KafkaSettings(
            bootstrap_servers=_servers(self.sasl_ports),
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_username=USER,
            sasl_password=SecretStr(PASSWORD),
            ssl_cafile=str(self.authority.file),
        )

    @property
    def password(self) -> KafkaSettings:
        return self.scram.model_copy(update={"sasl_mechanism": "PLAIN"})

    def start(self, *numbers: int) -> None:
        """Start these nodes and wait until the cluster is whole."""
        for number in numbers:
            stack = contextlib.ExitStack()
            child = stack.enter_context(running(replace(self.specs[number - 1], ready=AlwaysReady())))
            self.children[number], self.pids[number] = stack, child.pid
        for number in numbers:
            _wait_whole(self.specs[number - 1])

    def kill(self, *numbers: int) -> None:
        """Kill -9."""
        for number in numbers:
            os.killpg(self.pids[number], signal.SIGKILL)
        for number in numbers:
            self.children.pop(number).close()

    def close(self) -> None:
        self.kill(*self.children)


@contextmanager
def start_apache(folder: Path, jars: Path) -> Iterator[ApacheCluster]:
    """Yield the cluster when all its brokers are there; kill -9 at the end. Keeps everything in `folder`."""
    authority = make_authority(folder / "certificates", "tests")
    server = authority.issue("broker", HOST)
    ports = PortBook(random.SystemRandom())
    places = [_Ports(*(ports.free() for _ in range(4))) for _ in range(_NODES)]
    nodes = tuple(_node(folder, number, place, authority, server) for number, place in enumerate(places, 1))
    cluster = KafkaCluster(
        cluster_id=keep_cluster_id(folder, new_id=uuid4),
        nodes=nodes,
        heap_mb=256,
        scram_users={USER: PASSWORD},
    )
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda node: prepare_node(cluster, node, jars), nodes))
    made = ApacheCluster(
        cluster=cluster,
        specs=tuple(
            node_spec(cluster, node, jars, log_file=folder / f"{node.node_id}.log") for node in nodes
        ),
        sasl_ports=tuple(place.sasl for place in places),
        tls_ports=tuple(place.tls for place in places),
        authority=authority,
        client=authority.issue("client"),
        folder=folder,
    )
    try:
        made.start(*range(1, _NODES + 1))
        yield made
    finally:
        made.close()


@dataclass(frozen=True, slots=True)
class _Ports:
    plain: int
    tls: int
    sasl: int
    controller: int


def _node(folder: Path, number: int, ports: _Ports, authority: Authority, server: Identity) -> KafkaNode:
    more = _PROPERTIES.format(
        plain=ports.plain,
        tls=ports.tls,
        sasl=ports.sasl,
        controller=ports.controller,
        host=HOST,
        keystore=server.keystore,
        keystore_password=server.password,
        truststore=authority.file,
        user=USER,
        password=PASSWORD,
    )
    return KafkaNode(
        node_id=number,
        port=ports.plain,
        controller_port=ports.controller,
        folder=folder / f"node-{number}",
        more_properties=more,
    )


def _servers(ports: tuple[int, ...]) -> str:
    return ",".join(f"{HOST}:{port}" for port in ports)


def _wait_whole(spec: ProcessSpec) -> None:
    deadline = time.monotonic() + spec.ready_deadline_s
    while (why := attempt(spec.ready)) is not None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{why}\n{spec.log_file.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
