"""Where the SQL side is: a SQLite file is a Path, a server is this. Nothing here loads a driver."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from schemas.errors import ConfigurationError

__all__ = ["PostgresServer", "SqlAddress", "parse_sql_url"]

_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A PostgreSQL server and how to use it."""

    url: str = field(repr=False)
    """As libpq reads it: `postgresql://user:password@host:port/database?options`; several hosts by commas."""
    connections: int = 8
    """Of one process at most."""
    timeout_s: float = 10.0
    """For a connection, a statement and the wait for a free connection, each."""

    @property
    def shown(self) -> str:
        """Host and database, without user, password and options: for people and logs."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


SqlAddress = Path | PostgresServer


def parse_sql_url(url: str, password: str, *, connections: int, timeout_s: float) -> SqlAddress:
    """Return what a `sql.url` that is not empty names. `password` holds where the URL has none.

    Raises:
        ConfigurationError: neither `postgresql://...` nor `sqlite:///FILE`. What is wrong is not told in the URL's own words,
            which may be those of a password.
    """
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        return Path(url.removeprefix(_SQLITE))
    if url.partition("://")[0] not in ("postgresql", "postgres"):
        raise ConfigurationError(
            "sql.url is neither postgresql:// nor sqlite:/// and a file",
            cure="Write for instance `postgresql://tocsin@db:5432/tocsin`, or leave it empty for SQLite in the data folder.",
        )
    try:
        whole = _with_password(url, password)
    except ValueError:
        raise ConfigurationError(
            "sql.url cannot be read as a URL",
            cure="Write special characters of user and password as %XX, or the password into sql.password.",
        ) from None
    return PostgresServer(whole, connections, timeout_s)


def _with_password(url: str, password: str) -> str:
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    if not password or (at and ":" in user):
        return url
    return f"{url}{'&' if '?' in url else '?'}password={quote(password, safe='')}"
