"""Contexts: what is kept and how, and whom a command asks after all."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import keyring
import keyring.backend
import keyring.backends.fail
import keyring.backends.null
import keyring.errors
import pytest

from infra.cli.key_ring import admin_key_file
from infra.cli.remote.addresses import checked_url, is_loopback, is_open
from infra.cli.remote.contexts import LOCAL, Context, ContextBook, book_file, read_book, write_book
from infra.cli.remote.key_places import forget_in_keyring, keep_in_keyring, read_key, read_key_file
from infra.cli.remote.place import Asked, Endpoint, elsewhere, of_stack
from infra.runtime.settings import Settings
from schemas.errors import ConfigurationError, InvalidRequestError, NotFoundError, UnavailableError
from tests.fakes.keyrings import KeptInMemory

FAR = "https://tocsin.example.com"


class Locked(KeptInMemory):
    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked("the user said no")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text("of-the-file\n")
    path.chmod(0o600)
    return path


def book(**contexts: Context) -> ContextBook:
    return ContextBook(contexts=contexts)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (FAR, FAR),
        (f"{FAR}/", FAR),
        (f"{FAR}/tocsin/", f"{FAR}/tocsin"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ],
)
def test_an_address_is_kept_without_its_last_slash(text: str, meant: str) -> None:
    assert checked_url(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tocsin",
        "ftp://x",
        "http://",
        "http://x:port",
        "http://x:0",
        "https://me:key@x",
        "https://x?k=1",
        f" {FAR}",
    ],
)
def test_what_is_no_address_is_refused_with_a_form(text: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        checked_url(text)
    assert "https://host" in refused.value.cure


def test_a_key_in_an_address_is_not_repeated() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        checked_url("https://me:geheim@x")
    assert "geheim" not in f"{refused.value} {refused.value.cure}"


@pytest.mark.parametrize(
    ("url", "own", "readable"),
    [
        ("http://localhost:1", True, False),
        ("http://127.0.0.2", True, False),
        ("http://[::1]:1", True, False),
        ("http://10.0.0.1", False, True),
        (FAR, False, False),
    ],
)
def test_which_keys_can_be_read_on_the_way(url: str, own: bool, readable: bool) -> None:
    assert (is_loopback(url), is_open(url)) == (own, readable)


def test_the_file_is_in_the_users_configuration_folder(tmp_path: Path) -> None:
    assert book_file({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}) == Path("/x/tocsin/contexts.json")
    assert book_file({"XDG_CONFIG_HOME": "relative", "HOME": "/h"}) == Path("/h/.config/tocsin/contexts.json")
    assert book_file({"HOME": "/h"}) == Path("/h/.config/tocsin/contexts.json")
    assert book_file({}).is_absolute()


def test_what_is_written_is_read_and_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "config" / "tocsin" / "contexts.json"
    written = book(prod=Context(url=FAR, key_file=Path("/k")), lab=Context(url="http://lab:1", keyring=True))
    write_book(path, written.using("lab"))
    write_book(path, written.using("prod"))

    assert read_book(path) == written.using("prod")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["contexts.json"]
    assert json.loads(path.read_text())["contexts"]["prod"] == {"url": FAR, "key_file": "/k"}


def test_no_file_is_an_empty_book(tmp_path: Path) -> None:
    assert read_book(tmp_path / "nothing" / "here") == ContextBook()


@pytest.mark.parametrize("text", ["{", '{"contexts": {"a": {"url": "no"}}}', '{"version": 2}', '{"more": 1}'])
def test_a_file_that_cannot_be_understood_says_where(text: str, tmp_path: Path) -> None:
    path = tmp_path / "contexts.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"contexts\.json cannot be understood"):
        read_book(path)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "tocsin").write_text("a file")
    with pytest.raises(ConfigurationError, match="cannot be written") as refused:
        write_book(tmp_path / "tocsin" / "contexts.json", ContextBook())
    assert "XDG_CONFIG_HOME" in refused.value.cure


def test_a_folder_instead_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_book(tmp_path)


@pytest.mark.parametrize("name", ["", "a b", "-x", "a/b", "x" * 65, LOCAL])
def test_a_name_is_plain_and_not_that_of_this_machine(name: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        ContextBook().adding(name, Context(url=FAR))
    assert refused.value.cure


def test_a_context_is_added_used_changed_and_removed() -> None:
    made = ContextBook().adding("prod", Context(url=FAR)).using("prod")
    changed = made.adding("prod", Context(url="http://other:1"))

    assert changed.current == "prod"
    assert changed.named("prod").url == "http://other:1"
    assert changed.using(LOCAL).current == ""
    assert changed.adding("lab", Context(url=FAR)).removing("lab") == changed
    assert changed.removing("prod") == ContextBook()
    for broken in (lambda: made.using("lab"), lambda: made.removing("lab"), lambda: made.named("lab")):
        with pytest.raises(NotFoundError) as refused:
            broken()
        assert "prod" in refused.value.cure


def test_a_key_is_in_one_place(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not both"):
        Context(url=FAR, key_file=tmp_path, keyring=True)


def test_a_key_file_holds_a_key_alone(key_file: Path, tmp_path: Path) -> None:
    assert read_key_file(key_file) == "of-the-file"
    for text in ("", "\n", "two words", "line\nline", "\x00"):
        key_file.write_text(text)
        with pytest.raises(ConfigurationError, match="holds no key"):
            read_key_file(key_file)
    key_file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="it is no text"):
        read_key_file(key_file)
    with pytest.raises(ConfigurationError, match="No such file"):
        read_key_file(tmp_path / "gone")


def test_the_keyring_keeps_gives_and_forgets(ring: KeptInMemory) -> None:
    context = Context(url=FAR, keyring=True)
    keep_in_keyring("prod", lambda: "secret")
    assert ring.kept == {("tocsin", "prod"): "secret"}
    assert read_key("prod", context) == "secret"
    forget_in_keyring("prod")
    forget_in_keyring("prod")
    with pytest.raises(ConfigurationError, match="has no key of the context 'prod'"):
        read_key("prod", context)


@pytest.mark.parametrize(
    ("backend", "why"),
    [
        (keyring.backends.fail.Keyring, "there is no keyring here"),
        (keyring.backends.null.Keyring, "does not keep keys"),
        (Locked, "the user said no"),
    ],
)
def test_where_the_keyring_does_not_work_the_other_ways_are_told(
    backend: type[keyring.backend.KeyringBackend], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "get_keyring", backend)
    with pytest.raises(ConfigurationError, match=why) as refused:
        keep_in_keyring("prod", lambda: "secret")
    assert "--key-file" in refused.value.cure
    assert "TOCSIN_API_KEY" in refused.value.cure


def test_without_a_keyring_nobody_is_asked_for_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "get_keyring", keyring.backends.fail.Keyring)
    with pytest.raises(ConfigurationError):
        keep_in_keyring("prod", lambda: pytest.fail("asked for nothing"))
    uses: list[Callable[[], object]] = [
        lambda: read_key("prod", Context(url=FAR, keyring=True)),
        lambda: forget_in_keyring("prod"),
    ]
    for broken in uses:
        with pytest.raises(ConfigurationError, match="there is no keyring here"):
            broken()


def asked_of(place: Endpoint | None) -> str:
    return "here" if place is None else place.url


PROD, LAB = "https://prod.example", "https://lab.example"
ENV = {"TOCSIN_URL": "https://env.example", "TOCSIN_CONTEXT": "lab", "TOCSIN_DATA_DIR": "/env"}


@pytest.mark.parametrize(
    ("flags", "environ", "current", "expected"),
    [
        ({}, {}, "", "here"),
        ({}, {}, "prod", PROD),
        ({"context": "lab"}, {}, "prod", LAB),
        ({"context": "local"}, {}, "prod", "here"),
        ({"url": "http://flag"}, {}, "prod", "http://flag"),
        ({"data": "/flag"}, {}, "prod", "here"),
        ({}, {"TOCSIN_DATA_DIR": "/env"}, "prod", "here"),
        ({}, {"TOCSIN_CONTEXT": "lab"}, "prod", LAB),
        ({}, {"TOCSIN_CONTEXT": "local"}, "prod", "here"),
        ({}, {"TOCSIN_CONTEXT": "lab", "TOCSIN_DATA_DIR": "/env"}, "prod", LAB),
        ({}, ENV, "prod", "https://env.example"),
        ({}, {"TOCSIN_API_URL": "https://env.example"}, "prod", "https://env.example"),
        ({"context": "prod"}, ENV, "", PROD),
        ({"data": "/flag"}, ENV, "prod", "here"),
        ({"url": "http://flag"}, ENV, "prod", "http://flag"),
    ],
)
def test_what_is_said_nearest_counts(
    *,
    flags: dict[str, str],
    environ: dict[str, str],
    current: str,
    expected: str,
    key_file: Path,
    settings: Settings,
) -> None:
    """Typer hands over the flag, or else the variable."""
    known = book(prod=Context(url=PROD, key_file=key_file), lab=Context(url=LAB, key_file=key_file))
    data = flags.get("data") or environ.get("TOCSIN_DATA_DIR")
    asked = Asked(
        url=flags.get("url") or environ.get("TOCSIN_URL") or environ.get("TOCSIN_API_URL", ""),
        context=flags.get("context") or environ.get("TOCSIN_CONTEXT", ""),
        key="k",
        data=Path(data) if data else None,
    )
    used = known.using(current or LOCAL)

    assert asked_of(elsewhere(asked, used, environ, settings)) == expected


@pytest.mark.parametrize(
    "asked",
    [
        Asked(url=FAR, context="prod", key="k"),
        Asked(url=FAR, data=Path("x"), key="k"),
        Asked(context="prod", data=Path("x")),
    ],
)
def test_two_places_at_once_are_refused(asked: Asked, settings: Settings) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        elsewhere(asked, book(prod=Context(url=FAR)), {}, settings)
    assert "one of them" in refused.value.cure


@pytest.mark.parametrize(
    ("own", "flag", "environ", "key", "key_from"),
    [
        (True, "", {}, "of-the-file", "key"),
        (True, "", {"TOCSIN_API_KEY": "of-env"}, "of-the-file", "key"),
        (True, "flag", {"TOCSIN_API_KEY": "of-env"}, "flag", "--key"),
        (False, "flag", {}, "flag", "--key"),
        (False, "", {"TOCSIN_API_KEY": "of-env"}, "of-env", "TOCSIN_API_KEY"),
    ],
)
def test_a_context_brings_its_own_key(
    *,
    own: bool,
    flag: str,
    environ: dict[str, str],
    key: str,
    key_from: str,
    key_file: Path,
    settings: Settings,
) -> None:
    known = book(prod=Context(url=FAR, key_file=key_file if own else None)).using("prod")
    asked = Asked(key=flag or environ.get("TOCSIN_API_KEY", ""))

    found = elsewhere(asked, known, environ, settings)

    assert found is not None
    assert (found.key, Path(found.key_from).name, found.name) == (key, key_from, "prod")


def test_no_key_says_who_makes_one(settings: Settings) -> None:
    for asked in (Asked(context="prod"), Asked(url=FAR)):
        with pytest.raises(ConfigurationError) as refused:
            elsewhere(asked, book(prod=Context(url=FAR)), {}, settings)
        assert "tocsin keys create" in refused.value.cure


def test_the_key_of_this_machine_goes_nowhere_else(settings: Settings) -> None:
    path = admin_key_file(settings.data_dir)
    path.parent.mkdir(parents=True)
    path.write_text("admins-key")

    own = elsewhere(Asked(url="http://localhost:1"), ContextBook(), {}, settings)

    assert own is not None
    assert own.key == "admins-key"
    with pytest.raises(ConfigurationError, match="no API key for"):
        elsewhere(Asked(url="http://localhost.example.com"), ContextBook(), {}, settings)


def test_no_value_shows_the_key() -> None:
    assert "geheim" not in repr(Asked(key="geheim")) + repr(Endpoint(FAR, "geheim", "a file"))


def test_without_a_stack_the_ways_to_one_are_told(settings: Settings) -> None:
    with pytest.raises(UnavailableError) as refused:
        of_stack(Asked(), settings)
    assert "tocsin up" in refused.value.cure
    assert "tocsin context add" in refused.value.cure
