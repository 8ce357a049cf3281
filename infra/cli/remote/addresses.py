"""Addresses of an API as people write them."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from schemas.errors import InvalidRequestError

__all__ = ["checked_url", "is_loopback", "is_open"]

_CURE: Final = "Write it as https://host or http://host:port."


def checked_url(text: str) -> str:
    """Return the address without a slash at its end. Raises InvalidRequestError where it is none."""
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise InvalidRequestError(f"{text!r} is no address: {error}", cure=_CURE) from error
    if not known or text.strip() != text:
        raise InvalidRequestError(f"{text!r} is no address of an API", cure=_CURE)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidRequestError(
            "the address of an API has no user, password or query in it",
            cure=f"{_CURE} The key is given apart, with --key-file or --keyring.",
        )
    return text.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether the address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_open(url: str) -> bool:
    """Whether a key sent there can be read on the way."""
    return url.startswith("http:") and not is_loopback(url)
