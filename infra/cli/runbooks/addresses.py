"""Which addresses may be asked for a runbook: public ones, unless a person says otherwise."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import httpx

__all__ = ["ForbiddenAddressError", "Resolve", "check_url", "is_public", "pinned", "resolve"]

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Addresses of a host, as texts. Raises OSError."""

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_TRANSLATED: Final = (
    ipaddress.ip_network("2002::/16"),
    ipaddress.ip_network("2001::/32"),
    ipaddress.ip_network("64:ff9b:1::/48"),
)


class ForbiddenAddressError(Exception):
    """An address that is not asked. Never leaves the import: it is told beside the source."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Satisfies Resolve by the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def check_url(url: httpx.URL) -> None:
    """Raise ForbiddenAddressError for what is no plain web address."""
    if url.scheme not in {"http", "https"}:
        raise ForbiddenAddressError("only http and https are read")
    if not url.host:
        raise ForbiddenAddressError("it names no host")
    if url.userinfo:
        raise ForbiddenAddressError("it holds a user or a password")


def is_public(address: str) -> bool:
    """Whether everybody on the internet means the same machine by it; an address within an address counts as that one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if any(ip in network for network in _TRANSLATED):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


async def pinned(url: httpx.URL, lookup: Resolve, *, allow_private: bool) -> str:
    """Return the address to connect to: all that the name stands for must be allowed, and no second look-up is made.

    Raises:
        ForbiddenAddressError: the name stands for a private address, or for none.
    """
    check_url(url)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        addresses = await lookup(url.host, port)
    except OSError as error:
        raise ForbiddenAddressError(f"{url.host} is not found: {error.strerror or error}") from error
    if not addresses:
        raise ForbiddenAddressError(f"{url.host} has no address")
    private = [one for one in addresses if not is_public(one)]
    if private and not allow_private:
        raise ForbiddenAddressError(f"{url.host} is a private address; --allow-private reads those, too")
    return addresses[0]
