"""`tocsin top` over a real server: what it sees, what a key may not see, and how it leaves a terminal."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from api.http.cost_views import CostGroupView
from api.http.views import ConsumerLag, InvestigationView, TopicView
from api.read_ports import CostAnswer
from infra.cli.key_ring import admin_key_file
from infra.cli.remote.client import ApiClient, open_api
from infra.cli.remote.place import Endpoint
from infra.cli.top.flow import TopicsFlow
from infra.cli.top.gather import Gatherer, who
from infra.cli.top.look import Look, StageLag
from infra.local.procfs import start_ticks
from infra.local.state import Addresses, ProcessState, StackState, write_state
from infra.runtime.telemetry import PrometheusRecorder, serve_metrics
from schemas.errors import ConfigurationError, UnavailableError
from schemas.events import InvestigationState, Severity
from schemas.metrics import CONSUMER_LAG, LANDED_ROWS
from tests.fakes import full_events as full
from tests.fakes.api import FakeApi, FakeProbe, make_api
from tests.fakes.api_reads import FixedTopics, TablesInMemory, make_reads
from tests.integration.api_reads.serving import Served, serve

DEADLINE_S = 60


def topic(name: str, messages: int, **lags: int) -> TopicView:
    return TopicView(
        topic=name,
        name_on_broker=name,
        key="tenant",
        event_type="t",
        partitions=1,
        retention_s=None,
        compacted=False,
        subject="s",
        schema_id=1,
        exists=True,
        messages=messages,
        consumers=tuple(ConsumerLag(group=f"tocsin.{name}", lag=lag) for name, lag in lags.items()),
    )


def ongoing(name: str, state: InvestigationState, **changes: object) -> InvestigationView:
    queued = InvestigationView.queued(full.request("acme", name))
    return queued.model_copy(update={"state": state, "step": "gather", "progress": 0.5, **changes})


def tables(now: datetime) -> TablesInMemory:
    group = CostGroupView(
        key=f"{now:%Y-%m-%d}",
        entries=2,
        unpriced=1,
        cost_nano_usd=5_000_000,
        tokens={},
        rows_read=None,
        duration_ms=1,
    )
    minutes = [timedelta(minutes=one) for one in range(10)]
    return TablesInMemory(
        incident_rows=[
            full.incident("acme", "inc_old", severity=Severity.CRITICAL, opened_at=now - minutes[9]),
            full.incident("acme", "inc_new", severity=Severity.CRITICAL, opened_at=now - minutes[1]),
            full.incident("acme", "inc_minor", severity=Severity.MINOR, opened_at=now),
        ],
        investigation_rows={
            "acme": [
                ongoing("inv_queued", InvestigationState.QUEUED),
                ongoing("inv_waiting", InvestigationState.WAITING),
                ongoing("inv_running", InvestigationState.RUNNING),
            ]
        },
        cost_answer=CostAnswer((group,), group.model_copy(update={"key": ""}), False, "SELECT 1"),
    )


@asynccontextmanager
async def installation(*probes: FakeProbe) -> AsyncIterator[tuple[Served, FakeApi, TablesInMemory]]:
    now = datetime.now(UTC)
    known = tables(now)
    topics = (topic("alarms.raw", 10, triage=4, land=0), topic("evidence", 7, land=2))
    api = make_api(probes or [FakeProbe("broker")], reads=make_reads(known, topics=topics))
    api.clock.at = now
    async with serve(api) as served:
        yield served, api, known


@asynccontextmanager
async def looking(url: str, key: str = "acme.admin") -> AsyncIterator[Gatherer]:
    async with open_api(Endpoint(url, key, "the test")) as api:
        yield gatherer(api, await who(api))


def gatherer(api: ApiClient, me: Any) -> Gatherer:
    seconds = iter(range(0, 1_000, 2))
    return Gatherer(api, me, TopicsFlow(api), lambda: datetime.now(UTC), monotonic=lambda: next(seconds))


def flow(api: FakeApi, *rows: TopicView) -> None:
    held = api.deps.reads.topics
    assert isinstance(held, FixedTopics)
    held.rows = rows


async def test_a_look_has_everything() -> None:
    async with installation() as (served, api, known), looking(served.url) as watcher:
        first = await watcher.look()
        flow(api, topic("alarms.raw", 30, triage=0, land=0), topic("evidence", 8, land=0))
        second = await watcher.look()

    assert first.problems == second.problems == ()
    assert (first.status, first.tenant, first.parts[0].name) == ("ready", "acme", "broker")
    assert first.lag == (StageLag("triage", 4, "alarms.raw"), StageLag("land", 2, "evidence"))
    assert first.rates is not None
    assert first.rates.alarms_per_s is None
    assert second.rates is not None
    assert (second.rates.alarms_per_s, second.rates.evidence_per_s) == (10.0, 0.5)
    assert (second.rates.landed_per_s, second.rates.landed_unit) == (11.5, "messages")
    assert [one.incident_id for one in first.incidents or ()] == ["inc_new", "inc_old", "inc_minor"]
    assert [one.state for one in first.investigations or ()] == ["running", "waiting", "queued"]
    assert first.opened_in_10_min == 3
    spent = first.spending
    assert spent is not None
    assert (spent.today_nano_usd, spent.month_nano_usd, spent.unpriced_this_month) == (
        5_000_000,
        5_000_000,
        1,
    )
    assert spent.monthly_budget_nano_usd
    asked = [one for one in known.asked if getattr(one, "states", None)]
    assert set(asked[0].states) == {"running", "resumed", "waiting", "queued", "deferred"}


async def test_what_is_not_ready_is_seen_and_no_error() -> None:
    probe = FakeProbe("clickhouse", UnavailableError("connection refused"))
    async with installation(FakeProbe("broker"), probe) as (served, _, known):
        known.failure = UnavailableError("ClickHouse is away")
        async with looking(served.url) as watcher:
            look = await watcher.look()

    assert look.status == "not_ready"
    assert [(one.name, one.ready) for one in look.parts] == [("broker", True), ("clickhouse", False)]
    assert look.parts[1].detail == "connection refused"
    assert look.lag is not None
    assert look.incidents is None
    assert {one.section for one in look.problems} == {
        "incidents",
        "incidents opened",
        "investigations",
        "costs",
    }


@pytest.mark.parametrize(
    ("key", "seen"),
    [
        ("acme.finops", {"spending"}),
        ("acme.viewer", {"lag", "incidents", "investigations"}),
        ("acme.ingest", set()),
    ],
)
async def test_a_key_sees_what_it_may(key: str, seen: set[str]) -> None:
    async with installation() as (served, _, known), looking(served.url, key) as watcher:
        look = await watcher.look()

    sections = ("lag", "incidents", "investigations", "spending")
    assert {name for name in sections if getattr(look, name) is not None} == seen
    assert all("this key may not" in one.told for one in look.problems)
    assert look.status == "ready"
    if not seen:
        assert known.asked == []


async def test_an_installation_that_goes_away_is_told_and_found_again() -> None:
    async with installation() as (served, _, _known), looking(served.url) as watcher:
        port = int(served.url.rpartition(":")[2])
        assert (await watcher.look()).status == "ready"
        gone = watcher
    look = await gone_look(gone)
    assert look.status is None
    assert look.incidents is None
    assert any("cannot be reached" in one.told or "closed" in one.told for one in look.problems)
    async with serve(make_api([FakeProbe()]), port), looking(f"http://127.0.0.1:{port}") as again:
        assert (await again.look()).status == "ready"


async def gone_look(watcher: Gatherer) -> Look:
    async with open_api(watcher.api.endpoint) as api:
        return await gatherer(api, watcher.me).look()


async def test_a_wrong_key_ends_it_at_once() -> None:
    async with installation() as (served, _, _known):
        with pytest.raises(ConfigurationError, match="does not accept the key"):
            async with looking(served.url, "nobody"):
                pass


async def test_an_answer_of_another_form_is_a_problem_of_its_section() -> None:
    async with installation() as (served, _, known), looking(served.url) as watcher:
        known.investigation_rows["acme"] = [ongoing("inv_1", InvestigationState.COMPLETED)]
        look = await watcher.look()
    assert look.investigations is None
    assert [one.section for one in look.problems] == ["investigations"]
    assert "this version does not know" in look.problems[0].told


class Terminal:
    """A command in a terminal of its own, of 100 by 30."""

    def __init__(self, home: Path, *arguments: str, piped: bool = False) -> None:
        main, self._side = pty.openpty()
        self._main = main
        fcntl.ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.text = ""
        self._arguments = arguments
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")},
            "TERM": "xterm-256color",
            "XDG_CONFIG_HOME": str(home),
            "TOCSIN_API_KEY": "acme.admin",
        }
        self._env.pop("NO_COLOR", None)
        self._piped = piped
        os.set_blocking(main, False)

    async def __aenter__(self) -> Self:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "infra.cli.main",
            "top",
            *self._arguments,
            stdin=self._side,
            stdout=asyncio.subprocess.PIPE if self._piped else self._side,
            stderr=self._side,
            env=self._env,
            preexec_fn=self._take_terminal,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        os.close(self._main)
        os.close(self._side)

    def _take_terminal(self) -> None:
        os.setsid()
        fcntl.ioctl(self._side, termios.TIOCSCTTY, 0)

    def type(self, keys: bytes) -> None:
        os.write(self._main, keys)

    async def until(self, met: Callable[[str], bool]) -> str:
        async with asyncio.timeout(DEADLINE_S):
            while not met(self.text):
                self._read()
                assert self.process.returncode is None or met(self.text), self.text
                await asyncio.sleep(0.05)
        return self.text

    async def ended(self) -> int:
        async with asyncio.timeout(DEADLINE_S):
            while self.process.returncode is None:
                self._read()
                await asyncio.sleep(0.05)
        self._read()
        return self.process.returncode

    def _read(self) -> None:
        try:
            while True:
                self.text += os.read(self._main, 65_536).decode(errors="replace")
        except OSError:
            pass


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
