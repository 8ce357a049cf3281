"""An HTTP request of ClickHouse's protocol as one typed value.

Source: ClickHouse docs, "HTTP interface". Pure functions; nothing here does I/O.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl

from infra.local.clickhouse_front.compression import choose_encoding, decompress
from infra.local.clickhouse_front.errors import (
    AUTHENTICATION_FAILED,
    BAD_ARGUMENTS,
    NOT_IMPLEMENTED,
    UNKNOWN_FORMAT,
    UNKNOWN_SETTING,
    ClickHouseError,
)
from infra.local.clickhouse_front.forms import is_form, parse_form
from infra.local.clickhouse_front.statements import Insertion, Statement, parse_statement

__all__ = ["Credentials", "Query", "RawRequest", "parse_credentials", "parse_query"]


@dataclass(frozen=True, slots=True)
class RawRequest:
    """As it came: header names in lower case, the body whole and still encoded."""

    method: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def is_read_only(self) -> bool:
        return self.method in {"GET", "HEAD"}

    @property
    def url_params(self) -> dict[str, str]:
        return dict(parse_qsl(self.query_string, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Credentials:
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Query:
    """One query to run. `parameters` and `settings` are (name, value) as the client wrote the values.

    `default_format` answers where the statement names none; `encoding` is the response's content coding;
    `buffered` asks for the whole result before the first byte; `read_only` is how ClickHouse treats GET.
    """

    statement: Statement | Insertion
    database: str
    settings: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str], ...]
    default_format: str
    encoding: str | None
    buffered: bool
    read_only: bool


# Parameters of the protocol itself; every other one is a setting of the query.
_PROTOCOL: Final = frozenset(
    {
        "buffer_size",
        "client_protocol_version",
        "compress",
        "database",
        "decompress",
        "default_format",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "session_check",
        "session_id",
        "session_timeout",
        "user",
        "wait_end_of_query",
    }
)
_SETTING_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER: Final = "param_"
# chDB gives these names a meaning of its own: objects of this process.
_PYTHON_FORMATS: Final = frozenset({"arrowtable", "dataframe", "datastore"})
_STATE_VERBS: Final = frozenset({"SET", "USE"})


def parse_credentials(raw: RawRequest) -> Credentials:
    """Who asks: X-ClickHouse-User and -Key, else basic authentication, else URL; else `default`, no password.

    Raises:
        ClickHouseError: an Authorization header that is not basic authentication (516).
    """
    if "x-clickhouse-user" in raw.headers or "x-clickhouse-key" in raw.headers:
        return Credentials(
            raw.headers.get("x-clickhouse-user", "default"), raw.headers.get("x-clickhouse-key", "")
        )
    if "authorization" in raw.headers:
        return _basic(raw.headers["authorization"])
    params = raw.url_params
    return Credentials(params.get("user", "default"), params.get("password", ""))


def _basic(header: str) -> Credentials:
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic" or not value:
        raise ClickHouseError.refusal(AUTHENTICATION_FAILED, "only basic authentication is known here")
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ClickHouseError.refusal(
            AUTHENTICATION_FAILED, "the basic credentials are not base64"
        ) from error
    return Credentials(user, password)


def parse_query(raw: RawRequest) -> Query:
    """The query a request asks for.

    Raises:
        ClickHouseError: a malformed request, or one that asks for what is not supported (48 answers 501).
    """
    params = raw.url_params
    body = decompress(raw.body, raw.headers.get("content-encoding", ""))
    content_type = raw.headers.get("content-type", "")
    if is_form(content_type):
        params.update(parse_form(content_type, body))
        body = b""
    _refuse_unsupported(params)
    statement = _statement(params.get("query", ""), body)
    _refuse_lost_state(statement, params)
    return Query(
        statement=statement,
        database=params.get("database") or raw.headers.get("x-clickhouse-database", ""),
        settings=_settings(params),
        parameters=tuple(
            (name.removeprefix(_PARAMETER), value)
            for name, value in params.items()
            if name.startswith(_PARAMETER)
        ),
        default_format=_default_format(params, raw.headers),
        encoding=_encoding(params, raw.headers),
        buffered=_is_on(params, "wait_end_of_query"),
        read_only=raw.is_read_only,
    )


def _is_on(params: Mapping[str, str], name: str) -> bool:
    return params.get(name, "0").lower() in {"1", "true"}


def _encoding(params: Mapping[str, str], headers: Mapping[str, str]) -> str | None:
    wanted = _is_on(params, "enable_http_compression")
    return choose_encoding(headers.get("accept-encoding", "")) if wanted else None


def _default_format(params: Mapping[str, str], headers: Mapping[str, str]) -> str:
    name = params.get("default_format") or headers.get("x-clickhouse-format", "TabSeparated")
    if name.lower() in _PYTHON_FORMATS:
        raise ClickHouseError.refusal(UNKNOWN_FORMAT, f"Unknown format {name}")
    return name


def _statement(url_query: str, body: bytes) -> Statement | Insertion:
    """As ClickHouse reads it: the URL's query continues in the body."""
    if not url_query:
        return parse_statement(body)
    if not body:
        return parse_statement(url_query.encode())
    statement = parse_statement(url_query.encode())
    if isinstance(statement, Insertion):
        return replace(statement, data=statement.data + body)
    return parse_statement(url_query.encode() + b"\n" + body)


def _settings(params: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    settings = tuple(
        (name, value)
        for name, value in params.items()
        if name not in _PROTOCOL and not name.startswith(_PARAMETER)
    )
    for name, _ in settings:
        if not _SETTING_NAME.fullmatch(name):
            raise ClickHouseError.refusal(UNKNOWN_SETTING, f"Unknown setting '{name}'")
    return settings


def _refuse_unsupported(params: Mapping[str, str]) -> None:
    for name in ("compress", "decompress"):
        if _is_on(params, name):
            raise ClickHouseError.refusal(
                NOT_IMPLEMENTED,
                f"{name}=1 (ClickHouse's block framing) is not supported here: use Content-Encoding and "
                "Accept-Encoding with enable_http_compression=1",
            )
    if params.get("role"):
        raise ClickHouseError.refusal(NOT_IMPLEMENTED, "roles are not supported here")
    if any(not value for name, value in params.items() if name == "database"):
        raise ClickHouseError.refusal(BAD_ARGUMENTS, "an empty database name")


def _refuse_lost_state(statement: Statement | Insertion, params: Mapping[str, str]) -> None:
    """Within a session the client expects SET and USE to last, and here nothing outlives a request."""
    if "session_id" not in params or isinstance(statement, Insertion):
        return
    if statement.verb in _STATE_VERBS:
        raise ClickHouseError.refusal(
            NOT_IMPLEMENTED,
            f"{statement.verb} does not last here, sessions keep no state: send settings and database "
            "with each query",
        )
