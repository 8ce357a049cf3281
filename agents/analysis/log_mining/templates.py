"""Log lines as the logging statements that wrote them: what varies from line to line becomes `*`.

Masks as preprocessing of Drain (He et al., An online log parsing approach with fixed depth tree, ICWS 2017): numbers,
identifiers, addresses, times, quoted text, lists and values behind a key. A number after `#` or `:` in `Name#12` or
`file.py:12` is the place in the code and stays: it is what tells one statement from the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from agents.analysis.log_mining.failures import reports_failure, signs_of, status_class

__all__ = ["HEAD", "TEMPLATE", "Reading", "merged", "place_of", "read_line", "read_whole"]

HEAD = 320
"""A statement is told by its beginning, so many characters; lists of values that follow would split it into many."""
TEMPLATE = 140
"""Longest template."""

Reading = tuple[str, bool]
"""The template of a line, and whether its words report a failure."""

_VARIABLE = re.compile(
    r"""(?P<place>\b[A-Za-z_][\w.$\]]*(?:\#|\.\w{1,4}:)\d{1,5}\b)
      | "[^"]*" | '[^']*'
      | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b
      | \b\d{1,4}[-/:.]\d{1,2}[-/:.]\d{1,4}(?:[T ,.:]?\d[\d:.,]*)?Z?\b
      | \b(?=[a-fA-F]*\d)[0-9a-fA-F]{6,}\b
      | \[[^\[\]]*[,=][^\[\]]*\] | \{[^{}]*\}
      | (?<=\w=)[^\s,;=()\[\]{}"']+
      | \b[A-Za-z]{1,2}-?\d{3,}\b
      | [-+]?\b\d[\d.,:]*\w*""",
    re.VERBOSE,
)
# A class with its package or two capitals, or a file of source code: not `order#17`, not `db.shop:5432`.
_PLACE = re.compile(
    r"""\b(?:(?:[A-Za-z_][\w$]*\.)+[\w$]+|[A-Z]+[a-z]\w*[A-Z]\w*)\#\d{1,5}\b
      | \b[\w$-]+\.(?:java|kt|scala|groovy|clj|py|go|rs|js|jsx|ts|tsx|mjs|rb|php|cs|cc|cpp|cxx|c|h|hpp|swift|ex|erl|lua|pl):
        \d{1,5}\b""",
    re.VERBOSE,
)
_PLACED = 120
# A position of otherwise equal lines in which more than so many different words were seen holds a value.
_VALUES = 8
_IDENTIFIER = re.compile(r"(?=[a-fA-F]*\d)[0-9a-fA-F]{6,}|\d{1,5}(?:\.\d+)?|\d{1,4}(?:\.\d{1,3}){3}")
# What a failed status of HTTP looks like: looked for first, it spares the other lines the search for its name.
_FAILED_STATUS = re.compile(r"""[\s=:"']5\d\d\b""")
_DIGITS = str.maketrans("123456789", "0" * 9)
_PAIRS = (('"', '"'), ("'", "'"), ("[", "]"), ("{", "}"))
# Two variables side by side may be one, a date and its time: such a line is read as a whole.
_WHOLE = "* *"


@lru_cache(maxsize=65536)
def read_line(message: str) -> Reading:
    """Read the beginning of a line, word by word where that comes to the same: lines differ, their words hardly."""
    head = message[:HEAD]
    masked = " ".join(map(_masked_word, head.split()))
    if _WHOLE in masked:
        return read_whole(head)
    return _with_status(masked, head, failure=_masked_reports_failure(masked))


def place_of(message: str) -> str:
    """Return the place in the code that a line names near its beginning, which is its statement; empty without one."""
    # What follows a place's name, looked for first: most lines name none.
    if message.find(":", 0, _PLACED) < 0 and message.find("#", 0, _PLACED) < 0:
        return ""
    found = _PLACE.search(message, 0, _PLACED)
    return found.group() if found else ""


def merged(templates: Iterable[str]) -> dict[str, str]:
    """Return each template as its statement's: `*` where otherwise equal ones hold many different words."""
    result = {one: one for one in templates}
    longest = max((len(one.split()) for one in result), default=0)
    for position in range(1, longest):
        values: dict[tuple[str, ...], set[str]] = {}
        for told in result.values():
            words = told.split()
            if position < len(words):
                values.setdefault((*words[:position], "", *words[position + 1 :]), set()).add(words[position])
        many = {key for key, words in values.items() if len(words) > _VALUES}
        if many:
            result = {one: _without_value(told, position, many) for one, told in result.items()}
    return result


def _without_value(template: str, position: int, many: set[tuple[str, ...]]) -> str:
    words = template.split()
    if (*words[:position], "", *words[position + 1 :]) not in many:
        return template
    return " ".join([*words[:position], "*", *words[position + 1 :]])


def read_whole(head: str) -> Reading:
    """Read the beginning of a line at once: slower, and what `read_line` comes to."""
    masked = " ".join(_masked(head).split())
    return _with_status(masked, head, failure=reports_failure(head))


def _with_status(masked: str, head: str, *, failure: bool) -> Reading:
    """An answer that failed is another statement than one that did not."""
    status = status_class(head) if _FAILED_STATUS.search(head) else ""
    failed = status == "5xx"
    told = masked[:TEMPLATE]
    return (f"{told[: TEMPLATE - 4]} {status}" if failed else told), failure or failed


def _masked(text: str) -> str:
    return _VARIABLE.sub(lambda m: m.group("place") or "*", text)


@lru_cache(maxsize=65536)
def _masked_word(word: str) -> str:
    """The word as it stands in a template; `_WHOLE` where the words beside it decide that."""
    if _IDENTIFIER.fullmatch(word):
        return "*"
    masked = _masked_form(word.translate(_DIGITS))
    return _masked(word) if "0" in masked else masked


@lru_cache(maxsize=8192)
def _masked_form(word: str) -> str:
    """`_masked_word` of all words that differ in their digits; a place in the code keeps its own."""
    pairs = [pair for pair in _PAIRS if pair[0] in word]
    if len(pairs) > 1 or any(_is_open(word, *pair) for pair in pairs):
        return _WHOLE
    masked = _masked(word)
    return masked if masked == word or signs_of(masked) == signs_of(word) else _WHOLE


def _is_open(word: str, opening: str, closing: str) -> bool:
    """Whether what is quoted or bracketed goes on in the next word."""
    if opening == closing:
        return word.count(opening) % 2 == 1
    return word.rfind(opening) > word.rfind(closing)


_masked_reports_failure = lru_cache(maxsize=8192)(reports_failure)
