from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli.exit_codes import ExitCode
from infra.cli.main import app
from schemas.errors import InvalidRequestError
from tests.fakes.case_folder import write_case

SHARED = Path(__file__).parents[4] / "shared" / "rca"


def _evaluate(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["eval", *map(str, arguments)])
    return result.exit_code, result.stdout


def test_each_case_is_a_line_that_a_scorer_reads(tmp_path: Path) -> None:
    write_case(tmp_path)
    write_case(tmp_path, "healthy", broken=False)
    out = tmp_path / "p.jsonl"
    code, printed = _evaluate(tmp_path, "--out", out, "--json")
    assert code == ExitCode.OK
    busy, healthy = (json.loads(line) for line in out.read_text().splitlines())
    assert busy["case"] == "made-up/busy-database"
    assert busy["services"][0] == "cart-db"
    assert busy["indicators"][0] == "cart-db_cpu_usage"
    assert (busy["verdict"], healthy["verdict"]) == ("cause_found", "benign")
    assert busy["seconds"] > 0
    (dataset,) = json.loads(printed)["datasets"]
    assert (dataset["cases"], dataset["cause_found"], dataset["benign"]) == (2, 1, 1)


def test_what_nobody_has_scored_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    write_case(tmp_path)
    assert "1 investigated, not scored, " in _evaluate(tmp_path)[1]
    assert "0 of 1 (0 %) right, 1 not, " in _evaluate(tmp_path, "--score")[1]


@pytest.mark.parametrize("name", ["made-up", "made-up/calm", "*/calm", "*"])
def test_cases_are_chosen_by_their_folders(tmp_path: Path, name: str) -> None:
    for case in ("busy-database", "calm"):
        write_case(tmp_path, case, broken=case != "calm")
    chosen = json.loads(_evaluate(tmp_path, "--only", name, "--json")[1])
    assert chosen["cases"] == (1 if "calm" in name else 2)


def test_no_case_of_that_name_is_told(tmp_path: Path) -> None:
    write_case(tmp_path)
    with pytest.raises(InvalidRequestError, match="none of the 1 cases"):
        CliRunner().invoke(app, ["eval", str(tmp_path), "--only", "elsewhere"], catch_exceptions=False)


def test_the_truth_changes_nothing(tmp_path: Path) -> None:
    folder = write_case(tmp_path)
    _evaluate(tmp_path, "--out", tmp_path / "with.jsonl")
    head = json.loads((folder / "case.json").read_text())
    del head["root_cause_service"]
    (folder / "case.json").write_text(json.dumps(head))
    _evaluate(tmp_path, "--out", tmp_path / "without.jsonl")
    assert _answers(tmp_path / "with.jsonl") == _answers(tmp_path / "without.jsonl")


def _answers(path: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def test_a_case_that_cannot_be_read_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    write_case(tmp_path)
    spoilt = tmp_path / "made-up" / "spoilt"
    spoilt.mkdir()
    (spoilt / "case.json").write_text("{}")
    code, printed = _evaluate(tmp_path, "--json")
    assert code == ExitCode.NEGATIVE
    assert json.loads(printed)["failed"] == 1
    assert json.loads(printed)["cases"] == 1


@pytest.mark.rca
@pytest.mark.skipif(not SHARED.exists(), reason=f"the labelled incidents are not here: {SHARED}")
@pytest.mark.timeout(300)
def test_recorded_incidents_are_investigated_and_the_scorer_reads_the_answers(tmp_path: Path) -> None:
    with tarfile.open(SHARED / "public.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    for folder in sorted((tmp_path / "public").glob("*/*"))[::4]:
        (tmp_path / "cases" / folder.parent.name).mkdir(parents=True, exist_ok=True)
        folder.rename(tmp_path / "cases" / folder.parent.name / folder.name)
    code, _ = _evaluate(tmp_path / "cases", "--out", tmp_path / "p.jsonl")
    assert code == ExitCode.OK
    score = [sys.executable, str(SHARED / "score.py"), str(tmp_path / "cases"), str(tmp_path / "p.jsonl")]
    printed = subprocess.run(score, capture_output=True, text=True, check=True).stdout
    assert printed.count(" service ") == 5
