"""Commands of a person who has an address and a key: who is refused, and servers that do not answer as they should; TLS included."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.cli.remote.client import open_api
from infra.cli.remote.place import Endpoint
from schemas.errors import (
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    RateLimitedError,
    TocsinError,
    UnavailableError,
)
from tests.fakes.api import Bucket, make_api
from tests.fakes.api_reads import TablesInMemory, make_reads
from tests.fakes.certificates import make_authority
from tests.fakes.person import Person
from tests.integration.api_reads.from_afar import desk, tables
from tests.integration.api_reads.serving import serve

pytestmark = pytest.mark.usefixtures("home")


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
            await Person(here.url, key).run(*arguments)

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
        await Person("http://127.0.0.1:1").run("incidents")
    assert "/health" in refused.value.cure
    with pytest.raises(UnavailableError, match=r"Name or service not known|Temporary failure in name"):
        await Person("http://tocsin.invalid").run("incidents")


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
            await Person(f"http://{where}").run("incidents")


async def test_a_connection_that_breaks_off_can_be_tried_again() -> None:
    async with _answering(b"") as where:
        with pytest.raises(UnavailableError, match="broke off"):
            await Person(f"http://{where}").run("incidents")


@asynccontextmanager
async def over_tls(folder: Path, host: str) -> AsyncIterator[tuple[str, Path]]:
    """Serve the API with a certificate for `host`; yield its address at localhost, and the authority's file."""
    authority = make_authority(folder, "authority")
    identity = authority.issue("server", host)
    api = make_api(reads=make_reads(tables()))
    api.clock.at = datetime.now(UTC)
    async with serve(api, identity=identity) as served:
        yield served.url.replace("127.0.0.1", "localhost"), authority.file


async def test_an_authority_of_ones_own_is_trusted_by_name(home: Path) -> None:
    async with over_tls(home / "tls", "localhost") as (url, authority):
        here = Person(url)
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
        await Person(url.replace("https:", "http:")).run("incidents")
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
            await Person(here.url.replace("http:", "https:")).run("incidents")
    assert "http://" in refused.value.cure


async def test_plain_http_to_a_server_of_tls_is_told() -> None:
    page = b"<center>The plain HTTP request was sent to HTTPS port</center>"
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(page)
    async with _answering(head + page) as where:
        with pytest.raises(ConfigurationError, match="wants TLS") as refused:
            await Person(f"http://{where}").run("incidents")
    assert "https://" in refused.value.cure


async def test_no_authorities_in_a_file_is_told(home: Path) -> None:
    (home / "ca.pem").write_text("none")
    with pytest.raises(ConfigurationError, match="no file of certificates"):
        async with open_api(Endpoint("https://x", "k", "the test", ca_file=home / "ca.pem")):
            pass
