"""What each role of the local stack waits for, and that servers elsewhere are made ready before any role starts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from infra.cli import local_stack
from infra.cli.local_stack import ROLES, GivenPorts, LocalStack, plan_of
from infra.local.ports import PortBook
from infra.runtime.settings import Settings
from streams.kafka import KafkaSettings


def settings_in(folder: Path, **sections: dict[str, object]) -> Settings:
    return Settings.model_validate({"data_dir": folder, **sections})


def waits_of(stack: LocalStack) -> dict[str, tuple[str, ...]]:
    return {spec.name: spec.depends_on for spec in stack._build().specs if spec.name in ROLES}


def test_only_roles_that_use_the_tables_wait_for_clickhouse(tmp_path: Path) -> None:
    assert waits_of(LocalStack(settings_in(tmp_path))) == {
        "stream": ("broker", "redis"),
        "detect": ("broker",),
        "investigate": ("broker", "redis", "clickhouse"),
        "land": ("broker", "redis", "clickhouse"),
        "api": ("broker", "redis", "clickhouse"),
    }


def test_nobody_waits_for_a_server_that_is_elsewhere(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, kafka={"bootstrap_servers": "a:1"}, redis={"url": "redis://b:2"})
    waits = waits_of(LocalStack(settings))
    assert waits["detect"] == waits["stream"] == ()
    assert waits["land"] == ("clickhouse",)


def test_ports_that_are_given_are_taken(tmp_path: Path) -> None:
    port = PortBook(random.SystemRandom()).free()
    assert plan_of(settings_in(tmp_path), "tansu", GivenPorts(redis=port)).redis_port == port


async def test_a_broker_elsewhere_gets_its_topics_before_any_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    async def ensure(kafka: KafkaSettings, _replication: int) -> None:
        made.append(kafka.bootstrap_servers)

    monkeypatch.setattr(local_stack, "ensure_topics", ensure)
    stack = LocalStack(settings_in(tmp_path, kafka={"bootstrap_servers": "a:1"}))
    specs = {spec.name: spec for spec in stack._build().specs}
    await stack._before_start(specs["redis"])
    assert made == []
    await stack._before_start(specs["land"])
    assert made == ["a:1"]
    await stack._before_start(specs["detect"])
    assert made == ["a:1"]
    await stack._before_start(specs[ROLES[0]])
    assert made == ["a:1"] * 2, "a restart of the first role repairs what was lost"
