from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.kafka.jars import POM, fetch_jars, find_java, find_maven, java_major
from infra.local.kafka.node import KafkaCluster, KafkaNode, keep_cluster_id, server_properties
from schemas.errors import ConfigurationError, UnavailableError


def _program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bin_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the path, besides the system's for sh and mkdir."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("mkdir", "touch"):
        folder.joinpath(tool).symlink_to(f"/bin/{tool}")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return folder


def _cluster(folder: Path, count: int) -> KafkaCluster:
    nodes = tuple(
        KafkaNode(node_id=n, port=9000 + n, controller_port=9100 + n, folder=folder / f"node-{n}")
        for n in range(1, count + 1)
    )
    return KafkaCluster(cluster_id="abc", nodes=nodes)


def _settings(cluster: KafkaCluster, index: int = 0) -> dict[str, str]:
    lines = server_properties(cluster, cluster.nodes[index]).splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_a_single_node_has_one_replica_of_everything(tmp_path: Path) -> None:
    settings = _settings(_cluster(tmp_path, 1))

    assert settings["controller.quorum.voters"] == "1@127.0.0.1:9101"
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:9001,CONTROLLER://127.0.0.1:9101"
    assert settings["log.dirs"] == str(tmp_path / "node-1" / "log")
    assert {value for key, value in settings.items() if key.endswith("replication.factor")} == {"1"}
    assert settings["min.insync.replicas"] == "1"


def test_three_nodes_share_voters_and_keep_two_replicas_in_step(tmp_path: Path) -> None:
    cluster = _cluster(tmp_path, 3)
    settings = [_settings(cluster, index) for index in range(3)]

    assert {s["controller.quorum.voters"] for s in settings} == {
        "1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103"
    }
    assert [s["node.id"] for s in settings] == ["1", "2", "3"]
    assert {s["default.replication.factor"] for s in settings} == {"3"}
    assert {s["min.insync.replicas"] for s in settings} == {"2"}
    assert cluster.bootstrap == "127.0.0.1:9001,127.0.0.1:9002,127.0.0.1:9003"


def test_a_comma_in_the_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has a comma"):
        _settings(_cluster(tmp_path / "a,b", 1))


def test_a_cluster_id_is_made_once(tmp_path: Path) -> None:
    first = keep_cluster_id(tmp_path / "kafka", new_id=lambda: UUID(int=1))

    assert keep_cluster_id(tmp_path / "kafka", new_id=lambda: UUID(int=2)) == first
    assert len(first) == 22


@given(st.uuids())
def test_a_cluster_id_never_looks_like_an_option(
    tmp_path_factory: pytest.TempPathFactory, made: UUID
) -> None:
    assert not keep_cluster_id(tmp_path_factory.mktemp("id"), new_id=lambda: made).startswith("-")


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "21" 2023-09-19', 21),
        ("command not found", None),
    ],
)
def test_java_versions_are_read(text: str, major: int | None) -> None:
    assert java_major(text) == major


def test_a_missing_java_is_named_with_its_cure(bin_dir: Path) -> None:
    with pytest.raises(ConfigurationError, match="no `java` was found") as caught:
        find_java()

    assert "openjdk-17" in caught.value.cure


def test_an_old_java_is_refused_by_its_version(bin_dir: Path) -> None:
    java = _program(bin_dir / "java", "echo 'openjdk version \"11.0.2\"' >&2")

    with pytest.raises(ConfigurationError, match=f"{java} is 11"):
        find_java()


def test_java_home_comes_before_the_path(
    bin_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(bin_dir / "java", "echo 'version \"17\"' >&2")
    home = _program(tmp_path / "jdk" / "bin" / "java", "echo 'version \"21\"' >&2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))

    assert find_java() == home


def test_a_missing_maven_is_named_with_its_cure(bin_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no `mvn` was found") as caught:
        fetch_jars(tmp_path / "jars")

    assert "apt install maven" in caught.value.cure


def test_jars_are_fetched_once_and_whole(bin_dir: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    script = f'echo "$@" >> {calls}; for a in "$@"; do case $a in -DoutputDirectory=*) d=${{a#*=}};; esac; done; mkdir -p "$d"; touch "$d/kafka.jar"'
    _program(bin_dir / "mvn", script)

    jars = fetch_jars(tmp_path / "kafka" / "jars")
    fetch_jars(jars)

    assert [entry.name for entry in jars.iterdir()] == ["kafka.jar"]
    assert [entry.name for entry in jars.parent.iterdir()] == ["jars"]
    assert len(calls.read_text().splitlines()) == 1
    assert str(POM) in calls.read_text()


def test_a_failed_fetch_leaves_no_folder_and_says_what_maven_said(bin_dir: Path, tmp_path: Path) -> None:
    _program(bin_dir / "mvn", "echo 'could not resolve'; exit 1")
    assert os.access(find_maven(), os.X_OK)

    with pytest.raises(UnavailableError, match="could not resolve") as caught:
        fetch_jars(tmp_path / "jars")

    assert not (tmp_path / "jars").exists()
    assert "repository" in caught.value.cure
