"""The programs and the first alarm of the documentation, exactly as they stand in their pages, against the running stack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from schemas.events import Report, Verdict
from tests.unit.docs.pages import ROOT, program

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

ROLES = ("stream", "investigate", "land")
STACK = """
import asyncio, sys
from pathlib import Path
from infra.cli.context import load_settings
from infra.cli.local_stack import LocalStack
from infra.local.stop_request import stop_on_signals

async def main():
    stack = LocalStack(load_settings(Path(sys.argv[1])), roles=sys.argv[2:])
    with stop_on_signals() as stop:
        async with stack.open(lambda event: print(event, file=sys.stderr, flush=True), stop) as running:
            print("ready", flush=True)
            await running.supervisor.run()

asyncio.run(main())
"""
PATIENCE_S = 180.0


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A stack with one report in it, of an incident told by the commands of docs/start.md."""

    folder: Path
    kafka: str
    clickhouse: str
    report: Report


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    folder = tmp_path_factory.mktemp("how-to")
    log = (folder / "stack.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-c", STACK, str(folder), *ROLES],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready", (folder / "stack.log").read_text(
            encoding="utf-8"
        )
        yield with_a_report(folder)
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def with_a_report(folder: Path) -> RunningStack:
    addresses = json.loads(tocsin(folder, "status", "--json"))["addresses"]
    samples = python(folder, program("make_kpis.py"), {})
    (folder / "kpis.csv").write_text(samples, encoding="utf-8")
    tocsin(folder, "send", "kpi", "--file", str(folder / "kpis.csv"))
    tocsin(folder, "send", "alarm", "HighErrorRate", "--service", "checkout", "--severity", "critical")
    report = eventually(lambda: latest_report(folder), "a report")
    return RunningStack(folder, addresses["kafka"], addresses["clickhouse_url"], report)


def latest_report(folder: Path) -> Report | None:
    done = run([sys.executable, "-m", "infra.cli.main", "report", "--json"], folder, {})
    return Report.model_validate_json(done.stdout) if done.returncode == 0 else None


def tocsin(folder: Path, *arguments: str) -> str:
    done = run([sys.executable, "-m", "infra.cli.main", *arguments], folder, {})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python(folder: Path, text: str, variables: Mapping[str, str]) -> str:
    done = run([sys.executable, "-c", text], folder, variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(command: list[str], folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**environment(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def environment(folder: Path) -> dict[str, str]:
    outer = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    return {**outer, "PYTHONPATH": str(ROOT), "TOCSIN_DATA_DIR": str(folder)}


def keep_lines(stream: Iterable[str], lines: list[str]) -> None:
    for line in stream:
        lines.append(line)  # noqa: PERF402 - read while it grows


def eventually(ask: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"{what} did not come within {PATIENCE_S:.0f} s"
        time.sleep(0.2)
    return answer


def test_the_first_alarm_of_the_start_page_ends_as_it_says(stack: RunningStack) -> None:
    assert stack.report.verdict is Verdict.CAUSE_FOUND
    assert stack.report.causes[0].service == "cart"
    assert stack.report.services == ("checkout",)


def test_a_plain_clickhouse_client_reads_reports_and_costs(stack: RunningStack) -> None:
    def printed() -> str:
        return python(stack.folder, program("reports_and_costs.py"), {"CLICKHOUSE": stack.clickhouse})

    told = eventually(lambda: text if "\ncost checkout" in (text := printed()) else "", "the ledger")

    (report,) = [line for line in told.splitlines() if line.startswith("report")]
    assert stack.report.investigation_id in report
    assert "cause_found" in report
    assert stack.report.headline in report


def test_the_costs_that_it_reads_are_those_of_the_command(stack: RunningStack) -> None:
    def ledger() -> tuple[str, dict[str, Any]] | None:
        told = python(stack.folder, program("reports_and_costs.py"), {"CLICKHOUSE": stack.clickhouse})
        costs: dict[str, Any] = json.loads(tocsin(stack.folder, "costs", "--by", "service", "--json"))
        return (told, costs) if costs["total"]["entries"] else None

    def agreed() -> bool:
        told, costs = eventually(ledger, "the ledger")
        group = next(one for one in costs["groups"] if one["key"] == "checkout")
        return f"in {group['entries']} entries, {group['unpriced']} unpriced" in told

    eventually(agreed, "the same figures from both")


def test_a_plain_avro_consumer_reads_the_evidence(stack: RunningStack) -> None:
    variables = {"KAFKA": stack.kafka, "SCHEMAS": str(ROOT / "schemas" / "avro"), "GROUP": "a-platform-team"}
    lines: list[str] = []
    consumer = subprocess.Popen(
        [sys.executable, "-u", "-c", program("follow_evidence.py")],
        cwd=stack.folder,
        env={**environment(stack.folder), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert consumer.stdout is not None
    reading = Thread(target=keep_lines, args=(consumer.stdout, lines), daemon=True)
    try:
        reading.start()
        cited = {one for cause in stack.report.causes for one in cause.evidence_ids}
        eventually(
            lambda: cited <= {line.split()[0] for line in [*lines]}, "the evidence that the report cites"
        )
    finally:
        consumer.terminate()
        consumer.wait(30)
        reading.join(30)
        consumer.stdout.close()

    assert cited
    assert not [line for line in lines if line.startswith("skipped")]
    assert any("default cart saturation cart cpu_usage" in line for line in lines)


def test_the_avro_consumer_reads_what_an_earlier_release_wrote(stack: RunningStack) -> None:
    """The program finds a message's schema among the released files too: their ids are those in the messages."""
    text = program("follow_evidence.py").replace("asyncio.run(main())", "print(*load_schemas()[1])")

    known = python(stack.folder, text, {"SCHEMAS": str(ROOT / "schemas" / "avro")}).split()

    current = {one["topic"]: one["schema_id"] for one in json.loads(tocsin(stack.folder, "topics", "--json"))}
    assert str(current["evidence"]) in known


def test_the_query_of_a_finding_shows_its_data_to_any_client(stack: RunningStack) -> None:
    found = tocsin(
        stack.folder, "evidence", stack.report.investigation_id, "--step", "kpis", "--json"
    ).splitlines()
    query = next(one["query"] for one in map(json.loads, found) if one["indicator"] == "cpu_usage")
    ask = "import clickhouse_connect as c, os, sys; print(c.get_client(dsn=os.environ['CLICKHOUSE']).query(sys.stdin.read()).result_rows)"

    done = subprocess.run(
        [sys.executable, "-c", ask],
        input=query,
        env={**environment(stack.folder), "CLICKHOUSE": stack.clickhouse},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )

    assert done.returncode == 0, done.stderr
    assert "cpu_usage" in done.stdout
