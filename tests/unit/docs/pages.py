"""The documentation as its tests read it: pages, code fences, commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DOCS", "ROOT", "Command", "Fence", "commands", "fences", "pages", "program", "written_pages"]

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]+)"')
_ASSIGNMENT = re.compile(r"^[A-Z_]+=")


@dataclass(frozen=True, slots=True)
class Fence:
    language: str
    title: str
    body: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console fence, without the variables set before it."""

    page: Path
    words: tuple[str, ...]


def written_pages() -> list[Path]:
    """Pages of the site that people wrote; docs/reference is generated."""
    return [path for path in sorted(DOCS.rglob("*.md")) if "reference" not in path.relative_to(DOCS).parts]


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *written_pages()]


def fences(page: Path) -> Iterator[Fence]:
    for found in _FENCE.finditer(page.read_text(encoding="utf-8")):
        info = found["info"].strip()
        title = _TITLE.search(info)
        yield Fence(info.split()[0], title[1] if title else "", found["body"])


def program(title: str) -> str:
    """The one program with this title, exactly as it stands in its page."""
    (body,) = [one.body for page in written_pages() for one in fences(page) if one.title == title]
    return body


def commands() -> Iterator[Command]:
    for page in pages():
        for fence in fences(page):
            if fence.language == "console":
                for line in fence.body.splitlines():
                    yield Command(page, _words(line))


def _words(line: str) -> tuple[str, ...]:
    prompt, _, command = line.partition(" ")
    assert prompt == "$", f"a console line begins with `$ `, and holds no output: {line!r}"
    words = shlex.split(command)
    while words and _ASSIGNMENT.match(words[0]):
        words = words[1:]
    return tuple(words)
