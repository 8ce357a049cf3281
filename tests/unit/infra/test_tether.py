from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from infra.local import tether
from infra.local.procfs import start_ticks
from infra.local.tether import tethered
from tests.unit.infra.process_parts import SLEEP, eventually, python

_PARENT = """
import subprocess, sys, time
child = subprocess.Popen(sys.argv[1:])
print(child.pid, flush=True)
time.sleep(600)
"""


def _run_tethered_below_a_parent() -> tuple[subprocess.Popen[str], int]:
    """A parent that starts a tethered sleeper, and the sleeper's pid. The parent puts its own pid into the command."""
    code = _PARENT.replace("sys.argv[1:]", "[*sys.argv[1:5], str(__import__('os').getpid()), *sys.argv[6:]]")
    parent = subprocess.Popen([*python(code), *tethered(python(SLEEP))], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def test_the_command_replaces_the_tether_and_keeps_its_pid() -> None:
    child = subprocess.Popen(tethered(python(SLEEP)))
    try:
        cmdline = Path(f"/proc/{child.pid}/cmdline")
        assert eventually(
            lambda: b"tether" not in cmdline.read_bytes() and b"time.sleep" in cmdline.read_bytes()
        )
    finally:
        child.kill()
        child.wait()


def test_a_tethered_command_dies_with_a_killed_parent() -> None:
    parent, child = _run_tethered_below_a_parent()
    assert start_ticks(child) is not None
    parent.kill()
    parent.communicate()

    assert eventually(lambda: start_ticks(child) is None)


def test_a_command_whose_parent_is_already_gone_does_not_start(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    program = (sys.executable, "-I", "-S", tether.__file__, str(os.getppid()), "touch", str(marker))

    assert subprocess.run(program, check=False).returncode == 1
    assert not marker.exists()


def test_a_missing_command_ends_with_127_and_its_name() -> None:
    done = subprocess.run(tethered(["/no/such/program"]), capture_output=True, text=True, check=False)

    assert done.returncode == 127
    assert done.stderr == "/no/such/program: No such file or directory\n"


def test_the_status_of_the_command_is_passed_on() -> None:
    assert subprocess.run(tethered(python("raise SystemExit(7)")), check=False).returncode == 7


def test_a_tethered_command_gets_its_arguments_as_they_are() -> None:
    words = ["a b", "", "ü", "--flag"]
    code = "import sys; print(sys.argv[1:])"
    done = subprocess.run(
        tethered([sys.executable, "-c", code, *words]), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(words)
