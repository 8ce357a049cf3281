from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr, ValidationError

from infra.local.reachability import why_no_postgres
from infra.runtime.settings import Settings, SqlSection
from infra.runtime.sql.postgres import conninfo
from infra.runtime.sql_address import PostgresServer
from schemas.errors import ConfigurationError


def _server(url: str, password: str = "", **more: object) -> PostgresServer:
    control = Settings(sql=SqlSection(url=url, password=SecretStr(password), **more)).control_database  # type: ignore[arg-type]  # pydantic validates
    assert isinstance(control, PostgresServer)
    return control


def test_nothing_said_is_sqlite_in_the_data_folder() -> None:
    settings = Settings(data_dir=Path("/data"))
    assert settings.control_database == Path("/data/control.sqlite")
    assert settings.checkpoint_database == Path("/data/checkpoints.sqlite")


def test_a_file_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_SQL__URL", "sqlite:////var/lib/tocsin/x.db")
    settings = Settings()
    assert settings.control_database == Path("/var/lib/tocsin/x.db")
    assert settings.checkpoint_database == Path("/var/lib/tocsin/checkpoints.sqlite")


def test_a_server_holds_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_SQL__URL", "postgresql://me@db:5433/tocsin")
    monkeypatch.setenv("TOCSIN_SQL__CONNECTIONS", "3")
    settings = Settings()
    assert settings.control_database == settings.checkpoint_database
    assert settings.control_database == PostgresServer("postgresql://me@db:5433/tocsin", 3, 10.0)


@pytest.mark.parametrize("url", ["mysql://db/x", "sqlite:///", "/var/x.db", "db:5432", "postgresql:"])
def test_anything_else_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(ValidationError, match="neither postgresql:// nor sqlite:///"):
        Settings(sql=SqlSection(url=url))


@given(password=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_any_password_reaches_libpq(password: str) -> None:
    given_apart = _server("postgresql://me@db/tocsin", password)
    assert conninfo_to_dict(conninfo(given_apart, "x"))["password"] == password
    with_options = _server("postgresql://me@db/tocsin?sslmode=require", password)
    assert conninfo_to_dict(conninfo(with_options, "x"))["password"] == password


def test_a_password_in_the_url_wins_and_neither_is_shown() -> None:
    server = _server("postgresql://me:inside@db:1,db2:2/tocsin?sslmode=require", "apart")
    assert conninfo_to_dict(conninfo(server, "x"))["password"] == "inside"
    apart = _server("postgresql://me@db/tocsin", "apart")
    for text in (repr(server), server.shown, repr(apart), apart.shown):
        assert "inside" not in text
        assert "apart" not in text
    assert server.shown == "postgresql://db:1,db2:2/tocsin"
    assert parse_qs(urlsplit(apart.url).query) == {"password": ["apart"]}


def test_every_wait_is_bounded_and_the_url_may_say_otherwise() -> None:
    plain = conninfo_to_dict(conninfo(PostgresServer("postgresql://db/x", timeout_s=7), "tocsin-land"))
    assert str(plain["options"]).startswith("-c statement_timeout=7000 ")
    assert (plain["connect_timeout"], plain["tcp_user_timeout"]) == ("7", "7000")
    assert plain["application_name"] == "tocsin-land"
    own = "postgresql://db/x?options=-c%20statement_timeout%3D1&application_name=mine"
    said = conninfo_to_dict(conninfo(PostgresServer(own), "tocsin-land"))
    assert str(said["options"]).endswith("-c statement_timeout=1")
    assert said["application_name"] == "mine"


def test_what_libpq_cannot_read_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match="not an address as libpq reads it"):
        conninfo(PostgresServer("postgresql://db/x?nonsense=1"), "x")


@pytest.mark.parametrize("password", ["50%off", "a]b[c", "\N{FULLWIDTH COLON}x", "%zz"])
def test_a_password_that_spoils_the_url_is_told_nowhere(password: str) -> None:
    url = f"postgresql://me:{password}@db/x"
    with pytest.raises((ConfigurationError, ValidationError)) as raised:
        conninfo(_server(url), "x")
    told = raised.value.errors(include_input=False) if isinstance(raised.value, ValidationError) else raised
    assert password not in str(told)
    assert raised.value.__cause__ is None or isinstance(raised.value, ValidationError)


def test_doctor_does_not_tell_it_either() -> None:
    url = "postgresql://me:50%off@db/x"
    with pytest.raises(ConfigurationError) as found:
        why_no_postgres(url)
    assert "50%off" not in str(found.value).replace(url, "")
