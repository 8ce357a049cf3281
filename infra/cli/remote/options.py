"""Options of every command that can ask an installation elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.context import load_settings
from infra.cli.remote.completion import context_names
from infra.cli.remote.contexts import book_file, read_book
from infra.cli.remote.place import URL_VARIABLES, Asked, Endpoint, elsewhere, of_stack
from infra.runtime.settings import Settings
from schemas.errors import InvalidRequestError

__all__ = ["ApiKeyText", "ApiUrl", "ContextName", "api_of", "remote_of"]

_PANEL = "An installation elsewhere"

ContextName = Annotated[
    str,
    typer.Option(
        "--context",
        envvar="TOCSIN_CONTEXT",
        help="Ask the installation of this name (`tocsin context list`); `local`: this machine's.",
        show_default="the one in use, if any",
        autocompletion=context_names,
        rich_help_panel=_PANEL,
    ),
]
ApiUrl = Annotated[
    str,
    typer.Option(
        "--url",
        envvar=URL_VARIABLES,
        help="Ask the API at this address. Goes before a context; both on the command line go before the environment.",
        show_default="the context's, or the stack's",
        rich_help_panel=_PANEL,
    ),
]
ApiKeyText = Annotated[
    str,
    typer.Option(
        "--key",
        envvar="TOCSIN_API_KEY",
        help="API key. A context that has its own takes no other from the environment.",
        show_default="the context's, or the stack's first",
        rich_help_panel=_PANEL,
    ),
]


def api_of(context: str, url: str, key: str, data: Path | None) -> Endpoint:
    """Return the API that these options and this user's contexts name, or else that of the stack in the data folder.

    Raises as `load_settings`, `elsewhere` and `of_stack` do.
    """
    settings = load_settings(data)
    return remote_of(settings, context, url, key, data) or of_stack(Asked(key=key), settings)


def remote_of(
    settings: Settings, context: str, url: str, key: str, data: Path | None, tenant: str | None = None
) -> Endpoint | None:
    """Return the API that these options and this user's contexts name, or None for this machine's installation.

    Raises as `elsewhere` does, and InvalidRequestError where a tenant was named: an API answers for that of the key.
    """
    book = read_book(book_file(os.environ))
    found = elsewhere(Asked(context, url, key, data), book, os.environ, settings)
    if found is not None and tenant is not None:
        raise InvalidRequestError(
            "--tenant is for this machine's own installation: over HTTP the tenant is that of the key",
            cure="Use a key of that tenant; or `--context local`, if you meant this machine's.",
        )
    return found
