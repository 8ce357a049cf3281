"""What a browser would make of a page: its tags, attributes and text, and whether everything that opens is closed."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Final
from xml.etree import ElementTree as ET

__all__ = ["ALLOWED_ATTRIBUTES", "ALLOWED_TAGS", "ReadPage", "read_page", "read_svg"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VOID: Final = frozenset({"meta", "br"})
_SVG: Final = _words("svg title desc defs marker path line rect circle g text")
ALLOWED_TAGS: Final = _SVG | _words(
    "html head meta style body main section p h1 h2 dl dt dd div ol ul li strong em code a span time table thead "
    "tbody tr th td pre details summary figure figcaption footer"
)
ALLOWED_ATTRIBUTES: Final = _words(
    "lang charset name content class href id datetime title role aria-labelledby viewbox width height x y x1 x2 y1 y2 "
    "cx cy r rx d text-anchor marker-end markerwidth markerheight markerunits orient refx refy"
)


class ReadPage(HTMLParser):
    """A page as it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.drawn = ""
        """What is written in pictures."""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open, f"{tag} closes itself outside of a picture"
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            return
        if "svg" in self.open:
            self.drawn += data
        else:
            self.text += data

    def named(self, name: str) -> list[str]:
        """The values of an attribute, in order."""
        return [value or "" for key, value in self.attributes if key == name]


def read_page(page: str) -> ReadPage:
    """Read a page. Fails where its tags do not match, or an id is there twice."""
    reader = ReadPage()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    ids = reader.named("id")
    assert len(ids) == len(set(ids)), "an id is there twice"
    return reader


def read_svg(text: str) -> ET.Element:
    """Read a picture that is a file of its own. Raises ParseError where it is no XML."""
    return ET.fromstring(text)  # noqa: S314 - made by the code under test
