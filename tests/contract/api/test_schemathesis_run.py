"""`schemathesis run` over the whole OpenAPI document, over HTTP, with a key and without.

TOCSIN_SCHEMATHESIS_EXAMPLES=200 asks more, each time something else; unset, the same few are asked every time.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from schemas.metrics import API_REQUESTS
from tests.contract.api.full_api import ServedApi

pytestmark = [
    pytest.mark.redis,
    pytest.mark.timeout(0 if "TOCSIN_SCHEMATHESIS_EXAMPLES" in os.environ else 180),
]

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
LONG = os.environ.get("TOCSIN_SCHEMATHESIS_EXAMPLES", "")


def run(served: ServedApi, folder: Path, document: Path, *options: str) -> str:
    """Return what schemathesis says; whatever it finds fails the test."""
    amount = ("--max-examples", LONG) if LONG else ("--max-examples", "8", "--generation-deterministic")
    command = (sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"))
    done = subprocess.run(
        [*command, "run", str(document), "--url", served.url, "--no-color", *amount, *options],
        cwd=folder,  # it writes there what it found
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = "\n".join(line[:500] for line in done.stdout.splitlines())
    assert done.returncode == 0, said[-20_000:] + done.stderr[-2_000:]
    return said


@pytest.fixture
def document(served_api: ServedApi, tmp_path: Path) -> Path:
    """What the API serves; it wants a key for that too."""
    answer = httpx.get(f"{served_api.url}/openapi.json", headers={"X-API-Key": "acme.viewer"}, timeout=30)
    answer.raise_for_status()
    path = tmp_path / "openapi.json"
    path.write_bytes(answer.content)
    return path


def operations(document: Path) -> set[tuple[str, str]]:
    paths = json.loads(document.read_bytes())["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def operations_in(said: str) -> int:
    found = re.search(r"Tested: (\d+)", said)
    assert found is not None, said
    return int(found[1])


def statuses(served: ServedApi) -> dict[tuple[str, str], set[str]]:
    """Return what each route has answered to each method: `2xx`, `4xx`, ..."""
    seen: dict[tuple[str, str], set[str]] = {}
    for name, _, labels in list(served.api.meter.seen):
        if name == API_REQUESTS.name:
            seen.setdefault((labels["method"], labels["route"]), set()).add(labels["status"])
    return seen


def test_an_admin_finds_every_answer_as_it_is_documented(
    served_api: ServedApi, document: Path, tmp_path: Path
) -> None:
    said = run(served_api, tmp_path, document, "--header", "Authorization: Bearer acme.admin")
    assert operations_in(said) == len(operations(document))
    seen = statuses(served_api)
    assert not {"5xx"} & set().union(*seen.values())
    unanswered = {one for one in operations(document) if "2xx" not in seen[one]}
    assert not unanswered, "what nobody was ever given was not checked"


def test_nobody_finds_anything_but_refusals(served_api: ServedApi, document: Path, tmp_path: Path) -> None:
    events, made = len(served_api.api.publisher.events), len(served_api.api.meter.seen)
    said = run(served_api, tmp_path, document, "--phases", "coverage")
    assert operations_in(said) == len(operations(document))
    assert len(served_api.api.meter.seen) > made
    assert len(served_api.api.publisher.events) == events
