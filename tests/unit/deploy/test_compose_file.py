from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from infra.deploy.make_secrets import SECRETS
from infra.runtime.settings import Settings
from tests.unit.deploy.compose_file import COMPOSE, ROLES, ROOT, TOCSIN, interpolated, service

SERVICES = sorted(COMPOSE["services"])
SERVERS = sorted(set(SERVICES) - set(TOCSIN))
POM = ROOT / "infra" / "local" / "kafka" / "pom.xml"


def seconds(duration: str) -> int:
    return int(duration.removesuffix("s"))


def test_it_is_valid_to_the_compose_specification() -> None:
    tool = Path(sys.executable).with_name("check-jsonschema")
    command = [str(tool), "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.kafka.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_whole_product_is_in_it() -> None:
    assert ROLES == ("stream", "detect", "land", "investigate", "api")
    assert set(TOCSIN) - set(ROLES) == {"topics", "migrate"}
    assert SERVERS == ["alertmanager", "clickhouse", "grafana", "kafka", "postgres", "prometheus", "redis"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_bounded_and_without_privileges(name: str) -> None:
    one = service(name)
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", one["image"])
    assert set(one["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["init"] is True
    assert "privileged" not in one
    assert "/var/run/docker.sock" not in str(one)


@pytest.mark.parametrize("name", sorted(set(SERVERS) - {"kafka"}))
def test_servers_run_as_a_user_of_their_own(name: str) -> None:
    user, _, _ = service(name)["user"].partition(":")
    assert int(user) > 0  # apache/kafka's image names its user itself


@pytest.mark.parametrize("name", TOCSIN)
def test_our_root_is_read_only_and_state_is_in_memory(name: str) -> None:
    one = service(name)
    assert one["read_only"] is True
    assert [mount.partition(":")[0] for mount in one["tmpfs"]] == ["/tmp", "/var/lib/tocsin"]
    assert "volumes" not in one


@pytest.mark.parametrize("name", SERVICES)
def test_what_runs_on_comes_back_and_says_how_it_is(name: str) -> None:
    one = service(name)
    if name in {"topics", "migrate"}:
        assert (one["restart"], one["healthcheck"]) == ("no", {"disable": True})
        return
    assert one["restart"] == "unless-stopped"
    check = one["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert seconds(check["timeout"]) <= seconds(check["interval"])
    assert check["retries"] >= 3


@pytest.mark.parametrize("name", SERVICES)
def test_it_waits_for_what_it_needs_in_a_way_that_can_come_true(name: str) -> None:
    for needed, how in service(name).get("depends_on", {}).items():
        once = service(needed)["restart"] == "no"
        assert how["condition"] == ("service_completed_successfully" if once else "service_healthy")


def test_topics_and_tables_are_there_before_any_role() -> None:
    for role in ROLES:
        needed = service(role)["depends_on"]
        assert {"topics", "migrate", "redis", "postgres"} <= set(needed)
    assert "kafka" in service("topics")["depends_on"]
    assert {"clickhouse", "postgres"} <= set(service("migrate")["depends_on"])


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    for port in service(name).get("ports", []):
        host, outer, inner = port.split(":")
        assert host == "127.0.0.1"
        assert outer == inner
        assert "outside" in service(name)["networks"], "a network without a way out publishes no port"


def test_ports_do_not_collide() -> None:
    ports = [port for name in SERVICES for port in service(name).get("ports", [])]
    assert len(ports) == len(set(ports)) == 5


def test_only_what_must_is_connected_to_the_outside() -> None:
    assert COMPOSE["networks"] == {"inside": {"internal": True}, "outside": {}}
    outside = {name for name in SERVICES if "outside" in service(name)["networks"]}
    assert outside == {"kafka", "investigate", "api", "prometheus", "alertmanager", "grafana"}


@pytest.mark.parametrize("name", SERVICES)
def test_mounted_files_are_in_the_repository_and_volumes_declared(name: str) -> None:
    for volume in service(name).get("volumes", []):
        source, _, rest = volume.partition(":")
        if source.startswith("./"):
            assert (ROOT / source).exists()
            assert rest.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


def test_every_volume_is_used() -> None:
    used = {volume.partition(":")[0] for name in SERVICES for volume in service(name).get("volumes", [])}
    assert set(COMPOSE["volumes"]) <= used


def test_every_secret_is_made_by_the_script_and_used() -> None:
    declared = {name: Path(one["file"]) for name, one in COMPOSE["secrets"].items()}
    assert set(declared) == set(SECRETS)
    assert {path.parent.as_posix() for path in declared.values()} == {"infra/deploy/secrets"}
    assert all(path.name == name for name, path in declared.items())
    used = {
        mount["source"] if isinstance(mount, dict) else mount
        for name in SERVICES
        for mount in service(name).get("secrets", [])
    }
    assert used == set(declared)


@pytest.mark.parametrize("name", SERVICES)
def test_no_environment_holds_a_secret(name: str) -> None:
    for variable, value in service(name).get("environment", {}).items():
        text = interpolated(str(value))
        assert not re.search(r"://[^/@]*:[^/@]*@", text), f"{variable} holds a password"
        if re.search(r"PASSWORD|SECRET|TOKEN|KEY", variable):
            assert text.startswith("/run/secrets/"), variable


def test_the_broker_is_the_one_our_tests_run() -> None:
    namespace = {"m": "http://maven.apache.org/POM/4.0.0"}
    version = ET.parse(POM).findtext("m:properties/m:kafka.version", namespaces=namespace)  # noqa: S314 - our file
    assert service("kafka")["image"] == f"apache/kafka:{version}"


def test_the_broker_differs_from_the_embedded_one_only_where_it_must() -> None:
    template = (ROOT / "infra" / "local" / "kafka" / "server.properties").read_text(encoding="utf-8")
    local = dict(line.split("=", 1) for line in template.splitlines() if "=" in line and line[0] != "#")
    ours = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in service("kafka")["environment"].items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }
    assert set(ours) - set(local) == set()
    for name in (
        "auto.create.topics.enable",
        "group.initial.rebalance.delay.ms",
        "broker.session.timeout.ms",
    ):
        assert ours[name] == local[name]


def test_data_of_one_machine_is_not_asked_for_thrice() -> None:
    assert Settings.model_fields["kafka"].default.replication_factor == 1
    for name, value in service("kafka")["environment"].items():
        if name.endswith(("REPLICATION_FACTOR", "MIN_ISR")):
            assert value == "1"


def test_the_redis_password_is_on_no_command_line() -> None:
    (_, _, script) = service("redis")["command"]
    head, _, config = interpolated(script).partition("<<END\n")
    assert "/run/secrets" not in head
    assert config.startswith("requirepass $(cat /run/secrets/redis_password)")
    assert "noeviction" in head
