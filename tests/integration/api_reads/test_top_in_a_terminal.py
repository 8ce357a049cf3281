"""`tocsin top` in a terminal, in a pipe and beside a stack: what it prints, and how it leaves a terminal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.cli.key_ring import admin_key_file
from infra.local.procfs import start_ticks
from infra.local.state import Addresses, ProcessState, StackState, write_state
from infra.runtime.telemetry import PrometheusRecorder, serve_metrics
from schemas.metrics import CONSUMER_LAG, LANDED_ROWS
from tests.integration.api_reads.top_installation import installation
from tests.integration.api_reads.top_terminal import DEADLINE_S, Terminal

ALTERNATE, BACK = "\x1b[?1049h", "\x1b[?1049l"


@pytest.mark.parametrize("ending", ["ctrl-c", "terminate"])
async def test_the_terminal_is_given_back(ending: str, tmp_path: Path) -> None:
    async with (
        installation() as (served, _, _known),
        Terminal(tmp_path, "--url", served.url, "-n", "0.5") as terminal,
    ):
        page = await terminal.until(lambda text: text.count("Open incidents") >= 2)
        assert page.count(ALTERNATE) == 1
        assert BACK not in page
        if ending == "ctrl-c":
            terminal.type(b"\x03")
        else:
            terminal.process.send_signal(signal.SIGTERM)
        status = await terminal.ended()

    assert status == 0, terminal.text
    assert BACK in terminal.text
    assert "Traceback" not in terminal.text
    assert "critical" in terminal.text


async def test_without_a_terminal_one_look_is_printed_without_colours(tmp_path: Path) -> None:
    async with (
        installation() as (served, _, _known),
        Terminal(tmp_path, "--url", served.url, "-n", "0.5", piped=True) as terminal,
    ):
        output, _ = await asyncio.wait_for(terminal.process.communicate(), DEADLINE_S)

    page = output.decode()
    assert terminal.process.returncode == 0
    assert page.count("Open incidents") == 1
    assert "\x1b" not in page


async def test_programs_get_an_object_a_look(tmp_path: Path) -> None:
    async with (
        installation() as (served, _, _known),
        Terminal(tmp_path, "--url", served.url, "-n", "0.5", "--json", piped=True) as terminal,
    ):
        stream = terminal.process.stdout
        assert stream is not None
        looks = [json.loads(await asyncio.wait_for(stream.readline(), DEADLINE_S)) for _ in range(2)]
        terminal.process.send_signal(signal.SIGTERM)
        status = await terminal.ended()

    assert status == 0
    assert looks[0]["rates"]["alarms_per_s"] is None
    assert looks[1]["rates"]["alarms_per_s"] == 0.0
    assert [one["incident_id"] for one in looks[1]["incidents"]] == ["inc_new", "inc_old", "inc_minor"]
    assert looks[1]["spending"]["today_nano_usd"] == 5_000_000
    assert looks[0]["at"] < looks[1]["at"]


def _stack_here(data_dir: Path, api_url: str, metrics_port: int) -> None:
    """What `tocsin up` writes, with this process as the supervisor."""
    pid = os.getpid()
    ticks = start_ticks(pid)
    assert ticks is not None
    processes = (
        ("broker", "ready", (1,), 0),
        ("land", "ready", (metrics_port,), 1),
        ("api", "ready", (2, metrics_port), 0),
        ("stream", "restarting", (), 4),
    )
    state = StackState(
        supervisor_pid=pid,
        supervisor_ticks=ticks,
        started_at=datetime.now(UTC),
        broker="tansu",
        addresses=Addresses(
            kafka="127.0.0.1:1",
            redis_url="redis://127.0.0.1:1",
            clickhouse_url="http://127.0.0.1:1",
            api_url=api_url,
        ),
        processes=tuple(
            ProcessState(
                name=name,
                status=status,  # type: ignore[arg-type]  # one of its literals
                pid=pid,
                start_ticks=ticks,
                ports=ports,
                since=None,
                restarts=restarts,
                log_file=data_dir / "log",
            )
            for name, status, ports, restarts in processes
        ),
    )
    data_dir.mkdir()
    write_state(data_dir, state)
    path = admin_key_file(data_dir)
    path.parent.mkdir()
    path.write_text("acme.admin\n")


async def test_beside_a_stack_the_roles_own_metrics_tell(tmp_path: Path) -> None:
    recorder = PrometheusRecorder.create()
    recorder.gauge(CONSUMER_LAG, 17, stage="land", topic="kpis.raw")
    recorder.count(LANDED_ROWS, 1_000, table="kpis")
    data_dir = tmp_path / "data"
    async with installation() as (served, _, _known):
        with serve_metrics(recorder, 0) as port:
            _stack_here(data_dir, served.url, port)
            arguments = ("--data", str(data_dir), "--once", "--json", "-n", "0.5")
            async with Terminal(tmp_path, *arguments, piped=True) as terminal:
                output, _ = await asyncio.wait_for(terminal.process.communicate(), DEADLINE_S)
                assert terminal.process.returncode == 0, terminal.text
    look = json.loads(output)

    assert look["lag"] == [{"stage": "land", "messages": 34, "topic": "kpis.raw"}]
    assert look["rates"] == {
        "alarms_per_s": 0.0,
        "evidence_per_s": 0.0,
        "landed_per_s": 0.0,
        "landed_unit": "rows",
    }
    assert {"name": "stream", "status": "restarting", "restarts": 4} in look["processes"]
    assert look["url"] == served.url
    assert look["problems"] == []


async def test_nobody_there_is_an_error_with_a_cure(tmp_path: Path) -> None:
    async with Terminal(tmp_path, "--url", "http://127.0.0.1:1") as terminal:
        assert await terminal.ended() == 3
    assert "Connection refused" in terminal.text
    assert "cure:" in terminal.text
    assert ALTERNATE not in terminal.text
