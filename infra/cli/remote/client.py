"""Asking an API of Tocsin: JSON in, errors with their cure out."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import httpx
import orjson

from infra.cli.remote.place import Endpoint
from infra.cli.remote.refusals import no_api, of_response, of_transport
from schemas.errors import ConfigurationError

__all__ = ["ApiClient", "ask_api", "http_client", "open_api"]

_T = TypeVar("_T")

_PAGE: Final = 500
"""Rows of one page, as many as the API gives."""
_TIMEOUT_S: Final = 30.0
_CONNECT_S: Final = 10.0

Parameters = Mapping[str, str | int | bool | Sequence[str]]


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Asks one API. `open_api` opens and closes it.

    Every method may raise UnavailableError, RateLimitedError, ConfigurationError, NotFoundError, InvalidRequestError.
    """

    http: httpx.AsyncClient
    endpoint: Endpoint

    async def get(
        self, path: str, parameters: Parameters | None = None, *, also: int = 200
    ) -> dict[str, Any]:
        """Return the JSON object at the path; an answer with the status `also` is one, too."""
        asked = {name: value for name, value in (parameters or {}).items() if value not in ("", ())}
        response = await self._sent("GET", path, params=asked)
        if response.status_code not in (httpx.codes.OK, also):
            raise of_response(response.status_code, response.content, self.endpoint)
        return self._object(response)

    async def text(self, path: str, parameters: Parameters | None = None) -> str:
        """Return the text at the path: a page, a picture."""
        asked = {name: value for name, value in (parameters or {}).items() if value not in ("", ())}
        response = await self._sent("GET", path, params=asked)
        if response.status_code != httpx.codes.OK:
            raise of_response(response.status_code, response.content, self.endpoint)
        return response.text

    async def send(
        self,
        method: Literal["POST", "PUT"],
        path: str,
        body: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send a JSON object, and return the one that is answered."""
        response = await self._sent(method, path, json=body, headers=headers)
        if not response.is_success:
            raise of_response(response.status_code, response.content, self.endpoint)
        return self._object(response)

    async def rows(self, path: str, parameters: Parameters, limit: int) -> list[dict[str, Any]]:
        """Return the first `limit` items of a list, page by page."""
        found: list[dict[str, Any]] = []
        cursor: dict[str, str] = {}
        while len(found) < limit:
            asked = {**parameters, "limit": min(limit - len(found), _PAGE), **cursor}
            page = await self.get(path, asked)
            found += page.get("items", [])
            if not page.get("next_cursor"):
                break
            cursor = {"cursor": page["next_cursor"]}
        return found

    async def _sent(self, method: str, path: str, **what: Any) -> httpx.Response:
        try:
            return await self.http.request(method, path, **what)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise of_transport(error, self.endpoint) from error

    def _object(self, response: httpx.Response) -> dict[str, Any]:
        try:
            found = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise no_api(self.endpoint, response.headers.get("content-type", "no content type")) from None
        if not isinstance(found, dict):
            raise no_api(self.endpoint, "another JSON")
        return found


@asynccontextmanager
async def open_api(endpoint: Endpoint, timeout_s: float = _TIMEOUT_S) -> AsyncIterator[ApiClient]:
    """Yield a client of the API; connects when it is first asked."""
    async with http_client(endpoint, httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S))) as http:
        yield ApiClient(http, endpoint)


def http_client(endpoint: Endpoint, timeout: httpx.Timeout) -> httpx.AsyncClient:
    """Return a client that sends the key, and trusts whom the endpoint trusts. Raises ConfigurationError."""
    return httpx.AsyncClient(
        base_url=endpoint.url,
        headers={"Authorization": f"Bearer {endpoint.key}"},
        timeout=timeout,
        verify=_trusting(endpoint.ca_file) if endpoint.ca_file else True,
    )


def ask_api(
    endpoint: Endpoint, question: Callable[[ApiClient], Awaitable[_T]], timeout_s: float = _TIMEOUT_S
) -> _T:
    """Connect, ask, close. Blocks; raises what the methods of ApiClient raise."""

    async def asked() -> _T:
        async with open_api(endpoint, timeout_s) as api:
            return await question(api)

    return asyncio.run(asked())


def _trusting(ca_file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"{ca_file} is no file of certificates: {error.strerror or error}",
            cure="--ca-file wants a PEM file of the authorities to trust.",
        ) from error
