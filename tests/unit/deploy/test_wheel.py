from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.unit.deploy.compose_file import ROOT


def test_the_wheel_carries_what_the_code_reads(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    skipped = shutil.ignore_patterns("__pycache__", "secrets", "*.pyc")
    for package in ("agents", "api", "infra", "schemas", "sinks", "streams"):
        shutil.copytree(ROOT / package, source / package, ignore=skipped)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    command += ["--no-index", "--disable-pip-version-check", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("tocsin-*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    for pattern in ("schemas/avro/**/*.avsc", "sinks/**/*.sql", "infra/**/*.lua", "infra/**/*.sql"):
        found = {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)}
        assert found <= inside, found - inside
    assert "infra/deploy/healthcheck.py" in inside
