"""How many brokers the local stack starts, and how many replicas its topics have."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.cli import local_stack
from infra.cli.local_stack import LocalStack
from infra.local import stack as stack_module
from infra.local.broker import apache_specs, broker_names
from infra.local.probes import KafkaAnswers
from infra.local.process import ProcessSpec
from infra.runtime.settings import Settings
from schemas.errors import ConfigurationError
from streams.kafka import KafkaSettings


def _brokers(_folder: Path, places: list[tuple[int, int]], **_: object) -> tuple[ProcessSpec, ...]:
    names = broker_names(len(places))
    return tuple(ProcessSpec(name=name, argv=("true",), log_file=Path("log")) for name in names)


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_module, "apache_specs", _brokers)


def _environment(stack: LocalStack) -> dict[str, str]:
    (land,) = [spec for spec in stack._build().specs if spec.name == "land"]
    return dict(land.env)


@pytest.mark.usefixtures("no_java")
@pytest.mark.parametrize(("brokers", "replicas"), [(1, "1"), (2, "2"), (3, "3"), (5, "3")])
def test_topics_have_as_many_replicas_as_there_are_brokers(
    tmp_path: Path, brokers: int, replicas: str
) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path})
    environment = _environment(LocalStack(settings, broker="apache", brokers=brokers))
    assert environment["TOCSIN_KAFKA__REPLICATION_FACTOR"] == replicas
    assert environment["TOCSIN_KAFKA__EMBEDDED"] == "false"
    assert environment["TOCSIN_KAFKA__BOOTSTRAP_SERVERS"].count("127.0.0.1:") == brokers


def test_a_broker_elsewhere_is_as_its_settings_say(tmp_path: Path) -> None:
    kafka = {"bootstrap_servers": "a:1,b:1", "replication_factor": 2, "embedded": True}
    environment = _environment(LocalStack(Settings.model_validate({"data_dir": tmp_path, "kafka": kafka})))
    assert environment["TOCSIN_KAFKA__REPLICATION_FACTOR"] == "2"
    assert environment["TOCSIN_KAFKA__EMBEDDED"] == "true"


async def test_its_topics_are_made_with_its_security_and_replicas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[KafkaSettings, int]] = []

    async def ensure(kafka: KafkaSettings, replication: int) -> None:
        made.append((kafka, replication))

    monkeypatch.setattr(local_stack, "ensure_topics", ensure)
    kafka = {
        "bootstrap_servers": "a:1",
        "replication_factor": 3,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_username": "tocsin",
        "sasl_password": "secret",
    }
    stack = LocalStack(Settings.model_validate({"data_dir": tmp_path, "kafka": kafka}))
    (land,) = [spec for spec in stack._build().specs if spec.name == "land"]
    await stack._before_start(land)
    ((settings, replication),) = made
    assert (settings.security_protocol, settings.sasl_mechanism) == ("SASL_SSL", "SCRAM-SHA-512")
    assert settings.sasl_password.get_secret_value() == "secret"
    assert replication == 3


def test_names_of_brokers() -> None:
    assert broker_names(1) == ("broker",)
    assert broker_names(3) == ("broker", "broker-2", "broker-3")


def test_roles_wait_until_every_broker_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local.broker.find_java", lambda: Path("java"))
    monkeypatch.setattr("infra.local.kafka.node.find_java", lambda: Path("java"))
    monkeypatch.setattr("infra.local.broker.prepare_node", lambda *_: None)
    places = [(10_001, 20_001), (10_002, 20_002), (10_003, 20_003)]
    logs = [tmp_path / f"{number}.log" for number in range(3)]
    specs = apache_specs(tmp_path / "kafka", places, jars=tmp_path, log_files=logs)
    assert [spec.ready for spec in specs] == [KafkaAnswers("127.0.0.1", port, 3) for port, _ in places]
    assert all("-Xmx384m" in spec.argv for spec in specs)


@pytest.mark.parametrize("wanted", [1, 2, 4])
def test_a_folder_is_started_again_with_the_brokers_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: int
) -> None:
    monkeypatch.setattr("infra.local.broker.find_java", lambda: Path("java"))
    for number in (1, 2, 3):
        (tmp_path / f"node-{number}").mkdir()
    places = [(10_000 + number, 20_000 + number) for number in range(wanted)]
    with pytest.raises(ConfigurationError) as refused:
        apache_specs(tmp_path, places, jars=tmp_path, log_files=[tmp_path / "log"] * wanted)
    assert "--brokers 3" in refused.value.cure
