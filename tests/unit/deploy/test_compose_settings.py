"""Every setting and command that the compose file gives to our image is one that the code knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer
import yaml
from pydantic import BaseModel
from typer.core import TyperGroup
from typer.main import get_command

from infra.cli.main import app
from infra.runtime.security import load_pepper
from infra.runtime.settings import Settings
from tests.unit.deploy.compose_file import COMPOSE, ROLES, ROOT, TOCSIN, interpolated, secrets_folder, service

Build = Callable[[str], Settings]

IMAGE_ONLY = {"TOCSIN_CONFIG", "TOCSIN_SECRETS_DIR"}
"""Where settings are read from; not themselves settings."""


def setting_names(model: type[BaseModel], prefix: str) -> set[str]:
    found = set()
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= setting_names(kind, f"{prefix}{name.upper()}__")
        else:
            found.add(f"{prefix}{name.upper()}")
    return found


def dockerfile_environment() -> dict[str, str]:
    text = (ROOT / "infra" / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    words = [word for line in text.splitlines() if line.startswith("ENV ") for word in line.split()[1:]]
    return dict(word.split("=", 1) for word in words)


def environment_of(name: str) -> dict[str, str]:
    own = {key: interpolated(str(value)) for key, value in service(name)["environment"].items()}
    return {**dockerfile_environment(), **own}


@pytest.fixture
def settings_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    def build(name: str) -> Settings:
        for key, value in environment_of(name).items():
            if key.startswith("TOCSIN_"):
                monkeypatch.setenv(key, value)
        monkeypatch.setenv("TOCSIN_SECRETS_DIR", str(secrets_folder(name, tmp_path)))
        monkeypatch.chdir(tmp_path)
        return Settings()

    return build


@pytest.mark.parametrize("name", TOCSIN)
def test_every_variable_is_a_setting(name: str) -> None:
    given = {key for key in environment_of(name) if key.startswith("TOCSIN_")}
    assert given - setting_names(Settings, "TOCSIN_") - IMAGE_ONLY == set()


@pytest.mark.parametrize("name", TOCSIN)
def test_every_secret_is_a_setting(name: str) -> None:
    """Or a file that a setting names."""
    named = set(environment_of(name).values())
    for mount in service(name)["secrets"]:
        target = mount["target"]
        assert target.upper() in setting_names(Settings, "TOCSIN_") or f"/run/secrets/{target}" in named


@pytest.mark.parametrize("name", TOCSIN)
def test_the_settings_are_valid_and_name_the_services(name: str, settings_of: Build) -> None:
    settings = settings_of(name)
    hosts = {
        settings.kafka.bootstrap_servers.partition(":")[0],
        urlsplit(settings.clickhouse.url).hostname,
        urlsplit(settings.redis.url).hostname,
        urlsplit(settings.sql.url).hostname,
    }
    assert hosts == {"kafka", "clickhouse", "redis", "postgres"}
    assert settings.data_dir == Path("/var/lib/tocsin")
    assert settings.llm.providers == ()


def test_passwords_come_from_files_and_agree_with_the_servers(tmp_path: Path, settings_of: Build) -> None:
    settings = settings_of("land")
    made = tmp_path / "made"

    def text(name: str) -> str:
        return (made / name).read_text(encoding="utf-8")

    assert settings.clickhouse.password.get_secret_value() == text("clickhouse_password")
    assert settings.sql.password.get_secret_value() == text("postgres_password")
    assert urlsplit(settings.redis.url).password == text("redis_password")
    assert urlsplit(settings.sql.url).username == service("postgres")["environment"]["POSTGRES_USER"]
    assert urlsplit(settings.sql.url).path == "/" + service("postgres")["environment"]["POSTGRES_DB"]


def test_a_model_provider_is_named_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = '[{"name": "own", "base_url": "http://model/v1", "model": "m", "api_key": "k"}]'
    (tmp_path / "tocsin_llm__providers").write_text(secret, encoding="utf-8")
    monkeypatch.setenv("TOCSIN_SECRETS_DIR", str(tmp_path))
    (provider,) = Settings().llm.providers
    assert (provider.name, provider.api_key.get_secret_value()) == ("own", "k")


@pytest.mark.parametrize("name", TOCSIN)
def test_the_command_is_one_of_ours(name: str) -> None:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    command, *arguments = service(name)["command"]
    context = typer.Context(group, info_name="tocsin")
    found = group.get_command(context, command)
    assert found is not None
    parsed = found.make_context(command, list(arguments), parent=context)  # raises for a wrong argument
    assert parsed.params


def test_roles_are_named_after_what_they_run() -> None:
    for name in ROLES:
        assert service(name)["command"] == ["role", name]


@pytest.mark.parametrize("name", ROLES)
def test_the_health_check_asks_where_the_role_answers(name: str, settings_of: Build) -> None:
    settings = settings_of(name)
    _, *command = service(name)["healthcheck"]["test"]
    assert command[:3] == ["python", "-m", "infra.deploy.healthcheck"]
    if name == "api":
        assert command[3] == f"http://127.0.0.1:{settings.api.port}/health"
    else:
        assert command[3:] == []  # its own metrics port, from the environment


@pytest.mark.parametrize("name", ROLES)
def test_prometheus_scrapes_the_port_the_role_serves(name: str, settings_of: Build) -> None:
    telemetry = settings_of(name).telemetry
    config = yaml.safe_load((ROOT / "infra/deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    (job,) = (one for one in config["scrape_configs"] if one["job_name"] == "tocsin")
    (discovery,) = job["dns_sd_configs"]
    assert name in discovery["names"]
    assert discovery["port"] == telemetry.metrics_port
    assert telemetry.metrics_host == "0.0.0.0"


def test_the_api_is_published_where_it_listens(settings_of: Build) -> None:
    api = settings_of("api").api
    assert service("api")["ports"] == [f"127.0.0.1:{api.port}:{api.port}"]
    assert api.host == "0.0.0.0"


def test_the_api_is_not_ready_before_its_memory_is_used_up(settings_of: Build) -> None:
    limit = service("api")["deploy"]["resources"]["limits"]["memory"]
    assert settings_of("api").api.ready_max_rss_mb < int(limit.removesuffix("m"))


def test_keys_are_hashed_with_a_secret_that_outlives_the_container(
    tmp_path: Path, settings_of: Build
) -> None:
    settings = settings_of("api")
    assert settings.pepper_file == Path("/run/secrets/api_pepper")
    pepper = load_pepper(tmp_path / "run-secrets" / "api_pepper", lambda _: b"never made")
    assert len(pepper) >= 32


def test_the_published_broker_port_is_the_one_told_to_clients() -> None:
    environment = service("kafka")["environment"]
    told = interpolated(environment["KAFKA_ADVERTISED_LISTENERS"], {"KAFKA_PUBLISHED_HOST": "broker.example"})
    assert told == "INSIDE://kafka:9092,OUTSIDE://broker.example:9094"
    assert service("kafka")["ports"] == ["127.0.0.1:9094:9094"]
    assert COMPOSE["name"] == "tocsin"
