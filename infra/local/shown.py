"""Addresses as they may be shown: without user, password and options."""

from __future__ import annotations

import re
from typing import Final

from infra.local.state import Addresses

__all__ = ["shown_addresses", "without_secret"]

_HOSTS: Final = re.compile(
    r"""
    (?: \[[0-9a-fA-F:.%]+\] | [^\s:@/\[\]]+ ) (?: :\d+ )?        # host, host:port, [::1]:port
    (?: , (?: \[[0-9a-fA-F:.%]+\] | [^\s:@/\[\]]+ ) (?: :\d+ )? )*
    (?: / [^@]* )?
    """,
    re.VERBOSE,
)
_HIDDEN: Final = "(hidden)"


def without_secret(address: str) -> str:
    """Return scheme, hosts and path of an address.

    User, password, options and fragment are left out: each may hold a secret. What cannot be told apart from one
    is `(hidden)`, such as a password with a `?` that is not written as %3F.
    """
    scheme, separator, rest = address.partition("://")
    if not separator:
        scheme, rest = "", address
    before_options = re.split(r"[?#]", rest, maxsplit=1)[0]
    place = before_options.rpartition("@")[2]
    known = _HOSTS.fullmatch(place) is not None
    return scheme + separator + (place if known else _HIDDEN)


def shown_addresses(addresses: Addresses) -> Addresses:
    """Return the same addresses without their secrets."""
    urls = ("redis_url", "clickhouse_url", "postgres_url", "api_url")
    told = {name: getattr(addresses, name) for name in urls}
    shown = {name: without_secret(url) for name, url in told.items() if url is not None}
    return addresses.model_copy(update=shown)
