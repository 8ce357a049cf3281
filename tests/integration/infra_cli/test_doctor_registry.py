"""What `tocsin doctor` says of a schema registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from infra.cli.schemas import missing_schemas, open_schemas
from infra.runtime.settings import KafkaSection
from schemas.topics import CATALOGUE
from tests.fakes.registry_server import RegistryServer, start_registry


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with start_registry() as server:
        yield server


def _told(data_dir: Path, **section: str) -> tuple[dict[str, Any] | None, int]:
    names = {f"TOCSIN_KAFKA__SCHEMA_REGISTRY_{name.upper()}": value for name, value in section.items()}
    done = CliRunner().invoke(app, ["doctor", "--json", "--data", str(data_dir)], env=names)
    checks = json.loads(done.stdout)
    return next((one for one in checks if one["check"] == "schema registry"), None), done.exit_code


async def _enrol(url: str) -> None:
    async with open_schemas(KafkaSection(schema_registry_url=url)):
        pass


def test_without_a_registry_nothing_is_said_of_one(tmp_path: Path) -> None:
    assert _told(tmp_path)[0] is None


def test_a_new_registry_is_fine_where_schemas_may_be_put_there(
    tmp_path: Path, registry: RegistryServer
) -> None:
    told, _ = _told(tmp_path, url=registry.url)

    assert told is not None
    assert (told["result"], told["cure"]) == ("ok", "")
    assert f"{len(CATALOGUE)} schemas are put there" in told["what"]
    assert registry.subjects == {}


def test_where_they_may_not_be_put_there_the_missing_ones_are_named(
    tmp_path: Path, registry: RegistryServer
) -> None:
    told, status = _told(tmp_path, url=registry.url, register="false")

    assert told is not None
    assert told["result"] == "failed"
    assert "alarms.raw-value" in told["what"]
    assert "tocsin topics" in told["cure"]
    assert status != 0


async def test_once_everything_is_there_nothing_is_missing(registry: RegistryServer) -> None:
    section = KafkaSection(schema_registry_url=registry.url, schema_registry_register=False)
    assert len(await missing_schemas(section)) == len(CATALOGUE)

    await _enrol(registry.url)

    assert await missing_schemas(section) == ()
    assert await missing_schemas(KafkaSection()) == ()
    assert len(await missing_schemas(section.model_copy(update={"topic_prefix": "blue."}))) == len(CATALOGUE)


def test_a_refused_login_comes_with_its_cure(tmp_path: Path, registry: RegistryServer) -> None:
    registry.login = ("tocsin", "s3cret")

    told, _ = _told(tmp_path, url=registry.url, user="tocsin", password="other")

    assert told is not None
    assert told["result"] == "failed"
    assert "refuses tocsin (401)" in told["what"]
    assert "SCHEMA_REGISTRY_PASSWORD" in told["cure"]
