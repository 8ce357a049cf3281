"""Connection settings and the clients they make."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from schemas.errors import ConfigurationError
from schemas.topics import TopicNames

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
    from aiokafka.admin import AIOKafkaAdminClient

__all__ = [
    "KafkaSettings",
    "connection_options",
    "make_admin",
    "make_consumer",
    "make_producer",
    "tls_context",
]

_FETCH_WAIT_MS = 100
"""Tansu answers a fetch after half of it even where data have come meanwhile."""
_MAX_REQUEST = 8 * 1024 * 1024


class KafkaSettings(BaseModel):
    """How to reach the broker. The defaults suit Apache Kafka; `embedded` suits Tansu on this machine."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    bootstrap_servers: str
    """`host:port`, several separated by commas."""
    client_id: str = "tocsin"
    topic_prefix: str = ""
    """Put before every topic's name, so that two installations can share a broker."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    ssl_cafile: str = ""
    """PEM file of the certificate authorities to trust; empty trusts the system's."""
    ssl_certfile: str = ""
    """PEM file of our own certificate and what leads to its authority, for brokers that ask for one (mutual TLS)."""
    ssl_keyfile: str = ""
    """PEM file of its private key; empty where `ssl_certfile` holds it too."""
    ssl_key_password: SecretStr = SecretStr("")
    """What the private key is encrypted with."""
    ssl_check_hostname: bool = True
    """Whether the broker's certificate must name the host that was connected to."""
    idempotent: bool = True
    """Whether the broker serves InitProducerId; Tansu does not."""
    delivery_timeout_ms: int = Field(default=60_000, gt=0)
    """How long a publisher waits for an acknowledgement; an idempotent producer would go on trying for ever."""
    compression: Literal["none", "gzip", "lz4", "snappy", "zstd"] = "lz4"
    request_timeout_ms: int = Field(default=40_000, gt=0)
    session_timeout_ms: int = Field(default=45_000, gt=0)
    heartbeat_interval_ms: int = Field(default=3_000, gt=0)
    rebalance_timeout_ms: int = Field(default=60_000, gt=0)
    """How long a member may take to let go of its partitions."""

    @property
    def names(self) -> TopicNames:
        return TopicNames(self.topic_prefix)

    @classmethod
    def embedded(cls, bootstrap_servers: str, *, client_id: str = "tocsin", topic_prefix: str = "") -> Self:
        """Settings for Tansu: no idempotent producer, and joins that take seconds, not half a minute."""
        return cls(
            bootstrap_servers=bootstrap_servers,
            client_id=client_id,
            topic_prefix=topic_prefix,
            idempotent=False,
            session_timeout_ms=6_000,
            heartbeat_interval_ms=500,
            rebalance_timeout_ms=6_000,
        )


def make_consumer(settings: KafkaSettings, group: str | None) -> AIOKafkaConsumer:
    """Return a consumer that is neither started nor subscribed and commits only when told. The caller stops it.

    Must be called in a running event loop, as must the other makers. A group without a committed offset starts at the
    beginning; transactions that were aborted are not seen.
    """
    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415 - 0.1 s, for commands that only want the settings

    return AIOKafkaConsumer(
        **connection_options(settings),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if settings.idempotent else "read_uncommitted",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.heartbeat_interval_ms,
        rebalance_timeout_ms=settings.rebalance_timeout_ms,
    )


def make_producer(settings: KafkaSettings) -> AIOKafkaProducer:
    """Return a producer that is not started. Every replica in sync acknowledges each message.

    Where it is idempotent, its own retries neither double nor reorder what it sends to a partition.
    """
    from aiokafka import AIOKafkaProducer  # noqa: PLC0415 - see make_consumer

    return AIOKafkaProducer(
        **connection_options(settings),
        acks="all",
        enable_idempotence=settings.idempotent,
        compression_type=None if settings.compression == "none" else settings.compression,
        linger_ms=2,
        max_batch_size=256 * 1024,
        max_request_size=_MAX_REQUEST,
    )


def make_admin(settings: KafkaSettings) -> AIOKafkaAdminClient:
    """Return an admin client that is not started."""
    from aiokafka.admin import AIOKafkaAdminClient  # noqa: PLC0415 - see make_consumer

    return AIOKafkaAdminClient(**connection_options(settings))


def connection_options(settings: KafkaSettings) -> dict[str, object]:
    """Return the arguments that every client of aiokafka takes. Raises like `tls_context`."""
    common: dict[str, object] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "client_id": settings.client_id,
        "request_timeout_ms": settings.request_timeout_ms,
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol.endswith("SSL"):
        common["ssl_context"] = tls_context(settings)
    if settings.security_protocol.startswith("SASL"):
        common["sasl_mechanism"] = settings.sasl_mechanism
        common["sasl_plain_username"] = settings.sasl_username
        common["sasl_plain_password"] = settings.sasl_password.get_secret_value()
    return common


def tls_context(settings: KafkaSettings) -> ssl.SSLContext:
    """Return what TLS connections are made with. Blocks on the disk.

    Raises:
        ConfigurationError: a file is missing, is not PEM, or its key does not open or does not fit.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ssl_cafile or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"the certificate authorities in {settings.ssl_cafile} cannot be used: {error}",
            cure="Name a PEM file with `kafka.ssl_cafile`.",
        ) from error
    context.check_hostname = settings.ssl_check_hostname
    if settings.ssl_certfile:
        _take_certificate(context, settings)
    return context


def _take_certificate(context: ssl.SSLContext, settings: KafkaSettings) -> None:
    try:
        context.load_cert_chain(
            settings.ssl_certfile,
            settings.ssl_keyfile or None,
            # Always answered: without a password the library would ask for one on the terminal.
            password=settings.ssl_key_password.get_secret_value,
        )
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"the client certificate {settings.ssl_certfile} cannot be used: {error}",
            cure="`kafka.ssl_certfile` and `kafka.ssl_keyfile` are PEM files that belong together; "
            "an encrypted key needs `kafka.ssl_key_password`.",
        ) from error
