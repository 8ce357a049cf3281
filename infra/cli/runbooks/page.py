"""A runbook as its author wrote it: Markdown with or without front matter, or a page of HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

__all__ = ["BODY_CHARS", "Page", "page_of_html", "page_of_markdown"]

BODY_CHARS: Final = 32_768
"""As much as a runbook may hold; what is longer is cut."""
_TITLE_CHARS: Final = 256
_NAME_CHARS: Final = 256
_MOST_SERVICES: Final = 100
_FRONT: Final = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_HEADING: Final = re.compile(r"^#{1,3}[ \t]+(.+?)[ \t#]*$|^(\S.*)\n=+[ \t]*$", re.MULTILINE)
_SERVICES: Final = re.compile(r"^[*_\s-]*services?[*_\s]*:[*_\s]*(.+)$", re.IGNORECASE | re.MULTILINE)
_HEAD_CHARS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Page:
    """`services` are those that it says it is about; `cut` that it was longer than a runbook may be."""

    title: str
    body: str
    services: tuple[str, ...] = ()
    url: str = ""
    cut: bool = False


def page_of_markdown(text: str, otherwise: str) -> Page:
    """Return the page. Its title is that of the front matter, else the first heading, else `otherwise`.

    Services are those of `services:` in the front matter, else of a line `Services: a, b` near the top.
    """
    front = _FRONT.match(text)
    said = _front_matter(front[1]) if front else {}
    body = (text[front.end() :] if front else text).replace("\0", "").strip()
    listed = said.get("services") or said.get("service") or _line_of_services(body)
    title = said.get("title") or _heading(body) or otherwise
    return Page(
        title=_one_line(title) or otherwise,
        body=body[:BODY_CHARS],
        services=_names(listed),
        url=said.get("url", ""),
        cut=len(body) > BODY_CHARS,
    )


def page_of_html(text: str, otherwise: str) -> Page:
    """Return what can be read of a page: its title, headings as Markdown, and its text."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    body = re.sub(r"\n{3,}", "\n\n", "".join(reader.parts)).strip()
    found = page_of_markdown(body, otherwise)
    return Page(_one_line(reader.title) or found.title, found.body, found.services, cut=found.cut)


def _front_matter(text: str) -> Mapping[str, str]:
    """Keys and values of the plain kind; a list below a key becomes a text with commas."""
    said: dict[str, str] = {}
    key = ""
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip() and not line[0].isspace() and not line.startswith("-"):
            key = name.strip().lower()
            said[key] = value.strip().strip("\"'")
        elif key and line.strip().startswith("-"):
            said[key] = ",".join(filter(None, (said[key], line.strip()[1:].strip())))
    return said


def _line_of_services(body: str) -> str:
    found = _SERVICES.search(body[:_HEAD_CHARS])
    return found[1] if found else ""


def _names(listed: str) -> tuple[str, ...]:
    names = (name.strip(" \t\"'`*_") for name in listed.strip("[] \t").split(","))
    return tuple(dict.fromkeys(name for name in names if 0 < len(name) <= _NAME_CHARS))[:_MOST_SERVICES]


def _heading(body: str) -> str:
    found = _HEADING.search(body)
    return (found[1] or found[2] or "") if found else ""


def _one_line(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:_TITLE_CHARS]


class _Reader(HTMLParser):
    """Takes text as it comes, leaving out what is not for reading."""

    _SILENT: Final = frozenset({"script", "style", "noscript", "template", "svg", "nav", "iframe", "form"})
    _BLOCKS: Final = frozenset(
        {"p", "div", "section", "article", "tr", "ul", "ol", "pre", "table", "br", "blockquote"}
    )
    _HEADS: Final = frozenset({"h1", "h2", "h3", "h4"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title = ""
        self._silent = 0
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._silent += tag in self._SILENT
        self._in_title = tag == "title"
        if tag in self._HEADS:
            self.parts.append(f"\n\n{'#' * int(tag[1])} ")
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag in self._BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in self._SILENT))
        self._in_title = False
        if tag in self._HEADS | self._BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._silent:
            self.parts.append(data)
