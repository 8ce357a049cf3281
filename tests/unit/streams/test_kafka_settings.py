from __future__ import annotations

import ssl
import tomllib
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from infra.cli.context import kafka_settings
from infra.runtime.settings import KafkaSection
from schemas.errors import ConfigurationError, UnavailableError
from streams.connecting import find_problem
from streams.kafka import KafkaSettings, tls_context
from tests.fakes.certificates import Authority, Identity, make_authority
from tests.unit.docs.pages import program


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path, "tests")


@pytest.fixture
def client(authority: Authority) -> Identity:
    return authority.issue("client")


def _tls(authority: Authority, **settings: object) -> KafkaSettings:
    given = {"bootstrap_servers": "kafka:9093", "security_protocol": "SSL", "ssl_cafile": str(authority.file)}
    return KafkaSettings.model_validate({**given, **settings})


def test_brokers_are_verified_by_name_unless_told_otherwise(authority: Authority) -> None:
    context = tls_context(_tls(authority))
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1
    unchecked = tls_context(_tls(authority, ssl_check_hostname=False))
    assert not unchecked.check_hostname
    assert unchecked.verify_mode is ssl.CERT_REQUIRED


def test_a_client_certificate_is_taken_with_its_encrypted_key(authority: Authority, client: Identity) -> None:
    files = {"ssl_certfile": str(client.certificate), "ssl_keyfile": str(client.key)}
    tls_context(_tls(authority, **files, ssl_key_password=SecretStr(client.password)))


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [
        ({"ssl_cafile": "missing.pem"}, "kafka.ssl_cafile"),
        ({"ssl_certfile": "missing.pem"}, "kafka.ssl_certfile"),
        ({"ssl_key_password": SecretStr("wrong")}, "kafka.ssl_key_password"),
        ({"ssl_key_password": SecretStr("")}, "kafka.ssl_key_password"),
        ({"ssl_keyfile": ""}, "kafka.ssl_keyfile"),
    ],
)
def test_files_that_cannot_be_used_name_their_setting(
    authority: Authority, client: Identity, wrong: dict[str, object], setting: str
) -> None:
    given = {
        "ssl_certfile": str(client.certificate),
        "ssl_keyfile": str(client.key),
        "ssl_key_password": SecretStr(client.password),
    }
    with pytest.raises(ConfigurationError) as refused:
        tls_context(_tls(authority, **{**given, **wrong}))
    assert setting in refused.value.cure


def test_everything_that_is_set_reaches_the_clients() -> None:
    section = KafkaSection(
        topic_prefix="a.",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="tocsin",
        sasl_password=SecretStr("secret"),
        ssl_cafile="ca.pem",
        ssl_certfile="client.pem",
        ssl_keyfile="client.key",
        ssl_key_password=SecretStr("key"),
        ssl_check_hostname=False,
        session_timeout_s=6.0,
    )
    made = kafka_settings(section, "kafka:9093", embedded=False)
    shared = KafkaSection.model_fields.keys() & KafkaSettings.model_fields.keys()
    for name in shared - {"bootstrap_servers", "idempotent"}:
        assert getattr(made, name) == getattr(section, name), name
    assert made.bootstrap_servers == "kafka:9093"
    assert (made.session_timeout_ms, made.heartbeat_interval_ms) == (6_000, 2_000)
    assert "secret" not in repr(made)


@pytest.mark.parametrize(
    ("asked", "embedded", "idempotent"),
    [
        (None, False, True),
        (None, True, False),
        (False, False, False),
        (True, False, True),
        (True, True, False),
    ],
)
def test_producers_are_idempotent_wherever_the_broker_has_them(
    asked: bool | None, embedded: bool, idempotent: bool
) -> None:
    made = kafka_settings(KafkaSection(idempotent=asked), "kafka:9092", embedded=embedded)
    assert made.idempotent is idempotent


@pytest.mark.parametrize(
    "contradiction",
    [
        {"ssl_cafile": "ca.pem"},
        {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_username": "a",
            "sasl_password": "b",
            "ssl_certfile": "c",
        },
        {"security_protocol": "SSL", "ssl_keyfile": "client.key"},
    ],
)
def test_settings_that_contradict_one_another_are_refused(contradiction: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        KafkaSection.model_validate(contradiction)


@pytest.mark.parametrize("given", [{}, {"sasl_username": "tocsin"}, {"sasl_password": "secret"}])
def test_a_login_without_user_or_password_is_refused(given: dict[str, str]) -> None:
    section = KafkaSection.model_validate({"security_protocol": "SASL_SSL", **given})
    with pytest.raises(ConfigurationError) as refused:
        kafka_settings(section, "kafka:9093", embedded=False)
    assert "TOCSIN_KAFKA__SASL_PASSWORD" in refused.value.cure


async def test_an_address_where_nobody_listens_is_told_at_once() -> None:
    problem = await find_problem(KafkaSettings(bootstrap_servers="127.0.0.1:1, localhost:1"))
    assert problem is not None
    assert not problem.lasting
    assert isinstance(problem.error(), UnavailableError)


async def test_a_name_that_is_not_known_is_told() -> None:
    problem = await find_problem(KafkaSettings(bootstrap_servers="kafka.invalid:9092"))
    assert problem is not None
    assert "kafka.invalid is not known" in problem.cause


@pytest.mark.parametrize("address", ["kafka", "kafka:", "kafka:port"])
async def test_an_address_without_a_port_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError):
        await find_problem(KafkaSettings(bootstrap_servers=address))


def test_the_settings_of_the_documentation_are_valid() -> None:
    section = KafkaSection.model_validate(tomllib.loads(program("tocsin.toml for Apache Kafka"))["kafka"])
    made = kafka_settings(
        section.model_copy(update={"sasl_password": SecretStr("secret")}), "kafka:9094", embedded=False
    )
    assert (made.security_protocol, made.sasl_mechanism, made.idempotent) == (
        "SASL_SSL",
        "SCRAM-SHA-512",
        True,
    )
