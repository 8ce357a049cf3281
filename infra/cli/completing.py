"""A shell that completes waits for each answer: it gets one without importing every command."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import typer

__all__ = ["begun_words", "names_app", "summary_of"]

_ASKED: Final = "_TOCSIN_COMPLETE"
_BASH, _OTHERS = "COMP_WORDS", "_TYPER_COMPLETE_ARGS"


def begun_words(environ: Mapping[str, str]) -> list[str] | None:
    """Return the words after `tocsin` that a shell asks to complete, the last perhaps empty; None: it does not ask."""
    if not environ.get(_ASKED, "").startswith("complete_"):
        return None
    line = environ.get(_BASH) or environ.get(_OTHERS, "")
    try:
        words = shlex.split(line)
    except ValueError:  # a quotation mark that is not closed yet
        words = line.split()
    return words[1:] if words and not line[-1].isspace() else [*words[1:], ""]


def names_app(commands: Mapping[str, tuple[str, str]]) -> typer.Typer:
    """Return an application that knows its commands by name and what they are for, and can run none of them.

    `commands` tells the module and the attribute of each.
    """
    made = typer.Typer(name="tocsin", rich_markup_mode="markdown")
    made.callback()(_nothing)
    for name, (module, attribute) in commands.items():
        made.command(name, help=summary_of(module, attribute))(_nothing)
    return made


def summary_of(module: str, attribute: str) -> str:
    """Return a command's help without importing it: a function's docstring, or what a Typer is made with."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) if name == attribute:
                return ast.get_docstring(node) or ""
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(keywords=keywords)) if (
                name == attribute
            ):
                return next((_text(one.value) for one in keywords if one.arg == "help"), "")
            case _:
                pass
    return ""


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _nothing() -> None: ...
