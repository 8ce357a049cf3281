"""TLS, client certificates and SASL against a real broker: what connects, and what is said of what does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from pydantic import SecretStr

from schemas.errors import ConfigurationError, TocsinError, UnavailableError
from schemas.events import AlarmRaw
from schemas.topics import topic_of
from streams.admin import open_admin
from streams.connecting import find_problem
from streams.kafka import KafkaSettings
from streams.producer import open_producer
from streams.reader import ReadEvent, open_reader
from tests.fakes.apache import ApacheCluster
from tests.fakes.certificates import Identity, make_authority
from tests.fakes.events import alarm

pytestmark = pytest.mark.kafka

_SECONDS = 15.0
"""A hang would be 40 s: the client library's time-out."""


def _scram(mechanism: str) -> Callable[[ApacheCluster], KafkaSettings]:
    return lambda cluster: cluster.scram.model_copy(update={"sasl_mechanism": mechanism})


def _elsewhere(settings: KafkaSettings) -> str:
    """The same brokers by a name that is not in their certificates."""
    return settings.bootstrap_servers.replace("localhost", "127.0.0.1")


@pytest.mark.parametrize(
    "settings_of",
    [
        pytest.param(lambda cluster: cluster.mutual_tls, id="mutual-tls"),
        pytest.param(_scram("SCRAM-SHA-512"), id="scram-sha-512"),
        pytest.param(_scram("SCRAM-SHA-256"), id="scram-sha-256"),
        pytest.param(_scram("PLAIN"), id="plain"),
        pytest.param(
            lambda cluster: cluster.scram.model_copy(
                update={"bootstrap_servers": _elsewhere(cluster.scram), "ssl_check_hostname": False}
            ),
            id="another-name-unchecked",
        ),
    ],
)
async def test_topics_are_made_and_events_sent_and_read(
    apache_cluster: ApacheCluster, settings_of: Callable[[ApacheCluster], KafkaSettings]
) -> None:
    settings = settings_of(apache_cluster).model_copy(update={"topic_prefix": f"{uuid4().hex[:8]}."})
    now = datetime.now(UTC)
    sent = [alarm(f"Alarm{number}", started_at=now, occurred_at=now) for number in range(5)]
    async with open_admin(settings) as admin:
        assert not await admin.ensure([topic_of(AlarmRaw)], replication=3)
    async with open_producer(settings, source="/test") as producer:
        await producer.publish_all(sent)
    async with open_reader(settings) as reader:
        read = [one.event async for one in reader.events(["alarms.raw"]) if isinstance(one, ReadEvent)]
    assert {one.event_id for one in read} == {one.event_id for one in sent}
    assert await find_problem(settings) is None


async def _refusal(settings: KafkaSettings) -> TocsinError:
    began = time.monotonic()
    with pytest.raises(TocsinError) as refused:
        async with open_producer(settings, source="/test"):
            pass
    assert time.monotonic() - began < _SECONDS
    problem = await find_problem(settings)
    assert problem is not None
    assert problem.cure == refused.value.cure
    return refused.value


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
@pytest.mark.parametrize(
    "wrong", [{"sasl_password": SecretStr("wrong")}, {"sasl_username": "nobody"}], ids=["password", "user"]
)
async def test_a_wrong_login_is_told(
    apache_cluster: ApacheCluster, mechanism: str, wrong: dict[str, object]
) -> None:
    settings = apache_cluster.scram.model_copy(update={"sasl_mechanism": mechanism, **wrong})
    error = await _refusal(settings)
    assert isinstance(error, ConfigurationError)
    assert f"refuses user '{settings.sasl_username}' ({mechanism})" in str(error)
    assert "kafka.sasl_password" in error.cure
    assert "wrong" not in str(error)


async def test_an_unknown_authority_is_told(apache_cluster: ApacheCluster) -> None:
    other = make_authority(apache_cluster.folder / "other", "other")
    for cafile in (str(other.file), ""):
        error = await _refusal(apache_cluster.scram.model_copy(update={"ssl_cafile": cafile}))
        assert isinstance(error, ConfigurationError)
        assert "is not trusted" in str(error)
        assert "kafka.ssl_cafile" in error.cure


async def test_a_certificate_for_another_name_is_told(apache_cluster: ApacheCluster) -> None:
    settings = apache_cluster.scram
    error = await _refusal(settings.model_copy(update={"bootstrap_servers": _elsewhere(settings)}))
    assert isinstance(error, ConfigurationError)
    assert "for another name" in str(error)
    assert "advertised.listeners" in error.cure


def _client(identity: Identity | None) -> dict[str, object]:
    if identity is None:
        return {"ssl_certfile": "", "ssl_keyfile": ""}
    return {"ssl_certfile": str(identity.certificate), "ssl_keyfile": str(identity.key)}


@pytest.mark.parametrize("named", [False, True], ids=["none", "a stranger's"])
async def test_a_client_certificate_that_is_missing_or_not_trusted_is_told(
    apache_cluster: ApacheCluster, named: bool
) -> None:
    stranger = make_authority(apache_cluster.folder / "strangers", "strangers").issue("stranger")
    settings = apache_cluster.mutual_tls.model_copy(update=_client(stranger if named else None))
    error = await _refusal(settings)
    assert isinstance(error, ConfigurationError)
    assert "kafka.ssl_certfile" in error.cure


async def test_another_protocol_than_the_listeners_is_told(apache_cluster: ApacheCluster) -> None:
    plain, tls, sasl = apache_cluster.plain, apache_cluster.mutual_tls, apache_cluster.scram
    for client, listener in ((plain, tls), (plain, sasl), (tls, plain), (tls, sasl), (sasl, plain)):
        error = await _refusal(
            client.model_copy(
                update={"bootstrap_servers": listener.bootstrap_servers, "ssl_check_hostname": False}
            )
        )
        assert "kafka.security_protocol" in error.cure, (client.security_protocol, listener.security_protocol)


async def test_a_login_that_nobody_asks_for_is_told(apache_cluster: ApacheCluster) -> None:
    settings = apache_cluster.scram.model_copy(
        update={
            "security_protocol": "SASL_PLAINTEXT",
            "bootstrap_servers": apache_cluster.plain.bootstrap_servers,
        }
    )
    error = await _refusal(settings)
    assert isinstance(error, ConfigurationError)
    assert "asks for no login" in str(error)


async def test_one_address_of_three_is_enough_and_none_is_unavailable(apache_cluster: ApacheCluster) -> None:
    dead = "localhost:1"
    settings = apache_cluster.scram
    some = settings.model_copy(update={"bootstrap_servers": f"{dead},{settings.bootstrap_servers}"})
    async with open_producer(some, source="/test"):
        pass
    error = await _refusal(settings.model_copy(update={"bootstrap_servers": dead}))
    assert isinstance(error, UnavailableError)
    assert dead in str(error)
