"""Does something answer at an address, and is it what it should be? Raw sockets and one HTTP request.

Only PostgreSQL is asked by its driver: whether a user may log in shows nowhere else.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import httpx

from infra.local.probes import KafkaAnswers, attempt
from schemas.errors import ConfigurationError

__all__ = [
    "HostPort",
    "parse_bootstrap",
    "why_no_api",
    "why_no_clickhouse",
    "why_no_kafka",
    "why_no_postgres",
    "why_no_redis",
]

_REDIS_PORT = 6379


@dataclass(frozen=True, slots=True)
class HostPort:
    """A TCP address."""

    host: str
    port: int


def parse_bootstrap(text: str) -> tuple[HostPort, ...]:
    """`host:port[,host:port]`, IPv6 hosts in brackets.

    Raises:
        ConfigurationError: it is not of that form.
    """
    return tuple(_host_port(part.strip()) for part in text.split(","))


def why_no_kafka(bootstrap: str, *, timeout_s: float = 3.0) -> str | None:
    """None when any of the brokers answers, else why not. Blocks for up to `timeout_s` per broker and operation."""
    whys = []
    for place in parse_bootstrap(bootstrap):
        why = attempt(KafkaAnswers(place.host, place.port), timeout_s=timeout_s)
        if why is None:
            return None
        whys.append(f"{place.host}:{place.port}: {why}")
    return "; ".join(whys)


def why_no_redis(url: str, *, timeout_s: float = 3.0) -> str | None:
    """None when PING answers PONG with the URL's own credentials (`redis://` or, over TLS, `rediss://`), else why not.

    Raises:
        ConfigurationError: not such a URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise ConfigurationError(f"{url!r} is not a redis:// or rediss:// address")
    login = (unquote(parts.username or ""), unquote(parts.password)) if parts.password else None
    try:
        with _connected(
            parts.hostname, parts.port or _REDIS_PORT, timeout_s, parts.scheme == "rediss"
        ) as link:
            return _ping(link, login)
    except OSError as error:
        return f"{type(error).__name__}: {error}"


def why_no_clickhouse(url: str, *, timeout_s: float = 3.0) -> str | None:
    """None when GET /ping answers 200 (ClickHouse asks no credentials for it), else why not."""
    try:
        answer = httpx.get(f"{url.rstrip('/')}/ping", timeout=timeout_s)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{type(error).__name__}: {error}"
    return None if answer.status_code == httpx.codes.OK else f"/ping answers {answer.status_code}"


def why_no_api(url: str, *, timeout_s: float = 3.0) -> str | None:
    """None when GET /ready answers 200, else what is not ready or why there is no answer."""
    try:
        answer = httpx.get(f"{url}/ready", timeout=timeout_s)
        parts = answer.json().get("parts", {})
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    if answer.status_code == httpx.codes.OK:
        return None
    missing = ", ".join(name for name, ready in parts.items() if not ready)
    return f"/ready answers {answer.status_code}, not ready: {missing or 'it is stopping'}"


def why_no_postgres(url: str, *, timeout_s: float = 3.0) -> str | None:
    """None when the URL's user may log in to its database and make tables there, else why not.

    Raises:
        ConfigurationError: not such a URL.
    """
    import psycopg  # noqa: PLC0415 - 0.3 s, for those who have a server

    try:
        with psycopg.connect(url, connect_timeout=max(2, round(timeout_s))) as link:
            row = link.execute("SELECT has_schema_privilege(current_schema(), 'CREATE')").fetchone()
    except psycopg.ProgrammingError:
        # libpq quotes what it cannot read, which may be the password.
        raise ConfigurationError(f"{url} is not an address as libpq reads it") from None
    except psycopg.Error as error:
        return str(error).strip()
    return None if row is not None and row[0] else "this user may not make tables in the database's schema"


def _host_port(text: str) -> HostPort:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 65_536):
        raise ConfigurationError(
            f"{text!r} is not host:port", cure="Write for instance `kafka-1:9092,kafka-2:9092`."
        )
    return HostPort(host.strip("[]"), int(port))


def _connected(host: str, port: int, timeout_s: float, tls: bool) -> socket.socket:
    link = socket.create_connection((host, port), timeout_s)
    if not tls:
        return link
    try:
        return ssl.create_default_context().wrap_socket(link, server_hostname=host)
    except OSError:
        link.close()
        raise


def _ping(link: socket.socket, login: tuple[str, str] | None) -> str | None:
    if login is not None:
        refusal = _command(link, "AUTH", *(part for part in login if part))
        if not refusal.startswith("+OK"):
            return f"AUTH answers {refusal!r}"
    answer = _command(link, "PING")
    return None if answer.startswith("+PONG") else f"PING answers {answer!r}"


def _command(link: socket.socket, *words: str) -> str:
    encoded = [word.encode() for word in words]
    parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
    link.sendall(b"*%d\r\n" % len(encoded) + parts)
    return link.recv(512)[:100].decode(errors="replace").strip()
