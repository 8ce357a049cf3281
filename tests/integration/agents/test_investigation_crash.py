"""A worker killed in the middle of an investigation: the next one goes on, and nothing is paid or said twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agents.investigation.checkpoints import open_checkpoints
from agents.investigation.memory import memory_ports, request_for
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import quick
from tests.fakes.killed_investigation import FilePublisher

_ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("victim", ["plan", "rank"])
async def test_killed_in_a_step_it_goes_on_to_the_same_report(tmp_path: Path, victim: str) -> None:
    _run_until_killed(tmp_path, victim)
    before = _of_type(tmp_path, "io.tocsin.evidence")
    assert bool(before) == (victim == "rank")

    outcome = await _resume(tmp_path)

    expected = await _undisturbed()
    assert outcome.report.report_id == expected.report.report_id
    assert outcome.report.causes == expected.report.causes
    assert outcome.report.timeline == expected.report.timeline
    assert outcome.report.verdict == expected.report.verdict
    assert any(body["state"] == "resumed" for body in _of_type(tmp_path, "io.tocsin.investigation.status"))
    if victim == "rank":
        assert _of_type(tmp_path, "io.tocsin.evidence") == before


async def test_a_report_published_before_the_kill_is_published_again_unchanged(tmp_path: Path) -> None:
    _run_until_killed(tmp_path, "summarise")
    assert len(_of_type(tmp_path, "io.tocsin.report")) == 1

    await _resume(tmp_path)

    first, second = _of_type(tmp_path, "io.tocsin.report")
    assert first == second


def _run_until_killed(folder: Path, victim: str) -> None:
    """Run in a process of its own that hangs after the step's work and before its checkpoint; kill it there."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.killed_investigation", str(folder), victim],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    try:
        deadline = time.monotonic() + 60
        while not (folder / "hanging").exists():
            assert child.poll() is None, "the run ended before it was killed"
            assert time.monotonic() < deadline, "the run never came to the step"
            time.sleep(0.02)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


async def _resume(folder: Path) -> Reported:
    data = bad_deploy()
    ports = replace(memory_ports(data, quick(data)), publisher=FilePublisher(folder / "events.jsonl"))
    async with asyncio.timeout(60), open_checkpoints(folder / "checkpoints.sqlite") as saver:
        outcome = await Investigations(ports.settings, saver).investigate(request_for(data), ports)
    assert isinstance(outcome, Reported)
    return outcome


async def _undisturbed() -> Reported:
    data = bad_deploy()
    outcome = await Investigations(quick(data)).investigate(
        request_for(data), memory_ports(data, quick(data))
    )
    assert isinstance(outcome, Reported)
    return outcome


def _of_type(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / "events.jsonl").read_text().splitlines()
    return [event["body"] for event in map(json.loads, lines) if event["type"] == kind]
