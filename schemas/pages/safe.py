"""What others wrote, made harmless: it stays text in HTML, in SVG and in Markdown."""

from __future__ import annotations

import re
from html import escape
from typing import Final

__all__ = ["line_of", "markdown_text", "markup_text", "visible"]

# Not allowed in XML at all, or able to turn the text around them: C0, C1, surrogates, bidirectional overrides.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_SPECIAL: Final = re.compile(r"([\\`*_\[\]|<>~])")
_BEGINNING: Final = re.compile(r"^(#+(?=\s)|[-+](?=\s)|\d+(?=[.)]\s))")
_INSIDE_WORD: Final = re.compile(r"(?<=[^\W_])\\_(?=[^\W_])")
_LINE_LIMIT: Final = 600


def visible(text: str) -> str:
    """Return the text with what cannot be seen, or would reorder what is seen, replaced."""
    return _UNSEEN.sub("\ufffd", text)


def markup_text(text: str) -> str:
    """Return the text as HTML and XML may hold it, in an element or in a quoted attribute."""
    return escape(visible(text), quote=True)


def line_of(text: str) -> str:
    """Return the text as one bounded line."""
    line = " ".join(visible(text).split())
    return line if len(line) <= _LINE_LIMIT else f"{line[:_LINE_LIMIT]}..."


def markdown_text(text: str) -> str:
    """Return one line in which nothing is markup. An underscore within a word is none."""
    safe = _INSIDE_WORD.sub("_", _SPECIAL.sub(r"\\\1", line_of(text)))
    return _BEGINNING.sub(lambda found: _unmarked(found[1]), safe)


def _unmarked(beginning: str) -> str:
    return f"\\{beginning}" if not beginning[0].isdigit() else f"{beginning}\\"
