"""Installations elsewhere by the names a person gave them: one file in the user's configuration folder.

The file holds no key: a context names the file or the keyring that does. Mode 0600, replaced atomically.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from infra.cli.remote.addresses import checked_url
from schemas.errors import ConfigurationError, InvalidRequestError, NotFoundError

__all__ = ["LOCAL", "Context", "ContextBook", "book_file", "read_book", "write_book"]

LOCAL: Final = "local"
"""Names this machine's own installation; no context can have this name."""

_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


def _url(text: str) -> str:
    try:
        return checked_url(text)
    except InvalidRequestError as error:
        raise ValueError(str(error)) from error


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Context(_Frozen):
    """Where an API is, and where the key to it is kept; neither a file nor the keyring: TOCSIN_API_KEY has it."""

    url: Annotated[str, AfterValidator(_url)]
    key_file: Path | None = None
    """Absolute."""
    keyring: bool = False
    """The operating system's keyring has it, under the context's name."""
    ca_file: Path | None = None
    """PEM file of the authorities to trust instead of the system's; absolute."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.keyring and self.key_file:
            raise ValueError("a key is in a file or in the keyring, not both")
        return self


class ContextBook(_Frozen):
    """All contexts of a user, and the one in use: empty for this machine's own installation."""

    version: Literal[1] = 1
    current: str = ""
    contexts: dict[Annotated[str, Field(pattern=_NAME)], Context] = {}

    def named(self, name: str) -> Context:
        """Return the context. Raises NotFoundError."""
        found = self.contexts.get(name)
        if found is None:
            known = ", ".join(self.contexts) or "there are none"
            raise NotFoundError(
                f"no context is called {name!r}",
                cure=f"Known: {known}. `tocsin context add NAME --url URL` adds one.",
            )
        return found

    def adding(self, name: str, context: Context) -> ContextBook:
        """Return the book with the context, in place of one of the same name. Raises InvalidRequestError."""
        contexts = {**self.contexts, name: context}
        try:
            book = ContextBook(current=self.current, contexts=contexts)
        except ValidationError as error:
            raise InvalidRequestError(
                f"{name!r} is no name for a context",
                cure="Use letters, digits, dots, hyphens and underscores, at most 64.",
            ) from error
        if name == LOCAL:
            raise InvalidRequestError(
                f"{LOCAL!r} means this machine's own installation", cure="Choose another name."
            )
        return book

    def removing(self, name: str) -> ContextBook:
        """Return the book without the context. Raises NotFoundError."""
        self.named(name)
        rest = {other: one for other, one in self.contexts.items() if other != name}
        return ContextBook(current="" if self.current == name else self.current, contexts=rest)

    def using(self, name: str) -> ContextBook:
        """Return the book with the context in use; `local` is none. Raises NotFoundError."""
        if name != LOCAL:
            self.named(name)
        return ContextBook(current="" if name == LOCAL else name, contexts=self.contexts)


def book_file(environ: Mapping[str, str]) -> Path:
    """Return where the contexts are kept (XDG Base Directory Specification: a relative folder is passed over)."""
    given = Path(environ.get("XDG_CONFIG_HOME", ""))
    folder = given if given.is_absolute() else Path(environ.get("HOME") or Path.home()) / ".config"
    return folder / "tocsin" / "contexts.json"


def read_book(path: Path) -> ContextBook:
    """Return what is kept, or an empty book. Blocks on the disk. Raises ConfigurationError."""
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return ContextBook()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}", cure="Look at its owner and mode."
        ) from error
    try:
        return ContextBook.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"{path} cannot be understood: {where}: {first['msg']}",
            cure="Mend it, or move it away and add the contexts anew.",
        ) from error


def write_book(path: Path, book: ContextBook) -> None:
    """Replace the file. Blocks on the disk. Raises ConfigurationError."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(book.model_dump(mode="json", exclude_defaults=True), option=_LAYOUT))
        draft.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}",
            cure="XDG_CONFIG_HOME can name another folder for it.",
        ) from error


_LAYOUT: Final = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
