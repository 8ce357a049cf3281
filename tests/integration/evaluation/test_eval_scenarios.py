"""`tocsin eval` on simulated incidents, and on cases with their labels: over processes, with a model, cut short."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agents.evaluation.results import EvaluationReport
from infra.cli.evaluation import tasks
from infra.cli.evaluation.suite import SCENARIOS
from infra.cli.exit_codes import ExitCode
from infra.cli.main import app
from schemas.errors import InvalidRequestError
from tests.fakes.case_folder import write_case
from tests.fakes.openai_server import Answer, Recorded, Status, start_openai_server, structured
from tests.fakes.personalities import personality

ROOT = Path(__file__).parents[3]


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(app, ["eval", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def told(*arguments: object) -> dict[str, Any]:
    done: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    return done


def test_a_few_scenarios_and_their_report(tmp_path: Path) -> None:
    done = run(
        "scenarios",
        "--only",
        "cpu-hog",
        "--only",
        "calm",
        "--report",
        tmp_path,
        "--out",
        tmp_path / "a.jsonl",
    )
    assert done.exit_code == ExitCode.OK
    report = EvaluationReport.model_validate_json((tmp_path / "report.json").read_text())
    assert [(one.name, one.seed) for one in report.scenarios] == [("cpu-hog", 1), ("calm", 1)]
    assert all(one.passed for one in report.scenarios), report.scenarios
    assert report.about.seeds == (1,)
    page = (tmp_path / "report.html").read_text()
    for one in report.scenarios:
        assert f'href="{one.page}"' in page
        assert (tmp_path / one.page).read_text().lower().startswith("<!doctype html>")
    assert (tmp_path / "report.md").read_text().startswith("# ")
    assert (tmp_path / "reliability.svg").read_text().startswith("<svg xmlns")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["case"] for line in lines] == ["cpu-hog/1", "calm/1"]
    assert lines[0]["services"][0] in (report.scenarios[0].truth)


def test_the_same_seed_answers_the_same() -> None:
    one, again = (told("scenarios", "--only", "disk-full", "--seed", 5) for _ in range(2))
    assert one["groups"] == again["groups"]
    assert one["calibration"] == again["calibration"]


def test_scenarios_are_listed_by_group_and_name() -> None:
    listed = json.loads(run("scenarios", "--list", "--only", "clock skew", "--json").stdout)
    assert {one["group"] for one in listed} == {"clock skew"}
    assert "victim-behind" in run("scenarios", "--list").stdout


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(InvalidRequestError, match="no scenario"):
        run("scenarios", "--only", "nothing-like-it")


def test_a_share_that_is_not_reached_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "judge", lambda *_: ())
    assert run("scenarios", "--only", "calm", "--at-least", "1.0").exit_code == ExitCode.OK
    monkeypatch.setattr(tasks, "play", broken)
    done = run("scenarios", "--only", "calm", "--json")
    assert done.exit_code == ExitCode.NEGATIVE
    answer = json.loads(done.stdout)
    assert (answer["errors"], answer["right"]) == (1, 0)


def broken(*_: object) -> None:
    raise ZeroDivisionError("a defect")


def test_four_and_more_go_over_processes(tmp_path: Path) -> None:
    """Each process has the suite by itself; results come in the order they were asked."""
    done = run("scenarios", "--only", "clock skew", "--workers", 2, "--report", tmp_path)
    assert done.exit_code == ExitCode.OK
    report = EvaluationReport.model_validate_json((tmp_path / "report.json").read_text())
    names = [one.name for one in report.scenarios]
    assert names == [one.name for one in SCENARIOS if one.group == "clock skew"]
    assert len(names) >= 4
    assert report.totals.errors == 0


def test_ctrl_c_keeps_what_was_answered_and_leaves_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.cli.main", "eval", "scenarios", "--report", str(tmp_path)]
    program = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE)
    try:
        _await(
            lambda: len(_children(program.pid)) >= 3
        )  # two workers, and what keeps track of their semaphores
        os.kill(program.pid, signal.SIGINT)
        assert program.wait(timeout=120) == ExitCode.INTERRUPTED
    finally:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
    report = EvaluationReport.model_validate_json((tmp_path / "report.json").read_text())
    assert report.about.interrupted
    _await(lambda: not _group(program.pid))


def test_processes_end_with_a_parent_that_was_killed() -> None:
    command = [sys.executable, "-m", "infra.cli.main", "eval", "scenarios"]
    program = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        _await(lambda: len(_children(program.pid)) >= 3)
        program.kill()
        program.wait(timeout=60)
        _await(lambda: not _group(program.pid))
    finally:
        for left in _group(program.pid):
            os.kill(left, signal.SIGKILL)


def _stat(path: Path) -> list[str]:
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _pids(field: int, value: int) -> list[int]:
    """Processes that are no zombies, by a field of their stat (proc(5)) counted behind the name."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        stat = _stat(path)
        if len(stat) > field and stat[0] != "Z" and int(stat[field]) == value:
            found.append(int(path.parent.name))
    return found


