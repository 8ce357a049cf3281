"""Makes a text that others wrote harmless to put into a prompt, and keeps what it says.

What goes: what a person cannot see but a model can read (control and format characters, the invisible tag alphabet, variation
selectors, blank letters), terminal escapes, and blobs that only a decoder can read. What is broken by a space: everything a
chat template, a markdown page or our own fence would take for a sign of its own (`<|im_start|>`, `</system>`, `[INST]`,
`](`, `<<<`). What stays: the words. No list of words can end prompt injection (OWASP LLM01:2025), so none is kept here.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["hidden", "neutral", "one_line"]

_ESCAPES = re.compile(r"(?:\x1b\[|\x9b)[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
# Letters and signs without ink that Unicode does not call format characters.
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc")
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cn", "Cs"})
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180f]")
_LINES = str.maketrans({"\u2028": "\n", "\u2029": "\n", "\x85": "\n", "\r": "\n", "\v": "\n", "\f": "\n"})
# What looks like an angle or a square bracket, a bar or a hash sign, and is not the ASCII one.
_LOOKALIKES = str.maketrans(
    {
        **dict.fromkeys("\uff1c\ufe64\u2039\u2329\u27e8\u3008\u276e\u02c2\u1438", "<"),
        **dict.fromkeys("\uff1e\ufe65\u203a\u232a\u27e9\u3009\u276f\u02c3\u1433", ">"),
        **dict.fromkeys("\u00ab\u226a\u300a\u27ea", "<<"),
        **dict.fromkeys("\u00bb\u226b\u300b\u27eb", ">>"),
        "\uff3b": "[",
        "\uff3d": "]",
        "\uff5c": "|",
        "\uff03": "#",
        "\uff40": "`",
    }
)
_MARKS = re.compile(r"<{2,}|>{2,}|\{\{|\}\}|\[\[|\]\]|(?m:^[ \t]*(?:`{3,}|~{3,}|={3,}|#{1,6}(?=\s)))")
_TAGS = re.compile(
    r"<(?=[/!|?A-Za-z])|\|(?=>)|\](?=[(\[])|!(?=\[)|\[(?=/?(?:INST|SYS|TOOL|ASSISTANT|USER|AVAILABLE_TOOLS)[A-Z_]*\b)"
)
# Nobody reads what is encoded: it is named, with its length. What touches other signs is left to the masking, which
# knows keys by their whole form.
_BLOB = re.compile(r"(?<![^\s\"'(,:={])[A-Za-z0-9+/]{24,}={0,6}(?![^\s\"'),;:{}])")
_HEX = re.compile(r"[0-9a-fA-F]+")
_FEW = 3
_KEY = "PRIVATE KEY-----"


def neutral(text: str, max_chars: int) -> str:
    """Return the text as a model may see it, of at most `max_chars` characters and ` [cut]` where there was more."""
    seen = _ESCAPES.sub("", text).translate(_LINES)
    seen = "".join(char for char in seen if char in "\n\t" or not hidden(char)).translate(_LOOKALIKES)
    seen = seen if _KEY in seen else _BLOB.sub(_named, seen)
    short = seen if len(seen) <= max_chars else f"{_cut(seen, max_chars)} [cut]"
    return _TAGS.sub(lambda match: f"{match[0]} ", _MARKS.sub(lambda match: " ".join(match[0]), short))


def _cut(text: str, max_chars: int) -> str:
    """The text's beginning, cut between two words where there are two: masking must not meet half a key."""
    if text[max_chars].isspace():
        return text[:max_chars]
    words = text[:max_chars].rsplit(maxsplit=1)
    return words[0] if len(words) > 1 else text[:max_chars]


def one_line(text: str, max_chars: int) -> str:
    """Return `neutral` in one line: what was written on several cannot pass for an item of its own, or for a turn."""
    return " ".join(neutral(text, max_chars).split())


def hidden(char: str) -> bool:
    """Return whether a person would not see the character; a line break and a tab are hidden too."""
    return char in _BLANK or unicodedata.category(char) in _HIDDEN or _SELECTORS.match(char) is not None


def _named(match: re.Match[str]) -> str:
    blob = match[0]
    marks = sum(not char.isalpha() for char in blob)
    encoded = _HEX.fullmatch(blob) is not None or (marks >= _FEW and blob != blob.lower())
    return f"[encoded: {len(blob)} characters]" if encoded else blob
