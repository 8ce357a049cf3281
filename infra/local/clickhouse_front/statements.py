"""What must be known of a statement before it runs: its verb, its format, where its inline data starts.

Not a parser: a tokenizer that is right about comments, strings and quoted names, and looks at few words.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from infra.local.clickhouse_front.errors import NOT_IMPLEMENTED, SYNTAX_ERROR, ClickHouseError

__all__ = ["Insertion", "Statement", "parse_statement"]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement the engine takes as it is. `verb` is upper case; `format` is what its FORMAT clause says."""

    sql: bytes
    verb: str
    format: str | None

    @property
    def returns_rows(self) -> bool:
        return self.verb in _ROW_VERBS

    @property
    def is_select(self) -> bool:
        return self.verb in {"SELECT", "WITH"}


@dataclass(frozen=True, slots=True)
class Insertion:
    """`INSERT INTO ... [SETTINGS ...] FORMAT name`, with the data that follows the format's name."""

    into: str
    settings: str
    format: str
    data: bytes


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    start: int
    end: int
    depth: int
    is_word: bool


_ROW_VERBS: Final = frozenset(
    {"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK", "KILL", "FROM", "VALUES"}
)
_TOKEN: Final = re.compile(
    rb"""(?P<skip>\s+|--[^\n]*+|\#[\ !][^\n]*+|/\*.*?\*/)
       | '(?:[^'\\]|\\.|'')*+'
       | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
       | (?P<name>"(?:[^"\\]|\\.|"")*+"|`(?:[^`\\]|\\.|``)*+`)
       | (?P<word>[A-Za-z_]\w*)
       | \d\w*
       | .""",
    re.VERBOSE | re.DOTALL,
)
_DATA_START: Final = re.compile(rb"[ \t\f]*\r?\n?")
_INSERT_SOURCES: Final = frozenset({"VALUES", "SELECT", "WITH", "FROM", "WATCH"})
_NESTING: Final = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


def _tokens(sql: bytes) -> Iterator[_Token]:
    """Words, names without their quotes, literals and symbols; comments and blanks are left out."""
    depth = 0
    for match in _TOKEN.finditer(sql):
        if match.lastgroup == "skip":
            continue
        text = match.group().decode("utf-8", "replace")
        if match.lastgroup == "name":
            text = text[1:-1]
        change = _NESTING.get(text, 0) if match.lastgroup is None else 0
        depth += change
        yield _Token(text, match.start(), match.end(), depth - max(change, 0), match.lastgroup == "word")


def parse_statement(sql: bytes) -> Statement | Insertion:
    """Read one statement, `sql` being UTF-8 except for inline data.

    Raises:
        ClickHouseError: empty or several statements (62); what this front cannot keep its word on (48):
            `ENGINE = Kafka`, after which chDB's database does not open again, and temporary tables.
    """
    verb = next((token.text.upper() for token in _tokens(sql) if token.is_word), "")
    if not verb:
        raise ClickHouseError.refusal(SYNTAX_ERROR, "Empty query")
    if verb == "INSERT":
        return _parse_insert(sql)
    tokens = list(_tokens(sql))
    _refuse_several(tokens)
    _refuse_unsupported(tokens)
    return Statement(sql=sql, verb=verb, format=_format_clause(tokens))


def _parse_insert(sql: bytes) -> Statement | Insertion:
    settings_at: int | None = None
    tokens = _tokens(sql)
    for token in tokens:
        word = token.text.upper() if token.is_word and token.depth == 0 else ""
        if word == "SETTINGS":
            settings_at = token.start
        elif word in _INSERT_SOURCES:
            break
        elif word == "FORMAT":
            return _insertion(sql, settings_at or token.start, token.start, next(tokens, None))
    return Statement(sql=sql, verb="INSERT", format=None)


def _insertion(sql: bytes, head_end: int, format_at: int, name: _Token | None) -> Insertion:
    if name is None or not name.is_word:
        raise ClickHouseError.refusal(SYNTAX_ERROR, "FORMAT of an INSERT wants a format's name")
    data_at = _DATA_START.match(sql, name.end)
    assert data_at is not None  # every part of the pattern is optional
    return Insertion(
        into=sql[:head_end].decode("utf-8", "replace"),
        settings=sql[head_end:format_at].decode("utf-8", "replace"),
        format=name.text,
        data=sql[data_at.end() :],
    )


def _refuse_several(tokens: list[_Token]) -> None:
    ends = [index for index, token in enumerate(tokens) if token.text == ";" and not token.is_word]
    if ends and any(token.text != ";" for token in tokens[ends[0] :]):
        raise ClickHouseError.refusal(SYNTAX_ERROR, "Multi-statements are not allowed")


def _refuse_unsupported(tokens: list[_Token]) -> None:
    words = [token.text.upper() for token in tokens if token.text != "="]
    if words[0] not in {"CREATE", "ATTACH", "REPLACE", "ALTER"}:
        return
    if any(pair == ("ENGINE", "KAFKA") for pair in itertools.pairwise(words)):
        raise ClickHouseError.refusal(
            NOT_IMPLEMENTED,
            "ENGINE = Kafka is refused: the embedded engine could not open this database again. "
            "Events land here through `tocsin land`",
        )
    if "TEMPORARY" in words[1:4]:
        raise ClickHouseError.refusal(
            NOT_IMPLEMENTED, "temporary tables are not supported here: no state outlives a request"
        )


def _format_clause(tokens: list[_Token]) -> str | None:
    """The name behind the last outermost FORMAT, where nothing but SETTINGS may follow it."""
    top = [token for token in tokens if token.depth == 0 and token.text != ";"]
    for index in range(len(top) - 2, -1, -1):
        if top[index].is_word and top[index].text.upper() == "FORMAT" and top[index + 1].is_word:
            rest = top[index + 2 : index + 3]
            return top[index + 1].text if not rest or rest[0].text.upper() == "SETTINGS" else None
    return None
