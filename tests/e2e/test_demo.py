"""The demo, as a person or a program runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.shop.faults import FaultKind, choose_fault
from tests.fakes.case_folder import write_case

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_TOCSIN = (sys.executable, "-m", "infra.cli.main")


def _run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_TOCSIN, *arguments], capture_output=True, text=True, cwd=cwd, check=False)


def test_the_kinds_of_fault_are_listed(tmp_path: Path) -> None:
    listed = json.loads(_run("demo", "--list", "--json", cwd=tmp_path).stdout)
    assert [one["fault"] for one in listed] == [kind.value for kind in FaultKind]


def test_a_fault_is_found_and_the_last_line_says_so(tmp_path: Path) -> None:
    done = _run("demo", "--fault", "bad-deploy", "--seed", "3", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    expected = choose_fault(FaultKind.BAD_DEPLOY, 3).expected_service
    assert (result["fault"], result["expected_service"]) == ("bad-deploy", expected)
    assert result["ranked_services"][0] == expected
    assert result["verdict"] == "cause_found"


def test_in_a_healthy_shop_nobody_is_accused(tmp_path: Path) -> None:
    done = _run("demo", "--fault", "none", "--seed", "2", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert (result["expected_service"], result["ranked_services"]) == (None, [])


def test_a_recorded_incident_goes_in_as_events_and_comes_out_as_a_report(tmp_path: Path) -> None:
    folder = write_case(tmp_path)
    done = _run("replay-case", str(folder), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["case"] == "made-up/busy-database"
    assert result["services"][0] == "cart-db"
    assert result["report"]["causes"][0]["evidence_ids"]
