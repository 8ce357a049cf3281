from __future__ import annotations

import hashlib
import json
import stat
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

from infra.deploy import make_secrets as script
from infra.deploy.make_secrets import SECRETS, make_secrets


def text(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def test_every_secret_is_made_once_and_then_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert make_secrets(folder) == list(SECRETS)
    before = {name: text(folder, name) for name in SECRETS}
    assert make_secrets(folder) == []
    assert {name: text(folder, name) for name in SECRETS} == before


def test_one_that_was_deleted_is_made_anew_from_the_others(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    (tmp_path / "redis_url").unlink()
    assert make_secrets(tmp_path) == ["redis_url"]
    assert text(tmp_path, "redis_url") == f"redis://:{text(tmp_path, 'redis_password')}@redis:6379/0"


def test_a_password_that_a_person_wrote_may_end_its_line(tmp_path: Path) -> None:
    (tmp_path / "redis_password").write_text("by-hand\n", encoding="utf-8")
    make_secrets(tmp_path)
    assert text(tmp_path, "redis_url") == "redis://:by-hand@redis:6379/0"


def test_passwords_are_long_and_differ(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    passwords = {text(tmp_path, name) for name in SECRETS if name.endswith("_password")}
    assert len(passwords) == len([name for name in SECRETS if name.endswith("_password")])
    assert all(len(one) >= 32 for one in passwords)


def test_only_the_owner_enters_the_folder_and_git_leaves_it_out(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in SECRETS} == {0o444}
    assert text(folder, ".gitignore") == "*\n"


def test_clickhouse_is_told_digests_and_its_default_user_is_gone(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    written = text(tmp_path, "clickhouse_users.xml")
    root = ET.fromstring(written)  # noqa: S314 - written by us just now
    for user, secret in (("tocsin", "clickhouse_password"), ("tocsin_reader", "clickhouse_reader_password")):
        digest = hashlib.sha256(text(tmp_path, secret).encode()).hexdigest()
        assert root.findtext(f"users/{user}/password_sha256_hex") == digest
        assert text(tmp_path, secret) not in written
    default = root.find("users/default")
    assert default is not None
    assert default.get("remove") == "remove"
    assert root.findtext("users/tocsin_reader/profile") == "tocsin_reader"
    assert root.findtext("profiles/tocsin_reader/readonly") == "2"


def test_no_model_is_configured_until_someone_does(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    assert json.loads(text(tmp_path, "llm_providers")) == []


def test_it_runs_with_the_standard_library_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(Path(script.__file__)), str(tmp_path / "made")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert "redis_password" in done.stdout
    again = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert "nothing new" in again.stdout
