"""The compose file's broker settings, put into Apache Kafka by the program that its image runs (Maven has that, too)."""

from __future__ import annotations

import os
import random
import re
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from infra.local.kafka import fetch_jars, find_java
from infra.local.ports import PortBook
from infra.local.probes import KafkaAnswers
from infra.local.process import ProcessSpec
from tests.fakes.server_process import running
from tests.unit.deploy.compose_file import interpolated, service

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

DATA = "/var/lib/kafka/data"
# The image has these from Kafka's distribution; Maven's jars come without.
DEFAULTS = {
    "server.properties": "",
    "log4j2.yaml": "Configuration:\n  Loggers:\n    Root:\n      level: warn\n",
    "tools-log4j2.yaml": "Configuration:\n  Loggers:\n    Root:\n      level: warn\n",
}


def environment(folder: Path, ports: dict[str, int]) -> dict[str, str]:
    """The service's own, but for what a container has and a test has not: host names, well-known ports, a volume."""
    made = {}
    for name, value in service("kafka")["environment"].items():
        text = interpolated(str(value)).replace(DATA, str(folder / "data"))
        text = re.sub(r"(?<=[/@])(kafka|localhost|0\.0\.0\.0)(?=:)", "127.0.0.1", text)
        made[name] = re.sub(r":(909\d)\b", lambda found: f":{ports[found[1]]}", text)
    return made


def java(jars: Path, *arguments: str) -> list[str]:
    return [str(find_java()), "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", *arguments]


def set_up(jars: Path, folder: Path, given: dict[str, str]) -> Path:
    """Do what the image's entry does before it starts the broker: settings from the environment, log formatted."""
    for name in ("default", "mounted", "final"):
        (folder / name).mkdir()
    for name, text in DEFAULTS.items():
        (folder / "default" / name).write_text(text, encoding="utf-8")
    command = java(jars, "kafka.docker.KafkaDockerWrapper", "setup")
    command += ["--default-configs-dir", str(folder / "default")]
    command += ["--mounted-configs-dir", str(folder / "mounted")]
    command += ["--final-configs-dir", str(folder / "final")]
    own = {name: value for name, value in os.environ.items() if not name.startswith("KAFKA_")}
    done = subprocess.run(
        command, env={**own, **given}, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "final" / "server.properties"


def properties(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


async def test_the_broker_starts_with_them_and_keeps_to_the_catalogue(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("compose-kafka")
    jars = fetch_jars(Path(os.environ.get("TOCSIN_TEST_JARS", folder / "jars")))
    book = PortBook(random.SystemRandom())
    ports = {name: book.free() for name in ("9092", "9093", "9094")}
    given = environment(tmp_path, ports)

    settings_file = set_up(jars, tmp_path, given)
    settings = properties(settings_file)
    assert settings["process.roles"] == "broker,controller"
    assert settings["auto.create.topics.enable"] == "false"
    assert "heap.opts" not in settings
    assert len(settings) == len([name for name in given if name.startswith("KAFKA_")]) - 1
    assert given["CLUSTER_ID"] in (tmp_path / "data" / "meta.properties").read_text(encoding="utf-8")

    spec = ProcessSpec(
        name="kafka",
        argv=tuple(java(jars, "kafka.Kafka", str(settings_file))),
        log_file=tmp_path / "kafka.log",
        ready=KafkaAnswers("127.0.0.1", ports["9092"]),
        ready_deadline_s=60.0,
        cure="",
    )
    with running(spec):
        for listener in ("9092", "9094"):
            await _one_message(f"127.0.0.1:{ports[listener]}")
        await _no_topic_by_itself(f"127.0.0.1:{ports['9092']}")


async def _one_message(bootstrap: str) -> None:
    """Through one listener: it must tell clients an address at which they reach it."""
    topic = f"compose-{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, b"evidence")
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=topic
    )
    async with consumer:
        assert (await consumer.getone()).value == b"evidence"


async def _no_topic_by_itself(bootstrap: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, request_timeout_ms=2_000) as producer:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.partitions_for(f"never-{uuid4().hex}")
