"""What commands print: rich for people, one JSON value or JSON lines for machines; progress goes to standard error."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Final, TextIO

import orjson
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.errors import TocsinError

__all__ = ["emit", "err", "nano_usd", "out", "plain", "print_error", "table", "when"]

_PIPE_WIDTH = 160


def _width(stream: TextIO) -> int | None:
    """Rich takes 80 columns where there is no terminal; tables read better with more."""
    return None if stream.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH


out = Console(width=_width(sys.stdout))
err = Console(stderr=True, width=_width(sys.stderr))

_MICRO_USD = 1_000
_BRACKET: Final = re.compile(r"(\\*)\[")

Jsonable = BaseModel | Mapping[str, object] | list[object]


def emit(value: object) -> None:
    """Print one JSON value on one line of standard output, and flush."""
    sys.stdout.write(orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode() + "\n")
    sys.stdout.flush()


def print_error(error: TocsinError) -> None:
    """Say what is wrong and what to do about it."""
    err.print(f"[bold red]error:[/] {plain(str(error))}", highlight=False)
    if error.cure:
        err.print(f"[bold]cure:[/]  {plain(error.cure)}", highlight=False)


def table(
    title: str, columns: Iterable[str], rows: Iterable[Iterable[object]], *, whole: Collection[str] = ()
) -> Table:
    """Return a table of texts; numbers are right-aligned. Columns in `whole` are never broken: ids to copy."""
    made = Table(title=Text(title), title_justify="left", box=None, pad_edge=False, header_style="bold")
    listed = [[("" if cell is None else cell) for cell in row] for row in rows]
    for number, name in enumerate(columns):
        numeric = bool(listed) and all(isinstance(row[number], int | float) for row in listed)
        made.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=name in whole)
    for row in listed:
        made.add_row(*(Text(str(cell)) for cell in row))
    return made


def when(at: datetime) -> str:
    """Return an instant as people read it: UTC, to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S}"


def plain(text: str) -> str:
    """Return text from outside as rich's markup for itself: without this, brackets in it vanish or raise MarkupError.

    Whether a bracket is a tag depends on what follows, here or later in the line: so each is escaped as one.
    """
    return _BRACKET.sub(lambda found: found[1] * 2 + r"\[", text)


def nano_usd(amount: int | None) -> str:
    """Return money as people read it; unknown is not zero, and neither is what is below a micro-dollar."""
    if amount is None:
        return "unpriced"
    return "<$0.000001" if 0 < amount < _MICRO_USD else f"${amount / 1e9:,.6f}"


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    return str(value)
