"""The parts of the settings that say where the servers are: the broker, ClickHouse, Redis, the control plane's database."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from infra.runtime.sql_address import SqlAddress, parse_sql_url
from schemas.errors import ConfigurationError

__all__ = ["ClickHouseSection", "KafkaSection", "RedisSection", "Section", "SqlSection"]


class Section(BaseModel):
    """A part of the settings: frozen, and no name that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class KafkaSection(Section):
    """How to reach the broker."""

    bootstrap_servers: str = ""
    """`host:port`, several separated by commas. Empty: what `tocsin up` started in the data folder."""
    topic_prefix: str = ""
    """Put before every topic's and group's name, so that two installations can share a broker."""
    embedded: bool = False
    """The broker is Tansu: no idempotent producer, quick joins."""
    idempotent: bool | None = None
    """Whether producers ask the broker to drop their repeats. Empty: yes, unless the broker is embedded."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """As the broker wants it; SASL needs a user name and a password."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    """How to prove who we are, where the protocol is SASL."""
    sasl_username: str = ""
    """User at the broker."""
    sasl_password: SecretStr = SecretStr("")
    """Their password."""
    ssl_cafile: str = ""
    """PEM file of the certificate authorities to trust; empty trusts the system's."""
    ssl_certfile: str = ""
    """PEM file of our own certificate, for brokers that ask for one (mutual TLS)."""
    ssl_keyfile: str = ""
    """PEM file of its private key; empty where `ssl_certfile` holds it too."""
    ssl_key_password: SecretStr = SecretStr("")
    """What the private key is encrypted with."""
    ssl_check_hostname: bool = True
    """Whether the broker's certificate must name the host that was connected to."""
    session_timeout_s: float = Field(default=10.0, ge=1.0)
    """A worker not heard of for so long is taken for dead and its partitions go to others, within what the broker allows."""
    replication_factor: int = Field(default=1, ge=1)
    """Replicas of the topics that Tocsin creates: 3 on a cluster that is to outlive a broker."""
    schema_registry_url: str = ""
    """`https://host:port` of a Confluent-compatible registry whose ids messages carry, several of it separated by commas. Empty: our own ids."""
    schema_registry_user: str = ""
    """User at the registry (HTTP basic)."""
    schema_registry_password: SecretStr = SecretStr("")
    """Their password."""
    schema_registry_register: bool = True
    """Whether schemas that the registry does not have are put there."""
    schema_registry_ssl_cafile: str = ""
    """PEM file of the certificate authorities to trust for the registry; empty trusts the system's."""
    schema_registry_ssl_certfile: str = ""
    """PEM file of our own certificate, for registries that ask for one (mutual TLS)."""
    schema_registry_ssl_keyfile: str = ""
    """PEM file of its private key, not encrypted; empty where `schema_registry_ssl_certfile` holds it too."""
    schema_registry_timeout_s: float = Field(default=10.0, gt=0)
    """For one answer of the registry, in seconds. At the start it may be away for 20 s."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.ssl_keyfile and not self.ssl_certfile:
            raise ValueError("ssl_keyfile needs ssl_certfile")
        if (self.ssl_cafile or self.ssl_certfile) and not self.security_protocol.endswith("SSL"):
            raise ValueError(f"{self.security_protocol} is not encrypted: certificates need SSL or SASL_SSL")
        return self

    @model_validator(mode="after")
    def _registry_complete(self) -> Self:
        for url in self.schema_registry_urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"schema_registry_url: {parts.hostname or url!r} needs http:// or https://")
            if parts.username is not None or parts.query or parts.fragment:
                raise ValueError(
                    f"schema_registry_url: {parts.hostname}: user and password have settings of their own, "
                    "and there is nothing after the path"
                )
        if self.schema_registry_ssl_keyfile and not self.schema_registry_ssl_certfile:
            raise ValueError("schema_registry_ssl_keyfile needs schema_registry_ssl_certfile")
        return self

    @property
    def schema_registry_urls(self) -> tuple[str, ...]:
        """Each address of the registry, without a slash at its end."""
        given = (part.strip().rstrip("/") for part in self.schema_registry_url.split(","))
        return tuple(part for part in given if part)


class ClickHouseSection(Section):
    """How to reach ClickHouse."""

    url: str = ""
    """`http://host:port`. Empty: what `tocsin up` started in the data folder."""
    user: str = "default"
    """User at ClickHouse."""
    password: SecretStr = SecretStr("")
    """Their password."""
    database: str = "default"
    """Database of the tables; it must exist."""


class RedisSection(Section):
    """How to reach Redis."""

    url: str = ""
    """`redis://host:port/db`. Empty: what `tocsin up` started in the data folder."""
    prefix: str = "tocsin"
    """Put before every key."""


class SqlSection(Section):
    """Where the control plane, the journal and the checkpoints are kept."""

    url: str = ""
    """Empty: SQLite in the data folder. `postgresql://user@host:port/database`: that server; `sqlite:///FILE`: that file."""
    password: SecretStr = SecretStr("")
    """Of PostgreSQL's user, where the URL has none."""
    connections: int = Field(default=8, ge=1)
    """To PostgreSQL from one process at most, for the stores and for the checkpoints each; callers beyond wait."""
    timeout_s: float = Field(default=10.0, gt=0)
    """For a connection to PostgreSQL, a statement, and the wait for a free connection, each, in seconds."""

    @model_validator(mode="after")
    def _readable(self) -> Self:
        try:
            self.address()
        except ConfigurationError as error:
            raise ValueError(f"{error}. {error.cure}") from error
        return self

    def address(self) -> SqlAddress | None:
        """Return what `url` names; None for SQLite in the data folder."""
        if not self.url:
            return None
        return parse_sql_url(
            self.url,
            self.password.get_secret_value(),
            connections=self.connections,
            timeout_s=self.timeout_s,
        )
