"""docker-compose.kafka.yml as its tests read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import yaml

from infra.deploy.make_secrets import make_secrets

__all__ = ["COMPOSE", "ROLES", "ROOT", "TOCSIN", "interpolated", "secrets_folder", "service"]

ROOT: Final = Path(__file__).parents[3]
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(
    (ROOT / "docker-compose.kafka.yml").read_text(encoding="utf-8")
)
TOCSIN: Final = tuple(
    name for name, one in COMPOSE["services"].items() if str(one["image"]).startswith("tocsin:")
)
"""Services that run our image."""
ROLES: Final = tuple(name for name in TOCSIN if COMPOSE["services"][name]["command"][0] == "role")

_VARIABLE = re.compile(r"\$\{(?P<name>\w+):-(?P<default>[^}]*)\}")


def service(name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", COMPOSE["services"][name])


def interpolated(text: str, environment: Mapping[str, str] | None = None) -> str:
    """As Compose reads a value: `${NAME:-default}`, `$$`. Any other dollar is a mistake here."""
    given = environment or {}
    replaced = _VARIABLE.sub(lambda found: given.get(found["name"]) or found["default"], text)
    assert "$" not in replaced.replace("$$", ""), f"a dollar that Compose would take for a variable: {text}"
    return replaced.replace("$$", "$")


def secrets_folder(name: str, folder: Path) -> Path:
    """Lay out /run/secrets of a service in `folder`, from newly made secrets."""
    source = folder / "made"
    make_secrets(source)
    mounted = folder / "run-secrets"
    mounted.mkdir()
    for one in service(name).get("secrets", []):
        mount = one if isinstance(one, dict) else {"source": one, "target": one}
        declared = Path(COMPOSE["secrets"][mount["source"]]["file"])
        (mounted / Path(mount["target"]).name).write_bytes((source / declared.name).read_bytes())
    return mounted
