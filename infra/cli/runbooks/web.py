"""Runbooks of the web: each address read once, within limits of size and time, only where it has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

from infra.cli.runbooks.addresses import ForbiddenAddressError, Resolve, pinned, resolve
from infra.cli.runbooks.found import Found, Read, Refused, Unchanged, runbook_id
from infra.cli.runbooks.page import page_of_html, page_of_markdown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["COLLECTION", "Stamp", "WebReader"]

COLLECTION: Final = "web"

_MOST_BYTES: Final = 1_048_576
_MOST_REDIRECTS: Final = 5
_AT_ONCE: Final = 4
_TIMEOUT_S: Final = 20.0
_TEXTS: Final = frozenset({"text/markdown", "text/plain", "text/x-markdown", "application/markdown", ""})
_PAGES: Final = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a server said of the state of a page, to ask it next time whether that has changed."""

    etag: str = ""
    modified: str = ""

    def conditions(self) -> Mapping[str, str]:
        named = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in named.items() if value}


@dataclass(slots=True)
class WebReader:
    """Reads addresses. `stamps` holds what was said the last time, and afterwards what is said now."""

    stamps: dict[str, Stamp] = field(default_factory=dict)
    allow_private: bool = False
    timeout_s: float = _TIMEOUT_S
    lookup: Resolve = resolve

    async def read(self, urls: Sequence[str], kept: frozenset[str] = frozenset()) -> list[Found]:
        """Return what is at each address, in their order. Those in `kept` are asked only whether they have changed."""
        few = asyncio.Semaphore(_AT_ONCE)

        async def one(url: str) -> Found:
            async with few:
                return await self._one(url, kept)

        # Not through a proxy: behind one nobody could say which machine answers.
        async with httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(self.timeout_s)) as client:
            self._client = client
            return list(await asyncio.gather(*(one(url) for url in urls)))

    _client: httpx.AsyncClient = field(init=False, repr=False)

    async def _one(self, url: str, kept: frozenset[str]) -> Found:
        name = runbook_id(COLLECTION, url)
        known = self.stamps.get(url, Stamp()) if name in kept else Stamp()
        try:
            async with asyncio.timeout(self.timeout_s), self._answer(httpx.URL(url), known) as response:
                return await self._found(url, name, response)
        except ForbiddenAddressError as error:
            return Refused(url, str(error))
        except TimeoutError:
            return Refused(url, f"it takes longer than {self.timeout_s:.0f} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Refused(url, f"it cannot be read: {str(error) or type(error).__name__}")

    @asynccontextmanager
    async def _answer(self, url: httpx.URL, known: Stamp) -> AsyncIterator[httpx.Response]:
        """The answer after redirects, each of which is checked as the first address was."""
        for _ in range(_MOST_REDIRECTS + 1):
            async with self._asked(url, known) as response:
                if not response.has_redirect_location:
                    yield response
                    return
                onward = url.join(response.headers["location"])
            if url.scheme == "https" and onward.scheme != "https":
                raise ForbiddenAddressError("it leads from https to http")
            url = onward
        raise ForbiddenAddressError(f"it leads on more than {_MOST_REDIRECTS} times")

    @asynccontextmanager
    async def _asked(self, url: httpx.URL, known: Stamp) -> AsyncIterator[httpx.Response]:
        """Connect to the address that was checked: the name is not looked up a second time."""
        address = await pinned(url, self.lookup, allow_private=self.allow_private)
        request = self._client.build_request(
            "GET",
            url.copy_with(host=address),
            headers={
                "Host": url.netloc.decode("ascii"),
                "Accept": "text/markdown, text/plain, text/html;q=0.5",
                "Accept-Encoding": "identity",
                **known.conditions(),
            },
            extensions={"sni_hostname": url.host},
        )
        response = await self._client.send(request, stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    async def _found(  # noqa: PLR0911 - one way out for each reason to refuse
        self, url: str, name: str, response: httpx.Response
    ) -> Found:
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return Unchanged(url, name)
        if not response.is_success:
            return Refused(url, f"it answers {response.status_code}")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _TEXTS | _PAGES:
            return Refused(url, f"it is {kind}, neither Markdown nor a page")
        if response.headers.get("content-encoding", "identity") != "identity":
            return Refused(url, "it is compressed, though that was not asked for")
        text = await _text(response)
        if text is None:
            return Refused(url, f"it is larger than {_MOST_BYTES} bytes")
        page = page_of_html(text, url) if kind in _PAGES else page_of_markdown(text, url)
        if not page.body:
            return Refused(url, "there is nothing to read")
        self.stamps[url] = Stamp(response.headers.get("etag", ""), response.headers.get("last-modified", ""))
        return Read(url, name, type(page)(page.title, page.body, page.services, url, page.cut))


async def _text(response: httpx.Response) -> str | None:
    """The body, None where it is too large."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > _MOST_BYTES:
            return None
    try:
        return body.decode(response.charset_encoding or "utf-8", errors="replace")
    except LookupError:
        return body.decode("utf-8", errors="replace")
