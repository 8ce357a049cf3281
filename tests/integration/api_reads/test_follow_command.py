"""`tocsin follow` over a real server, through a connection that is cut in the middle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from infra.cli.event_stream import EventStream
from infra.cli.follow import Show, _as_json, _for_people, follow_investigation
from infra.cli.remote.place import Endpoint
from schemas.errors import ConfigurationError, InvalidRequestError, NotFoundError, UnavailableError
from schemas.events import Event, InvestigationState, Report
from tests.fakes.api import make_api
from tests.fakes.api_reads import Said, SpokenFeed, TablesInMemory, make_reads
from tests.fakes.full_events import evidence, report, request, status
from tests.integration.api_reads.serving import serve


async def _follow(
    url: str, key: str, investigation: str, patience_s: float, show: Show
) -> InvestigationState:
    return await follow_investigation(Endpoint(url, key, "the test"), investigation, patience_s, show)


def _life(state: InvestigationState = InvestigationState.COMPLETED) -> list[Event]:
    return [
        status("acme", step="plan"),
        evidence("acme"),
        report("acme", evidence_count=1, markdown="# It was the cart"),
        status("acme", state=state, step="", progress=1.0),
    ]


def _said(events: list[Event]) -> list[Said]:
    """Each topic's offsets count from 0."""
    counts: dict[str, int] = {}
    said = []
    for event in events:
        offset = counts.get(event.TOPIC, 0)
        counts[event.TOPIC] = offset + 1
        said.append(Said(event.TOPIC, offset, event))
    return said


def _known(said: list[Said]) -> TablesInMemory:
    return TablesInMemory(said=said)


def _feed() -> SpokenFeed:
    feed = SpokenFeed()
    feed.expect(request("acme"))
    return feed


async def _cut_in_the_middle(port: int, said: list[Said], served: asyncio.Event) -> AsyncIterator[int]:
    """A server that is stopped after the first two events, and one at the same place that has all."""
    first = make_api(reads=make_reads(_known(said[:2]), _feed()))
    async with serve(first, port) as running:
        yield int(running.url.rsplit(":", 1)[1])
        await served.wait()
    async with serve(make_api(reads=make_reads(_known(said), _feed())), int(running.url.rsplit(":", 1)[1])):
        yield 0


async def test_a_cut_connection_is_resumed_where_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(_life())
    half = asyncio.Event()
    servers = _cut_in_the_middle(0, said, half)
    port = await anext(servers)
    following = asyncio.create_task(_follow(f"http://127.0.0.1:{port}", "acme.sre", "inv_1", 60, _as_json))
    lines = await _lines(capsys, 2)
    half.set()
    assert await anext(servers) == 0
    state = await asyncio.wait_for(following, 60)
    lines += _printed(capsys)
    with pytest.raises(StopAsyncIteration):
        await anext(servers)

    told = [json.loads(line) for line in lines]
    assert state is InvestigationState.COMPLETED
    assert sorted(one["event"] for one in told) == ["end", "evidence", "report", "status", "status"]
    assert len({one["id"] for one in told[:-1]}) == 4


def _printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The server logs to the same place."""
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


async def _lines(capsys: pytest.CaptureFixture[str], wanted: int) -> list[str]:
    lines: list[str] = []
    async with asyncio.timeout(60):
        while len(lines) < wanted:
            lines += _printed(capsys)
            await asyncio.sleep(0.02)
    return lines


async def test_a_person_reads_steps_findings_and_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    async with serve(make_api(reads=make_reads(_known(_said(_life())), _feed()))) as served:
        state = await _follow(served.url, "acme.sre", "inv_1", 5, _for_people)

    shown = capsys.readouterr()
    assert state is InvestigationState.COMPLETED
    assert "It was the cart" in shown.out
    assert "running: plan" in shown.err
    assert "[kpis]" in shown.err


async def test_an_investigation_that_failed_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    life = [event for event in _life(InvestigationState.FAILED) if not isinstance(event, Report)]
    async with serve(make_api(reads=make_reads(_known(_said(life)), _feed()))) as served:
        state = await _follow(served.url, "acme.sre", "inv_1", 5, _as_json)

    assert state is InvestigationState.FAILED
    assert json.loads(_printed(capsys)[-1])["data"] == {"state": "failed"}


@pytest.mark.parametrize(
    ("key", "investigation", "error"),
    [
        ("nobody", "inv_1", ConfigurationError),
        ("acme.finops", "inv_1", ConfigurationError),
        ("acme.sre", "inv_9", NotFoundError),
        ("other.sre", "inv_1", NotFoundError),
        ("acme.sre", "../reports", NotFoundError),
    ],
)
async def test_what_will_not_be_answered_is_not_asked_again(
    key: str, investigation: str, error: type[Exception]
) -> None:
    async with serve(make_api(reads=make_reads(_known(_said(_life())), _feed()))) as served:
        with pytest.raises(error):
            await _follow(served.url, key, investigation, 60, _as_json)


async def test_nobody_there_is_given_up_after_the_patience() -> None:
    with pytest.raises(UnavailableError):
        await _follow("http://127.0.0.1:9", "acme.sre", "inv_1", 0, _as_json)


async def test_no_address_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        await _follow("ftp://x", "acme.sre", "inv_1", 5, _as_json)


async def test_a_stream_is_read_as_the_standard_says() -> None:
    """Comments, several data lines, an id that stays, a retry time, a last event without an end."""
    text = (
        ": hello\nretry: 20\n\nid: 1\nevent: a\ndata: x\ndata: y\n\ndata: z\n\nid: 7\n\nevent: cut\ndata: off"
    )
    asked: list[str | None] = []
    waited: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("last-event-id"))
        return httpx.Response(200, text=text) if len(asked) == 1 else httpx.Response(204)

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://api") as client:
        stream = EventStream(client, "/x", 5, sleep, lambda _: None)
        events = [(event.name, event.id, event.data) async for event in stream.events()]

    assert events == [("a", "1", "x\ny"), ("message", "1", "z"), ("end", "7", "{}")]
    assert asked == [None, "7"]
    assert waited == [0.02]


async def test_what_passes_is_waited_for_longer_each_time() -> None:
    statuses = iter([503, 429, 500, 204])
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    transport = httpx.MockTransport(lambda _: httpx.Response(next(statuses)))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        stream = EventStream(client, "/x", 60, sleep, lambda _: None)
        events = [event.name async for event in stream.events()]

    assert (events, waited) == (["end"], [1.0, 2.0, 4.0])
