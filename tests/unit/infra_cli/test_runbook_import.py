"""Runbooks brought in from a folder and from the web, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.cli.remote.client import ApiClient
from infra.cli.remote.place import Endpoint
from infra.cli.runbooks.addresses import ForbiddenAddressError, check_url, is_public
from infra.cli.runbooks.folder import read_folder
from infra.cli.runbooks.found import Read, Refused, Unchanged, runbook_id
from infra.cli.runbooks.keeping import keep_runbook, known_runbooks
from infra.cli.runbooks.memo import read_memo, write_memo
from infra.cli.runbooks.page import BODY_CHARS, page_of_html, page_of_markdown
from infra.cli.runbooks.web import Stamp, WebReader
from tests.fakes.api import client_of, make_api


def test_front_matter_says_title_and_services() -> None:
    page = page_of_markdown(
        "---\ntitle: Cart\nservices: [cart, db]\nurl: https://w/x\n---\n# Other\ntext", "f"
    )
    assert (page.title, page.services, page.url, page.body) == (
        "Cart",
        ("cart", "db"),
        "https://w/x",
        "# Other\ntext",
    )
    listed = page_of_markdown("---\nservices:\n  - cart\n  - db\n---\nx", "f")
    assert (listed.title, listed.services) == ("f", ("cart", "db"))


def test_without_it_the_heading_and_a_line_do() -> None:
    page = page_of_markdown("# When cart is slow\n\n**Services:** cart, `db`\n", "f")
    assert (page.title, page.services) == ("When cart is slow", ("cart", "db"))


def test_what_is_too_long_is_cut() -> None:
    assert page_of_markdown("x" * (BODY_CHARS + 1), "f").cut
    assert not page_of_markdown("x" * BODY_CHARS, "f").cut


def test_a_page_is_its_text() -> None:
    page = page_of_html("<title>T</title><script>no()</script><h2>Do</h2><ul><li>a<li>b</ul>", "f")
    assert (page.title, page.body) == ("T", "## Do\n\n- a\n- b")


def test_a_folder_is_read_and_what_cannot_be_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "secret.md"
    outside.write_text("secret")
    folder = tmp_path / "books"
    (folder / "sub").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "x.md").write_text("hidden")
    (folder / "sub" / "a-b.md").write_text("text")
    (folder / "bad.md").write_bytes(b"\xff\xfe")
    (folder / "empty.md").write_text(" ")
    (folder / "link.md").symlink_to(outside)
    found = list(read_folder(folder, "books", "https://wiki/"))
    refused = {one.source for one in found if isinstance(one, Refused)}
    (read,) = (one for one in found if isinstance(one, Read))
    assert refused == {"bad.md", "empty.md", "link.md"}
    assert (read.page.title, read.page.url) == ("a b", "https://wiki/sub/a-b.md")
    assert read.name == runbook_id("books", "sub/a-b.md")


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "192.168.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "::1",
            "fe80::1%eth0",
        ),
        *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fd00::1", "not an address"),
    ],
)
def test_private_addresses_are_told_apart(address: str) -> None:
    assert not is_public(address)


def test_public_ones_too() -> None:
    assert is_public("1.1.1.1")
    assert is_public("2606:4700:4700::1111")


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://h/x", "gopher://h", "http://u:p@h/", "http:///x"]
)
def test_only_plain_web_addresses_are_read(url: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        check_url(httpx.URL(url))


class _Wiki(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.headers.get("If-None-Match") == '"1"':
            self._answer(304, b"")
        elif self.path == "/book":
            self._answer(200, b"# Cart\ntext", ETag='"1"')
        elif self.path == "/to-book":
            self._answer(302, b"", Location="/book")
        elif self.path == "/loop":
            self._answer(302, b"", Location="/loop")
        elif self.path == "/inside":
            self._answer(302, b"", Location="file:///etc/passwd")
        elif self.path == "/large":
            self._answer(200, b"x" * 1_100_000)
        elif self.path == "/image":
            self._answer(200, b"x", **{"Content-Type": "image/png"})
        else:
            self._answer(404, b"")

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": "text/markdown",
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if status != 304:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing is logged."""


@contextmanager
def wiki() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Wiki) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://wiki.example:{server.server_address[1]}"
        server.shutdown()


async def _here(host: str, port: int) -> Sequence[str]:
    del host, port
    return ["127.0.0.1"]


async def test_the_web_is_read_within_its_limits() -> None:
    with wiki() as at:
        reader = WebReader(allow_private=True, lookup=_here)
        paths = ("/book", "/to-book", "/loop", "/inside", "/large", "/image", "/none")
        found = await reader.read([f"{at}{path}" for path in paths])
        again = await reader.read([f"{at}/book"], frozenset({runbook_id("web", f"{at}/book")}))
        lost = await reader.read([f"{at}/book"])
    assert [type(one) for one in found] == [Read, Read, *[Refused] * 5]
    assert [type(one) for one in (*again, *lost)] == [Unchanged, Read]
    assert isinstance(found[0], Read)
    assert (found[0].page.title, found[0].page.url) == ("Cart", f"{at}/book")


async def test_a_name_that_stands_for_a_private_address_is_not_read() -> None:
    with wiki() as at:
        (refused,) = await WebReader(lookup=_here).read([f"{at}/book"])
    assert isinstance(refused, Refused)
    assert "--allow-private" in refused.why


def test_the_memo_survives_and_its_loss_is_harmless(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "memo.json"
    assert read_memo(file, "a") == {}
    write_memo(file, "a", {"u": Stamp('"1"', "then")})
    write_memo(file, "b", {})
    assert read_memo(file, "a") == {"u": Stamp('"1"', "then")}
    file.write_text("{")
    assert read_memo(file, "a") == {}


async def test_runbooks_are_kept_once_and_changed_where_they_differ() -> None:
    first, then = (
        Read("a.md", runbook_id("c", "a.md"), page_of_markdown(text, "a")) for text in ("one", "two")
    )
    async with client_of(make_api()) as http:
        api = ApiClient(http, Endpoint("http://api", "k", "the test"))
        outcomes = [await keep_runbook(api, read, await known_runbooks(api)) for read in (first, first, then)]
        (kept,) = (await known_runbooks(api)).values()
        path = f"/v1/runbooks/{first.name}"
        taken = await http.put(path, json={"title": "t", "body": "b"}, headers={"If-None-Match": "*"})
    assert outcomes == ["created", "same", "replaced"]
    assert (kept["runbook_id"], kept["body"]) == (first.name, "two")
    assert taken.status_code == 412
