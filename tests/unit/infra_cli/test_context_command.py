"""`tocsin context` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import keyring
import keyring.backends.fail
import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app
from infra.cli.remote.completion import context_names, incident_ids, investigation_ids
from schemas.errors import (
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    TocsinError,
    UnavailableError,
)
from tests.fakes.keyrings import KeptInMemory

FAR = "https://tocsin.example.com"
KEY = "tocsin_live_aaaa_bbbb_cccc"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder of the test's own, and no stack."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("TOCSIN_URL", "TOCSIN_API_URL", "TOCSIN_CONTEXT", "TOCSIN_API_KEY", "TOCSIN_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def key_file(home: Path) -> Path:
    path = home / "key"
    path.write_text(KEY)
    path.chmod(0o600)
    return path


def run(*arguments: str, given: str = "") -> Result:
    done = CliRunner().invoke(app, ["context", *arguments], input=given, env={"COLUMNS": "200"})
    if isinstance(done.exception, TocsinError):
        raise done.exception
    return done


def told(*arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in run(*arguments, "--json").stdout.splitlines()]


def test_a_context_is_added_listed_used_and_removed(key_file: Path) -> None:
    run("add", "prod", "--url", f"{FAR}/", "--key-file", str(key_file))
    run("add", "lab", "--url", "http://127.0.0.1:1")
    assert [(one["name"], one["in_use"]) for one in told("list")] == [
        ("prod", False),
        ("lab", False),
        ("local", True),
    ]
    assert told("use", "prod") == [{"name": "prod", "in_use": True}]
    assert told("show") == [{"name": "prod", "in_use": True, "url": FAR, "key": str(key_file), "ca_file": ""}]
    listed = run("list").stdout
    assert "*  prod" in listed
    assert "from TOCSIN_API_KEY" in listed
    run("use", "local")
    assert [one["name"] for one in told("list") if one["in_use"]] == ["local"]
    run("remove", "prod")
    assert key_file.exists()
    with pytest.raises(NotFoundError):
        run("show", "prod")


def test_the_key_is_never_printed_nor_written_down(key_file: Path, home: Path, ring: KeptInMemory) -> None:
    outputs = [
        run("add", "prod", "--url", FAR, "--key-file", str(key_file), "--use"),
        run("add", "ringed", "--url", FAR, "--keyring", given=f"{KEY}\n"),
        run("list"),
        run("list", "--json"),
        run("show", "prod"),
        run("show", "ringed", "--json"),
    ]
    assert all(one.exit_code == 0 for one in outputs)
    assert ring.kept == {("tocsin", "ringed"): KEY}
    written = (home / "config" / "tocsin" / "contexts.json").read_text()
    assert KEY not in written + "".join(one.output for one in outputs)


def test_a_key_that_is_kept_elsewhere_now_leaves_the_keyring(key_file: Path, ring: KeptInMemory) -> None:
    run("add", "prod", "--url", FAR, "--keyring", given=KEY)
    run("add", "prod", "--url", FAR, "--key-file", str(key_file))
    assert ring.kept == {}
    run("add", "prod", "--url", FAR, "--keyring", given=KEY)
    run("remove", "prod")
    assert ring.kept == {}


def test_without_a_keyring_nothing_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "get_keyring", keyring.backends.fail.Keyring)
    with pytest.raises(ConfigurationError, match="no keyring here"):
        run("add", "prod", "--url", FAR, "--keyring", given=KEY)
    assert [one["name"] for one in told("list")] == ["local"]


def test_what_is_unsafe_is_said(key_file: Path) -> None:
    key_file.chmod(0o644)
    noted = run("add", "prod", "--url", "http://10.0.0.1", "--key-file", str(key_file)).stderr
    assert "not encrypted" in noted
    assert "chmod 600" in noted
    key_file.chmod(0o600)
    assert run("add", "prod", "--url", FAR, "--key-file", str(key_file)).stderr == ""


def test_a_misuse_says_what_to_do_instead(key_file: Path, ring: KeptInMemory) -> None:
    misuses: list[tuple[tuple[str, ...], type[TocsinError], str]] = [
        (("add", "prod", "--url", "tocsin"), InvalidRequestError, "https://host"),
        (("add", "local", "--url", FAR), InvalidRequestError, "another name"),
        (("add", "prod", "--url", FAR, "--keyring"), InvalidRequestError, "Pipe the key"),
        (
            ("add", "prod", "--url", FAR, "--keyring", "--key-file", str(key_file)),
            InvalidRequestError,
            "one of them",
        ),
        (("use", "prod"), NotFoundError, "tocsin context add"),
        (("show",), InvalidRequestError, "tocsin status"),
    ]
    for arguments, error, cure in misuses:
        with pytest.raises(error) as refused:
            run(*arguments)
        assert cure in refused.value.cure
    assert run("add", "prod", "--url", FAR, "--key-file", "gone").exit_code == 2
    key_file.write_text("")
    with pytest.raises(ConfigurationError, match="holds no key"):
        run("add", "prod", "--url", FAR, "--key-file", str(key_file))


def test_names_are_completed_with_their_addresses(home: Path) -> None:
    run("add", "prod", "--url", FAR)
    assert context_names("") == [("prod", FAR), ("local", "this machine's installation")]
    assert context_names("p") == [("prod", FAR)]
    (home / "config" / "tocsin" / "contexts.json").write_text("{")
    assert context_names("") == []


def test_where_nobody_answers_no_id_is_completed() -> None:
    nobody = SimpleNamespace(params={"url": "http://127.0.0.1:1", "key": "k"})

    assert incident_ids(nobody, "") == []
    assert investigation_ids(nobody, "") == []
    assert investigation_ids(SimpleNamespace(params={}), "inv") == []


@pytest.mark.parametrize("command", ["incidents", "report", "costs", "evidence inv_1", "top", "follow inv_1"])
def test_nowhere_to_ask_tells_of_here_and_elsewhere(command: str) -> None:
    done = CliRunner().invoke(app, command.split())
    assert isinstance(done.exception, UnavailableError)
    assert "tocsin up" in done.exception.cure
    assert "tocsin context add" in done.exception.cure
