"""Runbooks of a folder: every Markdown file below it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from infra.cli.runbooks.found import Found, Read, Refused, runbook_id
from infra.cli.runbooks.page import page_of_markdown
from schemas.errors import InvalidRequestError

__all__ = ["read_folder"]

_ENDINGS: Final = frozenset({".md", ".markdown"})
_MOST_BYTES: Final = 1_048_576
_MOST_FILES: Final = 2_000


def read_folder(folder: Path, collection: str, base_url: str = "") -> Iterator[Found]:
    """Yield what is in each file, in order of paths. Hidden folders are passed over. Blocks on the disk.

    `base_url` and a file's path below the folder make the address that people are sent to, where the file names none.

    Raises:
        InvalidRequestError: there are more files than anybody would search through.
    """
    root = folder.resolve()
    paths = sorted(
        path for path in root.rglob("*") if path.suffix.lower() in _ENDINGS and not _hidden(path, root)
    )
    if len(paths) > _MOST_FILES:
        raise InvalidRequestError(
            f"{folder} has {len(paths)} Markdown files, and {_MOST_FILES} are the most",
            cure="Name a folder within it.",
        )
    for path in paths:
        yield _read(path, root, collection, base_url)


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def _read(  # noqa: PLR0911 - one way out for each reason to refuse
    path: Path, root: Path, collection: str, base_url: str
) -> Found:
    source = path.relative_to(root).as_posix()
    if not path.resolve().is_relative_to(root):
        return Refused(source, "it is a link to a place outside the folder")
    try:
        if not path.is_file():
            return Refused(source, "it is no file")
        if path.stat().st_size > _MOST_BYTES:
            return Refused(source, f"it is larger than {_MOST_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return Refused(source, "it is not UTF-8")
    except OSError as error:
        return Refused(source, error.strerror or str(error))
    page = page_of_markdown(text, path.stem.replace("-", " ").replace("_", " "))
    if not page.body:
        return Refused(source, "it is empty")
    if not page.url and base_url:
        page = type(page)(
            page.title, page.body, page.services, f"{base_url.rstrip('/')}/{quote(source)}", page.cut
        )
    return Read(source, runbook_id(collection, source), page)
