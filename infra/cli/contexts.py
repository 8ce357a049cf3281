"""`tocsin context`: names for installations elsewhere, so that a command needs neither address nor key."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from infra.cli.console import emit, err, out, table
from infra.cli.context import load_settings
from infra.cli.options import AsJson
from infra.cli.remote.addresses import checked_url, is_open
from infra.cli.remote.client import ApiClient, ask_api
from infra.cli.remote.completion import context_names
from infra.cli.remote.contexts import LOCAL, Context, ContextBook, book_file, read_book, write_book
from infra.cli.remote.key_places import forget_in_keyring, is_private, keep_in_keyring, read_key_file
from infra.cli.remote.place import Asked, elsewhere
from schemas.errors import InvalidRequestError

__all__ = ["app"]

app = typer.Typer(
    help="Name installations elsewhere, and choose which one commands ask.", no_args_is_help=True
)

Name = Annotated[
    str, typer.Argument(help="What you call it.", show_default=False, autocompletion=context_names)
]


@app.command()
def add(
    name: Name,
    url: Annotated[str, typer.Option("--url", help="Address of its API.", show_default=False)],
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", help="File that holds the key, and nothing else.", exists=True),
    ] = None,
    keyring: Annotated[
        bool,
        typer.Option(
            "--keyring", help="Keep the key in the system's keyring; it is asked for, or read from a pipe."
        ),
    ] = False,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            "--ca-file", help="PEM file of the authorities to trust instead of the system's.", exists=True
        ),
    ] = None,
    use: Annotated[bool, typer.Option("--use", help="Use it from now on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a context, or change one. Without a key of its own it takes that of TOCSIN_API_KEY."""
    path, address = _path(), checked_url(url)
    context = _context(address, key_file, keyring, ca_file)
    before = read_book(path)
    book = before.adding(name, context)
    if key_file is not None:
        read_key_file(key_file)
    if keyring:
        keep_in_keyring(name, lambda: _asked_key(name))
    elif name in before.contexts and before.contexts[name].keyring:
        forget_in_keyring(name)
    write_book(path, book.using(name) if use else book)
    _warn(context)
    _tell(as_json, name, f"{name} is {address}", in_use=use)


@app.command()
def use(
    name: Annotated[
        str,
        typer.Argument(
            help=f"Its name; `{LOCAL}` for this machine's own installation.",
            show_default=False,
            autocompletion=context_names,
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Let commands ask this installation from now on, wherever no option or variable says otherwise."""
    path = _path()
    write_book(path, read_book(path).using(name))
    _tell(as_json, name, f"commands now ask {name}", in_use=True)


@app.command("list")
def list_contexts(as_json: AsJson = False) -> None:
    """List the contexts; the one in use has a star."""
    book = read_book(_path())
    rows = [_told(book, name) for name in book.contexts]
    here = {"name": LOCAL, "in_use": not book.current, "url": "", "key": "", "ca_file": ""}
    if as_json:
        for one in (*rows, here):
            emit(one)
        return
    cells = [("*" if one["in_use"] else "", one["name"], one["url"], one["key"]) for one in rows]
    cells.append(("" if book.current else "*", LOCAL, "this machine's own installation", ""))
    out.print(table("Contexts", ("", "name", "address", "key"), cells, whole=("name",)))


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(help="Its name; the one in use when left out.", autocompletion=context_names),
    ] = "",
    check: Annotated[bool, typer.Option("--check", help="Ask it who the key is.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a context: its address, where its key is kept, never the key; with --check also what the key may do."""
    book = read_book(_path())
    wanted = name or book.current
    if not wanted or wanted == LOCAL:
        raise InvalidRequestError(
            "no context is in use: commands ask this machine's own installation",
            cure="`tocsin status` shows that; `tocsin context list` shows the contexts.",
        )
    told = _told(book, wanted)
    if check:
        told |= _checked(book, wanted)
    if as_json:
        emit(told)
    else:
        out.print(table("", ("", ""), [(label, _text(value)) for label, value in told.items()]))


@app.command()
def remove(name: Name, as_json: AsJson = False) -> None:
    """Forget a context, and its key where the keyring has it. A key file stays."""
    path = _path()
    book = read_book(path)
    had_keyring = book.named(name).keyring
    write_book(path, book.removing(name))
    if had_keyring:
        forget_in_keyring(name)
    _tell(as_json, name, f"{name} is forgotten", in_use=False)


def _path() -> Path:
    return book_file(os.environ)


def _context(url: str, key_file: Path | None, keyring: bool, ca_file: Path | None) -> Context:
    try:
        return Context(
            url=url,
            key_file=key_file.absolute() if key_file else None,
            keyring=keyring,
            ca_file=ca_file.absolute() if ca_file else None,
        )
    except ValidationError as error:
        raise InvalidRequestError(
            "--key-file and --keyring both say where the key is", cure="Give one of them."
        ) from error


def _asked_key(name: str) -> str:
    """Ask without showing it; a program pipes it in. A key on the command line would be in the shell's history."""
    if sys.stdin.isatty():
        key = str(typer.prompt(f"API key of {name}", hide_input=True, err=True)).strip()
    else:
        key = sys.stdin.readline().strip()
    if not key:
        raise InvalidRequestError(
            "no key came on standard input", cure="Pipe the key in, or type it when asked."
        )
    return key


def _warn(context: Context) -> None:
    warnings = []
    if is_open(context.url):
        warnings.append(f"{context.url} is not encrypted: whoever is on the way can read the key")
    if context.key_file is not None and not is_private(context.key_file):
        warnings.append(f"others can read {context.key_file}: `chmod 600` it")
    for one in warnings:
        err.print(f"note: {one}", highlight=False, markup=False)


def _told(book: ContextBook, name: str) -> dict[str, object]:
    context = book.named(name)
    kept = str(context.key_file or ("in the keyring" if context.keyring else "from TOCSIN_API_KEY"))
    return {
        "name": name,
        "in_use": name == book.current,
        "url": context.url,
        "key": kept,
        "ca_file": str(context.ca_file or ""),
    }


def _checked(book: ContextBook, name: str) -> dict[str, object]:
    asked = Asked(context=name, key=os.environ.get("TOCSIN_API_KEY", ""))
    endpoint = elsewhere(asked, book, os.environ, load_settings())
    assert endpoint is not None

    async def question(api: ApiClient) -> dict[str, object]:
        version = (await api.get("/health"))["version"]
        found = await api.get("/v1/me")
        return {
            "version": version,
            **{key: found[key] for key in ("principal", "tenant", "roles", "permissions")},
        }

    return ask_api(endpoint, question)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _tell(as_json: bool, name: str, text: str, *, in_use: bool) -> None:
    if as_json:
        emit({"name": name, "in_use": in_use})
    else:
        out.print(text, highlight=False, markup=False)
