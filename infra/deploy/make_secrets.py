"""Make the secrets that docker-compose.kafka.yml mounts: `python3 infra/deploy/make_secrets.py [FOLDER]`.

Files appear in infra/deploy/secrets (not in git, nor in the image). What is there already stays as it is, so it may be
run again. Nothing but the standard library is needed.
"""

from __future__ import annotations

import hashlib
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template
from typing import Final

__all__ = ["CLICKHOUSE_USERS", "SECRETS", "main", "make_secrets"]

_HERE: Final = Path(__file__).parent
CLICKHOUSE_USERS: Final = _HERE / "clickhouse" / "users.xml.template"

_Made = Mapping[str, str]


def _password(made: _Made) -> str:
    del made
    return secrets.token_urlsafe(24)


def _redis_url(made: _Made) -> str:
    return f"redis://:{made['redis_password']}@redis:6379/0"


def _no_provider(made: _Made) -> str:
    del made
    return "[]"


def _clickhouse_users(made: _Made) -> str:
    """Of passwords the server is told the digest alone."""
    digests = {
        name: hashlib.sha256(made[name].encode()).hexdigest()
        for name in ("clickhouse_password", "clickhouse_reader_password")
    }
    return Template(CLICKHOUSE_USERS.read_text(encoding="utf-8")).substitute(digests)


SECRETS: Final[Mapping[str, Callable[[_Made], str]]] = {
    "api_pepper": _password,
    "clickhouse_password": _password,
    "clickhouse_reader_password": _password,
    "clickhouse_users.xml": _clickhouse_users,
    "grafana_admin_password": _password,
    "llm_providers": _no_provider,
    "postgres_password": _password,
    "redis_password": _password,
    "redis_url": _redis_url,
}
"""How each file is made, from those before it. `llm_providers` is for a person to fill in: a JSON list."""


def make_secrets(folder: Path) -> list[str]:
    """Write what is missing and return its names.

    The folder is closed to other users. The files in it are readable, because containers read them, each under a
    user of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    (folder / ".gitignore").write_text("*\n", encoding="ascii")
    made: dict[str, str] = {}
    new = []
    for name, make in SECRETS.items():
        path = folder / name
        if path.exists():
            made[name] = path.read_text(encoding="utf-8").strip()
            continue
        made[name] = make(made)
        path.write_text(made[name], encoding="utf-8")
        path.chmod(0o444)
        new.append(name)
    return new


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else _HERE / "secrets"
    new = make_secrets(folder)
    sys.stdout.write(f"{folder}: {', '.join(new) or 'nothing new'}\n")


if __name__ == "__main__":
    main()
