"""The language of policy conditions: a small part of CEL over the facts of an incident, evaluated without Python's eval.

    severity in ["critical", "major"] && alarm_count >= 2 && "cart" in services
    title.contains("Latency") || !(severity == "warning")

Literals: text, integers, decimals, true, false, lists. Operators: || && ! == != < <= > >= in. Functions on text:
contains, startsWith, endsWith, matches (RE2, anywhere in the text); size() of text and lists.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import re2

from schemas.errors import InvalidRequestError

__all__ = ["Condition", "Facts", "Value", "compile_condition"]

Value = str | int | float | bool | tuple["Value", ...]
Facts = Mapping[str, Value]

_Node = Callable[[Facts], Value]

_MAX_LENGTH = 4_000
_MAX_DEPTH = 40
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<symbol>\|\||&&|[=!<>]=|[!<>()\[\],.\-]))"""
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that has been understood."""

    source: str
    _root: _Node

    def holds(self, facts: Facts) -> bool:
        """Whether it is true of the facts.

        Raises:
            InvalidRequestError: it compares what cannot be compared, or does not end in true or false.
        """
        result = self._root(facts)
        if not isinstance(result, bool):
            raise InvalidRequestError(f"the condition gives {result!r}, neither true nor false")
        return result


@lru_cache(maxsize=4096)
def compile_condition(source: str, names: frozenset[str]) -> Condition:
    """Understand a condition over facts with these names; empty text always holds.

    Raises:
        InvalidRequestError: it cannot be understood; the message says where.
    """
    if not source.strip():
        return Condition(source, lambda _: True)
    if len(source) > _MAX_LENGTH:
        raise InvalidRequestError(f"a condition has at most {_MAX_LENGTH} characters")
    parser = _Parser(_tokens(source), names)
    root = parser.disjunction()
    parser.end()
    return Condition(source, root)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(source: str) -> list[_Token]:
    tokens, at, end = [], 0, len(source.rstrip())
    while at < end:
        found = _TOKEN.match(source, at)
        if found is None or found.lastgroup is None:
            rest = source[at:end].lstrip()
            raise InvalidRequestError(f"character {end - len(rest) + 1}: cannot read {rest[:20]!r}")
        tokens.append(_Token(found.lastgroup, found.group(found.lastgroup), found.start(found.lastgroup)))
        at = found.end()
    return [*tokens, _Token("end", "", end)]


class _Parser:
    """Recursive descent; every method consumes what it understands and returns a function of the facts."""

    def __init__(self, tokens: list[_Token], names: frozenset[str]) -> None:
        self._tokens = tokens
        self._names = names
        self._at = 0
        self._depth = 0

    def disjunction(self) -> _Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._problem("nested too deeply")
        terms = [self._conjunction()]
        while self._took("||"):
            terms.append(self._conjunction())
        self._depth -= 1
        return terms[0] if len(terms) == 1 else lambda facts: any(_truth(term(facts)) for term in terms)

    def end(self) -> None:
        if self._next.kind != "end":
            raise self._problem(f"did not expect {self._next.text!r}")

    def _conjunction(self) -> _Node:
        terms = [self._negation()]
        while self._took("&&"):
            terms.append(self._negation())
        return terms[0] if len(terms) == 1 else lambda facts: all(_truth(term(facts)) for term in terms)

    def _negation(self) -> _Node:
        times = 0
        while self._took("!"):
            times += 1
        inner = self._comparison()
        if not times:
            return inner
        return lambda facts: _truth(inner(facts)) is (times % 2 == 0)

    def _comparison(self) -> _Node:
        left = self._operand()
        compare = _COMPARE.get(self._next.text) if self._next.kind in ("symbol", "name") else None
        if compare is None:
            return left
        self._advance()
        right = self._operand()
        return lambda facts: compare(left(facts), right(facts))

    def _operand(self) -> _Node:
        node = self._primary()
        while self._took("."):
            node = self._method(node)
        return node

    def _primary(self) -> _Node:  # noqa: PLR0911 - one return per kind of operand
        token = self._advance()
        match token.kind, token.text:
            case "number", text:
                return _constant(float(text) if "." in text else int(text))
            case "text", text:
                return _constant(re.sub(r"\\(.)", r"\1", text[1:-1]))
            case "symbol", "-" if self._next.kind == "number":
                text = self._advance().text
                return _constant(-float(text) if "." in text else -int(text))
            case "symbol", "(":
                inner = self.disjunction()
                self._expect(")")
                return inner
            case "symbol", "[":
                return self._list()
            case "name", "true" | "false":
                return _constant(token.text == "true")
            case "name", "size" if self._took("("):
                inner = self.disjunction()
                self._expect(")")
                return lambda facts: _size(inner(facts))
            case "name", name if name in self._names:
                return lambda facts: facts[name]
        raise self._problem(f"did not expect {token.text or 'the end'!r}", token)

    def _list(self) -> _Node:
        items: list[_Node] = []
        while not self._took("]"):
            if items:
                self._expect(",")
            items.append(self.disjunction())
        return lambda facts: tuple(item(facts) for item in items)

    def _method(self, subject: _Node) -> _Node:
        name = self._advance()
        method = _METHODS.get(name.text)
        if method is None:
            raise self._problem(f"there is no function {name.text!r}", name)
        self._expect("(")
        argument = self.disjunction()
        self._expect(")")
        return lambda facts: method(_text(subject(facts)), _text(argument(facts)))

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _advance(self) -> _Token:
        token = self._next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _took(self, symbol: str) -> bool:
        if self._next.kind != "symbol" or self._next.text != symbol:
            return False
        self._advance()
        return True

    def _expect(self, symbol: str) -> None:
        if not self._took(symbol):
            raise self._problem(f"expected {symbol!r}")

    def _problem(self, what: str, token: _Token | None = None) -> InvalidRequestError:
        return InvalidRequestError(f"character {(token or self._next).at + 1}: {what}")


def _constant(value: Value) -> _Node:
    return lambda _: value


def _truth(value: Value) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequestError(f"{value!r} is neither true nor false")
    return value


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise InvalidRequestError(f"{value!r} is not text")
    return value


def _size(value: Value) -> int:
    if not isinstance(value, str | tuple):
        raise InvalidRequestError(f"{value!r} has no size")
    return len(value)


def _ordered(left: Value, right: Value, compare: Callable[[float, float], bool]) -> bool:
    if not isinstance(left, int | float) or not isinstance(right, int | float):
        raise InvalidRequestError(f"cannot order {left!r} and {right!r}")
    return compare(left, right)


def _contained(left: Value, right: Value) -> bool:
    if not isinstance(right, tuple):
        raise InvalidRequestError(f"{right!r} is not a list")
    return left in right


def _matches(text: str, pattern: str) -> bool:
    try:
        return re2.search(pattern, text) is not None
    except re2.error as error:
        raise InvalidRequestError(f"{pattern!r} is not a pattern: {error}") from error


_COMPARE: Final[Mapping[str, Callable[[Value, Value], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": lambda left, right: _ordered(left, right, operator.lt),
    "<=": lambda left, right: _ordered(left, right, operator.le),
    ">": lambda left, right: _ordered(left, right, operator.gt),
    ">=": lambda left, right: _ordered(left, right, operator.ge),
    "in": _contained,
}
_METHODS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "contains": lambda text, part: part in text,
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "matches": _matches,
}
