"""What an API that refuses, or one that cannot be reached, is to the person at the command line: a cause and a cure."""

from __future__ import annotations

import os
import ssl
from http import HTTPStatus
from typing import Any, Final

import httpx
import orjson

from infra.cli.remote.place import Endpoint
from schemas.errors import (
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    RateLimitedError,
    TocsinError,
    UnavailableError,
)

__all__ = ["no_api", "of_response", "of_transport", "why_untrusted"]

_FORM: Final = "Write the address as http://host:port."
_PLAIN_TO_TLS: Final = (b"HTTPS port", b"HTTP request to an HTTPS server", b"requires TLS")


def of_response(status: int, body: bytes, endpoint: Endpoint) -> TocsinError:
    """Return the error that an answer with this status is."""
    problem = _problem(body)
    if status == HTTPStatus.UNAUTHORIZED:
        return ConfigurationError(
            f"{endpoint.name} does not accept the key from {endpoint.key_from}",
            cure="Was it revoked, has it expired, is it another installation's? `tocsin keys create` makes one there.",
        )
    if status == HTTPStatus.BAD_REQUEST and any(hint in body for hint in _PLAIN_TO_TLS):
        return ConfigurationError(f"{endpoint.name} wants TLS", cure="Write the address with https://.")
    if not problem and status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return no_api(endpoint, f"status {status}")
    kind, cure = _kind(status)
    return kind(_told(status, problem, endpoint), cure=str(problem.get("cure") or cure))


def _kind(status: int) -> tuple[type[TocsinError], str]:
    """Return the error, and what may help where the API says nothing of it."""
    match status:
        case HTTPStatus.FORBIDDEN:
            return ConfigurationError, "Use a key with another role."
        case HTTPStatus.NOT_FOUND:
            return NotFoundError, "`tocsin incidents` lists what there is for this key's tenant."
        case HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimitedError, "Wait a little."
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return UnavailableError, "Try again; `tocsin top` shows which part is away."
        case _:
            return InvalidRequestError, ""


def of_transport(error: httpx.HTTPError | httpx.InvalidURL, endpoint: Endpoint) -> TocsinError:
    """Return the error that no answer is."""
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return InvalidRequestError(f"{endpoint.url!r} is no address: {error}", cure=_FORM)
    untrusted = why_untrusted(error, endpoint)
    if untrusted is not None:
        return untrusted
    if isinstance(error, httpx.TimeoutException):
        why = "does not answer in time"
    elif isinstance(error, httpx.ConnectError):
        why = f"cannot be reached: {_innermost(error)}"
    else:
        why = f"broke off: {_innermost(error)}"
    return UnavailableError(
        f"{endpoint.name} {why}" + (f" ({endpoint.url})" if endpoint.context else ""),
        cure="Is the address right, and can this machine reach it? `curl ADDRESS/health` needs no key.",
    )


def why_untrusted(error: httpx.HTTPError, endpoint: Endpoint) -> ConfigurationError | None:
    """Return what is wrong with TLS; None where the error is of another kind."""
    found = next((one for one in _causes(error) if isinstance(one, ssl.SSLError)), None)
    if found is None:
        return None
    if isinstance(found, ssl.SSLCertVerificationError):
        return ConfigurationError(
            f"the certificate of {endpoint.url} is not trusted: {found.verify_message}",
            cure="Is it an authority of your own? `tocsin context add NAME --url URL --ca-file PEM` trusts it; "
            "so does SSL_CERT_FILE.",
        )
    return ConfigurationError(
        f"{endpoint.url} does not speak TLS as it should: {found.reason or found}",
        cure="Is it http:// there? Or does a proxy in between end the connection?",
    )


def no_api(endpoint: Endpoint, found: str) -> ConfigurationError:
    """Return the error that an answer of something else is."""
    return ConfigurationError(
        f"what answers at {endpoint.url} is no API of Tocsin ({found})",
        cure="`tocsin status`, where it runs, tells the API's address; a proxy may want a path in it.",
    )


def _problem(body: bytes) -> dict[str, Any]:
    """Return the problem document (RFC 9457); empty where the body is none of ours."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) and "type" in value and "status" in value else {}


def _told(status: int, problem: dict[str, Any], endpoint: Endpoint) -> str:
    detail = problem.get("detail") or problem.get("title") or "no reason"
    faults = [
        f"\n  {one.get('parameter') or one.get('pointer') or ''}: {one.get('detail', '')}"
        for one in problem.get("errors", ())
    ]
    return f"{endpoint.name} answers {status}: {detail}" + "".join(faults)


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _innermost(error: BaseException) -> str:
    """The operating system's own words, where there are any: `All connection attempts failed` says nothing."""
    for one in _causes(error):
        if isinstance(one, OSError) and one.errno:
            # Of names that are not found (negative) only the error itself knows the words; asyncio has its own for others.
            return os.strerror(one.errno) if one.errno > 0 else str(one.strerror)
    return str(error) or type(error).__name__
