"""Whom a command asks: this machine's own installation, or an API by its address or its context.

What the command line says goes before the environment, and that before the context in use:

1. `--url`, `--context` or `--data`
2. TOCSIN_URL, TOCSIN_CONTEXT, TOCSIN_DATA_DIR, in this order
3. the context that `tocsin context use` chose
4. the stack of the folder `.tocsin`, or the servers that the settings name

A context brings its own key. `--key` goes before it; TOCSIN_API_KEY is for an address, and for a context without a key,
so that no installation is ever sent the key to another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from infra.cli.key_ring import admin_key_file, read_admin_key
from infra.cli.remote.addresses import checked_url, is_loopback
from infra.cli.remote.contexts import LOCAL, ContextBook
from infra.cli.remote.key_places import read_key
from infra.local.state import read_state
from infra.runtime.settings import Settings
from schemas.errors import ConfigurationError, InvalidRequestError, UnavailableError

__all__ = ["URL_VARIABLES", "Asked", "Endpoint", "elsewhere", "of_stack"]

URL_VARIABLES: Final = ["TOCSIN_URL", "TOCSIN_API_URL"]
_KEY_CURE: Final = "Give one with --key or TOCSIN_API_KEY; whoever runs the installation makes one with `tocsin keys create`."


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of a command as typer hands them over: from the command line, or else from the environment."""

    context: str = ""
    url: str = ""
    key: str = field(default="", repr=False)
    data: Path | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An API and the key to it."""

    url: str
    key: str = field(repr=False)
    key_from: str
    """Where the key came from, for whoever must give another."""
    context: str = ""
    """Empty where the address was not a context's."""
    ca_file: Path | None = None

    @property
    def name(self) -> str:
        return self.context or self.url


def elsewhere(
    asked: Asked, book: ContextBook, environ: Mapping[str, str], settings: Settings
) -> Endpoint | None:
    """Return the API to ask, or None for this machine's own installation. Blocks on files and the keyring.

    Raises:
        InvalidRequestError: the options contradict one another.
        NotFoundError: no context has the name.
        ConfigurationError: there is no key, or it cannot be read.
    """
    chosen = _on_command_line(asked, environ)
    if sum(map(bool, (chosen.url, chosen.context, chosen.data))) > 1:
        raise InvalidRequestError(
            "--url, --context and --data each say whom to ask", cure="Give one of them."
        )
    if not (chosen.url or chosen.context or chosen.data):
        chosen = _first(asked)
    if chosen.url:
        return _at(chosen.url, asked, settings)
    if chosen.data is not None or chosen.context == LOCAL:
        return None
    name = chosen.context or book.current
    return _of_context(name, asked, book, environ) if name else None


def of_stack(asked: Asked, settings: Settings) -> Endpoint:
    """Return the API of the stack that runs in the data folder. Raises UnavailableError, ConfigurationError."""
    state = read_state(settings.data_dir)
    found = state.addresses.api_url if state is not None and state.is_running() else None
    if not found:
        raise UnavailableError(
            f"no API runs in {settings.data_dir}, and no other is named",
            cure="Start one with `tocsin up`, or name one with --url, or with --context: `tocsin context add`.",
        )
    return _at(found, asked, settings)


def _on_command_line(asked: Asked, environ: Mapping[str, str]) -> Asked:
    """Return what is not from the environment; a variable that says the same changes nothing."""
    urls = {environ.get(name) for name in URL_VARIABLES}
    return Asked(
        url="" if asked.url in urls else asked.url,
        context="" if asked.context == environ.get("TOCSIN_CONTEXT") else asked.context,
        data=None if str(asked.data) == environ.get("TOCSIN_DATA_DIR") else asked.data,
    )


def _first(asked: Asked) -> Asked:
    if asked.url:
        return Asked(url=asked.url)
    return Asked(context=asked.context) if asked.context else Asked(data=asked.data)


def _at(url: str, asked: Asked, settings: Settings) -> Endpoint:
    endpoint = Endpoint(checked_url(url), asked.key, "--key or TOCSIN_API_KEY")
    if endpoint.key:
        return endpoint
    # The first admin's key is this machine's: it goes nowhere else.
    key = read_admin_key(settings.data_dir) if is_loopback(endpoint.url) else None
    if key is None:
        raise ConfigurationError(f"no API key for {endpoint.url}", cure=_KEY_CURE)
    return replace(endpoint, key=key, key_from=str(admin_key_file(settings.data_dir)))


def _of_context(name: str, asked: Asked, book: ContextBook, environ: Mapping[str, str]) -> Endpoint:
    context = book.named(name)
    endpoint = Endpoint(context.url, "", "", context=name, ca_file=context.ca_file)
    if asked.key and asked.key != environ.get("TOCSIN_API_KEY"):
        return replace(endpoint, key=asked.key, key_from="--key")
    key = read_key(name, context)
    if key:
        return replace(endpoint, key=key, key_from=str(context.key_file or "the keyring"))
    if asked.key:
        return replace(endpoint, key=asked.key, key_from="TOCSIN_API_KEY")
    raise ConfigurationError(f"the context {name!r} has no key of its own", cure=_KEY_CURE)
