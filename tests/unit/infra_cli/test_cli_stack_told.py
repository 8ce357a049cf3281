"""What `status`, `doctor` and `down` tell of the stack on this machine, to people and to programs."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli import doctor as doctor_command
from infra.cli import down as down_command
from infra.cli.main import build_app
from infra.local.doctor import Check, CheckFailed, CheckOk, CheckWarning
from infra.local.down import DownOutcome, NothingRan, StoppedForced, StoppedNicely, WasStale
from infra.local.procfs import start_ticks
from infra.local.state import Addresses, ProcessState, StackState, write_state
from schemas.errors import UnavailableError

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def run(command: str, folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        build_app(command), [command, "--data", str(folder), *arguments], env={"COLUMNS": "300"}
    )


def state(folder: Path, *, ticks: int | None = None, **addresses: object) -> StackState:
    """A stack whose supervisor is this very process."""
    own = start_ticks(os.getpid())
    assert own is not None
    where = {
        "kafka": "127.0.0.1:9000",
        "redis_url": "redis://:s3cret@127.0.0.1:7000/0",
        "clickhouse_url": "http://127.0.0.1:8123",
        "sqlite_path": folder / "tocsin.db",
    }
    process = ProcessState(
        name="land",
        status="ready",
        pid=4711,
        start_ticks=1,
        ports=(1234, 5678),
        since=AT,
        restarts=2,
        log_file=folder / "logs" / "land.log",
    )
    waiting = process.model_copy(update={"name": "detect", "status": "waiting", "pid": None, "ports": ()})
    return StackState(
        supervisor_pid=os.getpid(),
        supervisor_ticks=own if ticks is None else ticks,
        started_at=AT,
        broker="tansu",
        addresses=Addresses.model_validate({**where, **addresses}),
        processes=(process, waiting),
    )


def test_status_shows_processes_and_addresses_and_no_password(tmp_path: Path) -> None:
    write_state(tmp_path, state(tmp_path))
    shown = run("status", tmp_path).stdout
    rows = {line.split()[0]: line.split() for line in shown.splitlines() if line.strip()}
    assert rows["land"][1:5] == ["ready", "4711", "1234,", "5678"]
    assert rows["detect"][1:3] == ["waiting", "2"], "what does not run has no pid"
    assert rows["Kafka"][1] == "127.0.0.1:9000"
    assert rows["Redis"][1] == "127.0.0.1:7000/0"
    assert rows["SQLite"][1].endswith("tocsin.db")
    assert "s3cret" not in shown


def test_status_shows_no_password_of_postgresql(tmp_path: Path) -> None:
    postgres = "postgresql://ann:s3cret@db:5432/tocsin"
    write_state(tmp_path, state(tmp_path, sqlite_path=None, postgres_url=postgres))
    shown = run("status", tmp_path).stdout
    assert "PostgreSQL" in shown
    assert "db" in shown
    assert "s3cret" not in shown
    assert "SQLite" not in shown


def test_a_program_gets_the_state_without_its_passwords(tmp_path: Path) -> None:
    written = state(
        tmp_path,
        clickhouse_url="http://ann:s3cret@ch:8123/db?password=s3cret",
        postgres_url="postgresql://ann:s3cret@db:5432/tocsin?password=s3cret@",
    )
    write_state(tmp_path, written)
    told = json.loads(run("status", tmp_path, "--json").stdout)
    shown = {
        "redis_url": "redis://127.0.0.1:7000/0",
        "clickhouse_url": "http://ch:8123/db",
        "postgres_url": "postgresql://db:5432/tocsin",
    }
    assert {name: told["addresses"].pop(name) for name in shown} == shown
    rest = json.loads(written.model_dump_json())
    for name in shown:
        del rest["addresses"][name]
    assert told == rest


def test_a_stack_whose_supervisor_is_gone_does_not_run(tmp_path: Path) -> None:
    write_state(tmp_path, state(tmp_path, ticks=1))
    done = run("status", tmp_path)
    assert isinstance(done.exception, UnavailableError)
    assert f"nothing runs from {tmp_path}" in str(done.exception)


CHECKS: tuple[Check, ...] = (
    CheckOk("python", "3.11"),
    CheckWarning("disk", "1.0 GB free", "Free some space."),
    CheckFailed("java", "no java [17] found", "Install it."),
)


@pytest.mark.parametrize(("count", "status"), [(1, 0), (2, 0), (3, 6)])
def test_only_what_failed_makes_doctor_say_no(
    count: int, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_command, "examine", lambda *_args, **_more: CHECKS[:count])
    assert run("doctor", tmp_path).exit_code == status
    assert run("doctor", tmp_path, "--json").exit_code == status


def test_doctor_tells_each_finding_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_command, "examine", lambda *_args, **_more: CHECKS)
    shown = run("doctor", tmp_path).stdout
    assert "no java [17] found" in shown
    assert shown.index("python") < shown.index("disk") < shown.index("java")
    *told, embedding = json.loads(run("doctor", tmp_path, "--json").stdout)
    assert embedding["check"] == "embedding"
    assert told == [
        {"check": "python", "result": "ok", "what": "3.11", "cure": ""},
        {"check": "disk", "result": "warning", "what": "1.0 GB free", "cure": "Free some space."},
        {"check": "java", "result": "failed", "what": "no java [17] found", "cure": "Install it."},
    ]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (NothingRan(), "nothing runs from"),
        (StoppedNicely(7), "stopped (pid 7)"),
        (StoppedForced(7), "stopped by force (pid 7)"),
        (WasStale(7, (8, 9)), "pid 7 had died before; cleaned up 2 processes"),
    ],
)
def test_down_says_how_it_went(
    outcome: DownOutcome, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def take_down(folder: Path) -> DownOutcome:
        asked.append(folder)
        return outcome

    monkeypatch.setattr(down_command, "take_down", take_down)
    done = run("down", tmp_path)
    assert (done.exit_code, told in done.stdout, asked) == (0, True, [tmp_path])
