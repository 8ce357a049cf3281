"""`tocsin runbooks`: bring what people have written to where investigations find it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, assert_never

import typer

from infra.cli.console import emit, out, table
from infra.cli.exit_codes import ExitCode
from infra.cli.options import AsJson, DataDir
from infra.cli.remote.client import ApiClient, ask_api
from infra.cli.remote.options import ApiKeyText, ApiUrl, ContextName, api_of
from infra.cli.remote.place import Endpoint
from infra.cli.runbooks.folder import read_folder
from infra.cli.runbooks.found import Found, Read, Refused, Unchanged
from infra.cli.runbooks.keeping import keep_runbook, known_runbooks
from infra.cli.runbooks.memo import memo_file, read_memo, write_memo
from infra.cli.runbooks.web import WebReader
from schemas.errors import InvalidRequestError

__all__ = ["app"]

app = typer.Typer(help="Runbooks, for investigations to find and cite.", no_args_is_help=True)

Row = dict[str, Any]

_Source = Annotated[
    Path,
    typer.Argument(
        help="A folder of Markdown files, or a file with one http(s) address a line.",
        exists=True,
        show_default=False,
    ),
]
_Name = Annotated[
    str,
    typer.Option(
        "--name",
        help="What the folder is called: the same files under another name are others.",
        show_default="the folder's own",
    ),
]
_BaseUrl = Annotated[
    str, typer.Option("--base-url", help="Where people read the folder: a report links to it.")
]
_AllowPrivate = Annotated[
    bool, typer.Option("--allow-private", help="Read addresses of your own network, too.")
]
_Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds for one address.")]


@app.command("import")
def import_runbooks(
    source: _Source,
    name: _Name = "",
    base_url: _BaseUrl = "",
    allow_private: _AllowPrivate = False,
    timeout: _Timeout = 20.0,
    context: ContextName = "",
    url: ApiUrl = "",
    key: ApiKeyText = "",
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Bring runbooks in; done again it changes only what has changed. Exits with 6 where a source was refused."""
    endpoint = api_of(context, url, key, data)
    if source.is_dir():
        rows = _from_folder(endpoint, source, name, base_url)
    else:
        rows = _from_web(
            endpoint, _addresses(source), WebReader(allow_private=allow_private, timeout_s=timeout)
        )
    _tell(rows, as_json)
    if any(row["outcome"] == "refused" for row in rows):
        raise typer.Exit(ExitCode.NEGATIVE)


@app.command("list")
def list_runbooks(
    context: ContextName = "",
    url: ApiUrl = "",
    key: ApiKeyText = "",
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List the runbooks that investigations may find."""
    endpoint = api_of(context, url, key, data)
    known = ask_api(endpoint, known_runbooks)
    if as_json:
        for one in known.values():
            emit(one)
        return
    cells = [
        (one["runbook_id"], one["title"], ", ".join(one["services"]), one["url"]) for one in known.values()
    ]
    out.print(table("Runbooks", ("id", "title", "services", "url"), cells))


def _from_folder(endpoint: Endpoint, folder: Path, name: str, base_url: str) -> list[Row]:
    found = list(read_folder(folder, name or folder.resolve().name, base_url))
    return ask_api(endpoint, lambda api: _kept(api, found))


def _addresses(file: Path) -> tuple[str, ...]:
    """One a line; empty lines and those that begin with # are passed over. Raises InvalidRequestError."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError:
        raise InvalidRequestError(
            f"{file} is no list of addresses", cure="Write one http(s) address a line."
        ) from None
    return tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def _from_web(endpoint: Endpoint, urls: Sequence[str], reader: WebReader) -> list[Row]:
    memo = memo_file(os.environ)
    reader.stamps = read_memo(memo, endpoint.url)

    async def brought(api: ApiClient) -> list[Row]:
        known = await known_runbooks(api)
        return await _kept(api, await reader.read(urls, frozenset(known)), known)

    rows = ask_api(endpoint, brought)
    write_memo(memo, endpoint.url, reader.stamps)
    return rows


async def _kept(api: ApiClient, found: Sequence[Found], known: dict[str, Row] | None = None) -> list[Row]:
    there = await known_runbooks(api) if known is None else known
    return [await _one(api, one, there) for one in found]


async def _one(api: ApiClient, one: Found, known: dict[str, Row]) -> Row:
    match one:
        case Read(source=source, name=name, page=page):
            note = "cut at 32,768 characters" if page.cut else ""
            outcome = await keep_runbook(api, one, known)
            return {
                "source": source,
                "outcome": outcome,
                "runbook_id": name,
                "title": page.title,
                "note": note,
            }
        case Unchanged(source=source, name=name):
            return {
                "source": source,
                "outcome": "same",
                "runbook_id": name,
                "title": known[name]["title"],
                "note": "",
            }
        case Refused(source=source, why=why):
            return {"source": source, "outcome": "refused", "runbook_id": "", "title": "", "note": why}
        case _:
            assert_never(one)


def _tell(rows: Sequence[Row], as_json: bool) -> None:
    if as_json:
        for row in rows:
            emit(row)
        return
    cells = [(row["outcome"], row["source"], row["title"], row["note"]) for row in rows]
    out.print(table("Runbooks", ("outcome", "source", "title", "note"), cells))
    if not rows:
        out.print("there is nothing to import: no Markdown file, no address", highlight=False)