def _children(pid: int) -> list[int]:
    return _pids(1, pid)


def _group(pid: int) -> list[int]:
    return _pids(2, pid)


def _await(condition: Any, deadline_s: float = 120.0) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def model(request: Recorded) -> Answer:
    """It blames whom it likes, and cites the first evidence it was shown for anything."""
    shape = json.dumps(request.body.get("response_format", {}))
    if '"tasks"' in shape:
        return structured({"tasks": []})
    if '"causes"' in shape:
        blame = {
            "service": "notification",
            "indicator": "cpu_usage",
            "kind": "cpu",
            "statement": "notification used 812.77 % of its CPU",
            "evidence_ids": ["E1"],
            "confidence": 0.99,
        }
        return structured({"causes": [blame], "ruled_out": [], "missing": []})
    if '"headline"' in shape:
        return structured({"headline": "all is lost", "summary": "It is 812.77 [E1].", "next_steps": []})
    return Status(400, "nobody asked for a shape")


def test_any_model_is_asked_counted_and_not_believed() -> None:
    with start_openai_server(model, models=("gpt-4o",)) as server:
        done = told(
            "scenarios", "--only", "cpu-hog", "--seed", 3, "--model", "gpt-4o", "--model-url", server.base_url
        )
        assert server.requests
    spent = done["spent"]
    assert spent["attempts"] == len(server.requests)
    assert spent["input_tokens"] == 100 * spent["attempts"]
    assert spent["output_tokens"] == 20 * spent["attempts"]
    assert (spent["claims"], spent["published_claims"]) == (1, 0)
    assert done["errors"] == 0
    met = {one["criterion"]: one["met"] == one["asked"] for one in done["criteria"]}
    assert met["cause"]
    assert met["grounded"]
    assert met["forbidden"]


def test_what_a_model_asks_is_counted_and_its_price_is_the_one_that_was_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOCSIN_LLM__PRICES", '{"looping": [1.0, 4.0]}')
    with start_openai_server(personality("looping"), models=("looping",)) as server:
        done = told("scenarios", "--only", "cpu-hog", "--model", "looping", "--model-url", server.base_url)
    spent = done["spent"]
    assert (done["right"], spent["claims"], spent["published_claims"]) == (1, 0, 0)
    assert (spent["queries"], spent["refused_queries"]) == (2, 1)
    assert spent["cost_nano_usd"] > 1000 * spent["input_tokens"]


def test_a_model_that_is_away_leaves_the_statistics() -> None:
    with start_openai_server(lambda _: Status(401, "no")) as server:
        done = told("scenarios", "--only", "calm", "--model", "any", "--model-url", server.base_url)
    assert (done["errors"], done["right"]) == (0, 1)
    assert done["spent"]["failed_attempts"] == done["spent"]["attempts"] > 0


def labelled(root: Path, service: str) -> None:
    folder = write_case(root)
    head = json.loads((folder / "case.json").read_text())
    head |= {"root_cause_service": service, "root_cause_indicator": "cart-db_cpu_usage"}
    (folder / "case.json").write_text(json.dumps(head))


@pytest.mark.parametrize(("truth", "ac1"), [("cart-db", 1.0), ("search", 0.0)])
def test_labels_are_scored_where_asked_for(tmp_path: Path, truth: str, ac1: float) -> None:
    labelled(tmp_path, truth)
    done = told(tmp_path, "--score")
    (dataset,) = done["datasets"]
    assert dataset["service"]["ac1"] == ac1
    assert dataset["indicator"]["ac1"] == 1.0
    assert "service" not in told(tmp_path)["datasets"][0]


def test_cases_have_a_report_too(tmp_path: Path) -> None:
    labelled(tmp_path / "cases", "cart-db")
    done = run(tmp_path / "cases", "--score", "--report", tmp_path / "report")
    assert "ac1" in done.stdout
    report = EvaluationReport.model_validate_json((tmp_path / "report" / "report.json").read_text())
    (one,) = report.cases
    assert (one.rank, one.truth) == (1, "cart-db")
    assert (tmp_path / "report" / one.page).exists()


def test_cases_without_labels_cannot_be_scored(tmp_path: Path) -> None:
    folder = write_case(tmp_path)
    head = json.loads((folder / "case.json").read_text())
    del head["root_cause_service"]
    (folder / "case.json").write_text(json.dumps(head))
    with pytest.raises(InvalidRequestError, match="root_cause_service"):
        run(tmp_path, "--score")
