from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.cli.key_ring import admin_key_file, make_first_key, open_key_ring, read_admin_key
from infra.cli.main import app
from infra.runtime.clock import SystemClock
from infra.runtime.security import ApiKeys
from infra.runtime.settings import Settings
from schemas.access import Principal, Role
from schemas.errors import NotFoundError


def tocsin(folder: Path, *arguments: str) -> Any:
    done = CliRunner().invoke(app, [*arguments, "--json"], env={"TOCSIN_DATA_DIR": str(folder)})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def proved(folder: Path, text: str) -> Principal | None:
    async def ask() -> Principal | None:
        async with open_key_ring(Settings(data_dir=folder)) as ring:
            clock = SystemClock()
            keys = ApiKeys(ring.keys, ring.pepper, now=clock.now, monotonic=clock.monotonic)
            return await keys.authenticate(text)

    return asyncio.run(ask())


def test_a_key_that_was_made_proves_what_was_asked_for(tmp_path: Path) -> None:
    made = tocsin(
        tmp_path, "keys", "create", "ci", "--role", "ingest", "--environment", "test", "--tenant", "acme"
    )
    assert made["key"].startswith("tocsin_test_")
    assert made["revoked_at"] is made["expires_at"] is None
    principal = proved(tmp_path, made["key"])
    assert principal is not None
    assert (principal.tenant, principal.roles) == ("acme", frozenset({Role.INGEST}))
    assert proved(tmp_path / "elsewhere", made["key"]) is None


def test_a_key_is_a_viewers_where_nothing_is_said_and_may_end(tmp_path: Path) -> None:
    made = tocsin(tmp_path, "keys", "create", "--expires-days", "30")
    assert (made["tenant"], made["roles"], made["label"]) == ("default", "viewer", "")
    assert made["expires_at"] > made["created_at"]


def test_a_revoked_key_stays_listed_and_proves_nobody(tmp_path: Path) -> None:
    first, second = (tocsin(tmp_path, "keys", "create", name) for name in ("a", "b"))
    assert tocsin(tmp_path, "keys", "revoke", first["key_id"]) == {"revoked": first["key_id"]}
    assert proved(tmp_path, first["key"]) is None
    assert proved(tmp_path, second["key"]) is not None
    listed = tocsin(tmp_path, "keys", "list")
    assert [(one["label"], one["revoked_at"] is None) for one in listed] == [("a", False), ("b", True)]
    assert "key" not in listed[0]
    with pytest.raises(NotFoundError):
        tocsin(tmp_path, "keys", "revoke", first["key_id"])
    with pytest.raises(NotFoundError):
        tocsin(tmp_path, "keys", "revoke", second["key_id"], "--tenant", "other")


def test_for_people_the_key_stands_alone_on_standard_output(tmp_path: Path) -> None:
    environment = {"TOCSIN_DATA_DIR": str(tmp_path), "COLUMNS": "40"}
    done = CliRunner().invoke(app, ["keys", "create", "x"], env=environment)
    assert proved(tmp_path, done.stdout.strip()) is not None
    shown = CliRunner().invoke(app, ["keys", "list"], env=environment | {"COLUMNS": "200"}).stdout
    assert "viewer" in shown
    assert done.stdout.strip() not in shown


def test_the_first_key_is_an_admins_and_made_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, tenant="acme")
    assert read_admin_key(tmp_path) is None
    text = asyncio.run(make_first_key(settings))
    assert text is not None
    assert read_admin_key(tmp_path) == text
    assert stat.S_IMODE(admin_key_file(tmp_path).stat().st_mode) == 0o600
    principal = proved(tmp_path, text)
    assert principal is not None
    assert (principal.tenant, principal.roles) == ("acme", frozenset({Role.ADMIN}))
    admin_key_file(tmp_path).unlink()
    assert asyncio.run(make_first_key(settings)) is None
    assert read_admin_key(tmp_path) is None


def test_no_first_key_is_made_where_another_was_revoked(tmp_path: Path) -> None:
    made = tocsin(tmp_path, "keys", "create")
    tocsin(tmp_path, "keys", "revoke", made["key_id"])
    assert asyncio.run(make_first_key(Settings(data_dir=tmp_path))) is None


def test_the_pepper_may_be_elsewhere(tmp_path: Path) -> None:
    pepper = tmp_path / "mounted"
    pepper.write_text("a secret of an orchestrator\n")
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "api": {"pepper_file": str(pepper)}})
    assert settings.pepper_file == pepper
    assert asyncio.run(make_first_key(settings)) is not None
    assert not (tmp_path / "data" / "secrets" / "pepper").exists()
