"""Commands of a person who has an address and a key: over a real server, TLS included."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import uvicorn
from typer.testing import CliRunner, Result

from api.app import create_app
from api.http.views import CostGroupView, InvestigationView
from api.read_ports import CostAnswer
from infra.cli.main import app
from infra.cli.remote.client import ApiClient, open_api
from infra.cli.remote.completion import incident_ids, investigation_ids
from infra.cli.remote.place import Endpoint
from schemas.errors import (
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    RateLimitedError,
    TocsinError,
    UnavailableError,
)
from schemas.events import InvestigationState, Verdict
from tests.fakes import full_events as full
from tests.fakes.api import Bucket, make_api
from tests.fakes.api_reads import Said, SpokenFeed, TablesInMemory, make_reads
from tests.fakes.certificates import make_authority
from tests.fakes.html_reading import read_page, read_svg
from tests.integration.api_reads.serving import serve


@dataclass(frozen=True, slots=True)
class Desk:
    """A person's shell: every variable that could say where to ask is gone."""

    url: str
    key: str = "acme.admin"

    async def run(self, *arguments: str, **environ: str) -> Result:
        """Run a command in a thread, while the server answers in this loop. Raises the command's TocsinError."""
        env = {"TOCSIN_URL": self.url, "TOCSIN_API_KEY": self.key, "COLUMNS": "200", **environ}
        done = await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env=env)
        if isinstance(done.exception, TocsinError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done

    async def json(self, *arguments: str, **environ: str) -> list[Any]:
        done = await self.run(*arguments, "--json", **environ)
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("TOCSIN_URL", "TOCSIN_API_URL", "TOCSIN_CONTEXT", "TOCSIN_API_KEY", "TOCSIN_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The server runs in this process: what it logs would be in what the command prints."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def tables() -> TablesInMemory:
    ended = InvestigationView.queued(full.request("acme")).model_copy(
        update={
            "state": InvestigationState.COMPLETED,
            "verdict": Verdict.CAUSE_FOUND,
            "headline": "the [cart]",
        }
    )
    group = CostGroupView(
        key="big",
        entries=2,
        unpriced=1,
        cost_nano_usd=5_000_000,
        tokens={"input_uncached": 10, "cache_read": None, "output": 3},
        rows_read=None,
        duration_ms=1,
    )
    return TablesInMemory(
        incident_rows=[full.incident("acme", "inc_1"), full.incident("acme", "inc_2", title="quiet")],
        investigation_rows={"acme": [ended]},
        evidence_rows=[full.evidence("acme", statement="cpu rose", score=7.256)],
        report_rows=[full.report("acme", markdown="# It was the cart")],
        cost_answer=CostAnswer((group,), group.model_copy(update={"key": ""}), False, "SELECT 1"),
    )


@asynccontextmanager
async def desk(over: TablesInMemory, **changed: Any) -> AsyncIterator[Desk]:
    api = make_api(reads=make_reads(over), **changed)
    api.clock.at = datetime.now(UTC)
    async with serve(api) as served:
        yield Desk(served.url)


async def test_incidents_come_with_their_verdict() -> None:
    async with desk(tables()) as here:
        first, second = await here.json("incidents")
        shown = (await here.run("incidents", "--open", "-s", "cart")).stdout

    assert (first["incident_id"], second["incident_id"]) == ("inc_1", "inc_2")
    assert first["report"] == {
        "investigation_id": "inv_1",
        "verdict": "cause_found",
        "headline": "the [cart]",
    }
    assert second["report"] is None
    assert "cause_found: the [cart]" in shown


async def test_filters_are_handed_on() -> None:
    known = tables()
    async with desk(known) as here:
        await here.run("incidents", "--open", "-s", "cart", "--since", "2026-11-20", "--limit", "7")
        incidents = known.asked[0]
        known.asked.clear()
        await here.run("costs", "--by", "step", "--model", "big", "--investigation", "inv_1")
        (costs,) = known.asked
        known.asked.clear()
        await here.run("evidence", "inv_1", "--step", "kpis")
        (evidence,) = known.asked

    assert (incidents.service, incidents.limit) == ("cart", 7)
    assert "closed" not in incidents.transitions
    assert f"{incidents.start:%Y-%m-%d}" == "2026-11-20"
    assert costs.by == "step"
    assert {name: value for name, value in costs.only.items() if value} == {
        "model": "big",
        "investigation_id": "inv_1",
    }
    assert (evidence.investigation_id, evidence.steps, evidence.descending) == ("inv_1", ("kpis",), False)


async def test_nothing_there_says_so() -> None:
    async with desk(TablesInMemory()) as here:
        assert await here.json("incidents") == []
        assert "none in this time" in (await here.run("incidents")).stdout
        with pytest.raises(NotFoundError, match="no report"):
            await here.run("report")


async def test_evidence_costs_and_reports_are_shown_as_at_home() -> None:
    async with desk(tables()) as here:
        (finding,) = await here.json("evidence", "inv_1")
        shown = (await here.run("evidence", "inv_1")).stdout
        (costs,) = await here.json("costs")
        money = (await here.run("costs")).stdout
        sql = (await here.run("costs", "--sql")).stdout
        (report,) = await here.json("report")
        page = (await here.run("report", "inv_1", "--format", "markdown")).stdout

    assert (finding["statement"], finding["investigation_id"]) == ("cpu rose", "inv_1")
    assert " 7.3 " in shown
    assert (costs["by"], costs["total"]["cost_nano_usd"], set(costs)) == (
        "model",
        5_000_000,
        {"by", "groups", "total"},
    )
    assert "$0.005000" in money
    assert sql == "SELECT 1\n"
    assert (report["investigation_id"], report["tenant"]) == ("inv_1", "acme")
    assert page == "# It was the cart\n"


async def test_a_report_is_written_to_files_as_at_home(tmp_path: Path) -> None:
    async with desk(tables()) as here:
        await here.run("report", "inv_1", "--out", str(tmp_path / "page.html"))
        await here.run("report", "inv_1", "--form", "postmortem", "--out", str(tmp_path / "ticket.md"))
        shown = (await here.run("report", "inv_1", "--form", "postmortem")).stdout

    read_page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "(inv_1/figures/1.svg)" in (tmp_path / "ticket.md").read_text(encoding="utf-8")
    read_svg((tmp_path / "inv_1" / "figures" / "1.svg").read_text(encoding="utf-8"))
    read_svg((tmp_path / "inv_1" / "topology.svg").read_text(encoding="utf-8"))
    assert "Postmortem, draft" in shown


async def test_findings_are_followed_as_they_are_made() -> None:
    life = [full.status("acme"), full.evidence("acme", statement="cpu rose"), full.report("acme")]
    last = full.status("acme", state=InvestigationState.COMPLETED, step="", progress=1.0)
    said = [Said(event.TOPIC, 0, event) for event in life] + [Said(last.TOPIC, 1, last)]
    feed = SpokenFeed()
    feed.expect(full.request("acme"))
    async with serve(make_api(reads=make_reads(TablesInMemory(said=said), feed))) as served:
        here = Desk(served.url)
        shown = (await here.run("evidence", "inv_1", "--follow")).stdout
        lines = await here.json("evidence", "inv_1", "--follow")
        with pytest.raises(InvalidRequestError, match="which investigation"):
            await here.run("evidence", "--follow")

    assert "[kpis] cpu rose" in shown
    assert [one["statement"] for one in lines] == ["cpu rose"]


async def test_a_list_is_read_page_by_page_up_to_the_limit() -> None:
    """The API gives 500 at most; its cursors lead on, with the same filters."""
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        parameters = dict(request.url.params)
        asked.append(parameters)
        first = int(parameters.get("cursor", 0))
        count = int(parameters["limit"])
        items = [{"n": number} for number in range(first, min(first + count, 1_200))]
        following = first + count
        return httpx.Response(
            200, json={"items": items, "next_cursor": str(following) if following < 1_200 else None}
        )

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://api") as client:
        api = ApiClient(client, Endpoint("http://api", "k", "the test"))
        some = await api.rows("/v1/x", {"open": True, "service": ""}, 700)
        everything = await api.rows("/v1/x", {}, 10_000)

    assert [one["n"] for one in some] == list(range(700))
    assert [one["n"] for one in everything] == list(range(1_200))
    assert [one["limit"] for one in asked[:2]] == ["500", "200"]
    assert asked[0] == {"open": "true", "limit": "500"}
    assert asked[1]["open"] == "true"


async def test_a_context_needs_neither_address_nor_key(home: Path) -> None:
    key = home / "key"
    key.write_text("acme.admin")
    async with desk(tables()) as here:
        none = {"TOCSIN_URL": "", "TOCSIN_API_KEY": ""}
        await here.run("context", "add", "far", "--url", here.url, "--key-file", str(key), **none)
        named = await here.json("incidents", "--context", "far", **none)
        await here.run("context", "use", "far", **none)
        used = await here.json("incidents", **none)
        (shown,) = await here.json("context", "show", "--check", **none)
        with pytest.raises(UnavailableError, match="no stack runs"):
            await here.run("incidents", "--context", "local", **none)
        with pytest.raises(UnavailableError, match="no stack runs"):
            await here.run("incidents", "--data", str(home), **none)

    assert named == used != []
    assert (shown["tenant"], shown["roles"], shown["in_use"]) == ("acme", ["admin"], True)
    assert "costs" in shown["permissions"]


async def test_ids_are_completed_from_where_the_command_would_ask() -> None:
    async with desk(tables()) as here:
        context = type("Context", (), {"params": {"url": here.url, "key": here.key}})
        incidents = await asyncio.to_thread(incident_ids, context, "inc_")
        investigations = await asyncio.to_thread(investigation_ids, context, "inv_")
        none = await asyncio.to_thread(incident_ids, context, "inv_")

    assert [name for name, _ in incidents] == ["inc_1", "inc_2"]
    assert incidents[1][1] == "quiet"
    assert investigations[0][0] == "inv_1"
    assert investigations[0][1].startswith("completed: ")
    assert none == []


@pytest.mark.parametrize(
    ("key", "arguments", "error", "told"),
    [
        (
            "nobody",
            ("incidents",),
            ConfigurationError,
            "does not accept the key from --key or TOCSIN_API_KEY",
        ),
        ("acme.viewer", ("costs",), ConfigurationError, "needs the permission `costs`"),
        ("acme.viewer", ("evidence", "inv_1"), ConfigurationError, "needs the permission `evidence`"),
        ("acme.admin", ("report", "inv_9"), NotFoundError, "answers 404"),
        ("other.admin", ("report", "inv_1"), NotFoundError, "answers 404"),
        ("acme.admin", ("report", "../incidents"), NotFoundError, "answers 404"),
        ("acme.admin", ("costs", "--model", "x" * 300), InvalidRequestError, "model: "),
        ("acme.admin", ("costs", "--all-tenants"), InvalidRequestError, "that of the key"),
        ("acme.admin", ("incidents", "--tenant", "other"), InvalidRequestError, "that of the key"),
    ],
)
async def test_what_is_refused_says_why_and_what_to_do(
    key: str, arguments: tuple[str, ...], error: type[TocsinError], told: str
) -> None:
    async with desk(tables()) as here:
        with pytest.raises(error) as refused:
            await Desk(here.url, key).run(*arguments)

    assert told in str(refused.value)
    assert refused.value.cure or error is InvalidRequestError
    assert key not in f"{refused.value} {refused.value.cure}"


async def test_too_much_and_away_can_be_tried_again() -> None:
    async with desk(tables(), limiter=Bucket(left=0)) as here:
        with pytest.raises(RateLimitedError):
            await here.run("incidents")
    async with desk(TablesInMemory(failure=UnavailableError("ClickHouse is away"))) as here:
        with pytest.raises(UnavailableError, match="503"):
            await here.run("incidents")


async def test_nobody_there_is_told_in_the_systems_own_words() -> None:
    with pytest.raises(UnavailableError, match="Connection refused") as refused:
        await Desk("http://127.0.0.1:1").run("incidents")
    assert "/health" in refused.value.cure
    with pytest.raises(UnavailableError, match=r"Name or service not known|Temporary failure in name"):
        await Desk("http://tocsin.invalid").run("incidents")


@asynccontextmanager
async def _answering(answer: bytes) -> AsyncIterator[str]:
    """Yield the host and port of something that gives every request the same bytes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nNope",
        b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_something_else_that_answers_is_recognised(answer: bytes) -> None:
    async with _answering(answer) as where:
        with pytest.raises(ConfigurationError, match="no API of Tocsin"):
            await Desk(f"http://{where}").run("incidents")


async def test_a_connection_that_breaks_off_can_be_tried_again() -> None:
    async with _answering(b"") as where:
        with pytest.raises(UnavailableError, match="broke off"):
            await Desk(f"http://{where}").run("incidents")


@asynccontextmanager
async def over_tls(folder: Path, host: str) -> AsyncIterator[tuple[str, Path]]:
    """Serve the API with a certificate for `host`; yield its address at localhost, and the authority's file."""
    authority = make_authority(folder, "authority")
    identity = authority.issue("server", host)
    api = make_api(reads=make_reads(tables()))
    api.clock.at = datetime.now(UTC)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            create_app(api.options, api.deps),
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=2,
            ssl_certfile=str(identity.certificate),
            ssl_keyfile=str(identity.key),
            ssl_keyfile_password=identity.password,
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn tells it by this flag alone
                await asyncio.sleep(0.01)
            yield f"https://localhost:{listener.getsockname()[1]}", authority.file
        finally:
            server.should_exit = True
            await serving


async def test_an_authority_of_ones_own_is_trusted_by_name(home: Path) -> None:
    async with over_tls(home / "tls", "localhost") as (url, authority):
        here = Desk(url)
        with pytest.raises(ConfigurationError, match="is not trusted") as refused:
            await here.run("incidents")
        with pytest.raises(ConfigurationError, match="is not trusted"):
            await here.run("follow", "inv_1")
        key = home / "key"
        key.write_text(here.key)
        added = ("context", "add", "far", "--url", url, "--key-file", str(key), "--ca-file", str(authority))
        await here.run(*added)
        found = await here.json("incidents", "--context", "far", TOCSIN_URL="")
        with pytest.raises(ConfigurationError, match=r"wants TLS|no API of Tocsin|broke off"):
            await _refused_without_tls(url)

    assert "--ca-file" in refused.value.cure
    assert [one["incident_id"] for one in found] == ["inc_1", "inc_2"]


async def _refused_without_tls(url: str) -> None:
    """A server of TLS hangs up on plain HTTP, or says so, as it likes."""
    try:
        await Desk(url.replace("https:", "http:")).run("incidents")
    except UnavailableError as error:
        raise ConfigurationError(str(error)) from error


async def test_a_certificate_of_another_host_is_told(home: Path) -> None:
    async with over_tls(home / "tls", "elsewhere.example") as (url, authority):
        endpoint = Endpoint(url, "acme.admin", "the test", ca_file=authority)
        async with open_api(endpoint) as api:
            with pytest.raises(ConfigurationError, match="not valid for 'localhost'"):
                await api.get("/health")


async def test_tls_to_a_server_without_is_told() -> None:
    async with desk(tables()) as here:
        with pytest.raises(ConfigurationError, match="does not speak TLS") as refused:
            await Desk(here.url.replace("http:", "https:")).run("incidents")
    assert "http://" in refused.value.cure


async def test_plain_http_to_a_server_of_tls_is_told() -> None:
    page = b"<center>The plain HTTP request was sent to HTTPS port</center>"
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(page)
    async with _answering(head + page) as where:
        with pytest.raises(ConfigurationError, match="wants TLS") as refused:
            await Desk(f"http://{where}").run("incidents")
    assert "https://" in refused.value.cure


async def test_no_authorities_in_a_file_is_told(home: Path) -> None:
    (home / "ca.pem").write_text("none")
    with pytest.raises(ConfigurationError, match="no file of certificates"):
        async with open_api(Endpoint("https://x", "k", "the test", ca_file=home / "ca.pem")):
            pass
