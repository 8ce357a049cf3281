"""Reversible masking: values leave as placeholders like `<EMAIL_1>` and come back as what they were.

`unmask(mask(text)) == text` for every text, also one that already holds something like a placeholder: that is masked too,
as a LITERAL. A placeholder holds no `<` inside, so what stands beside it can never complete or split another one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import JsonValue

from agents.llm.sensitive import RULES, Kind, Rule, Span

__all__ = ["MaskingSession", "Unmasked"]

T = TypeVar("T")

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]*_[0-9]+>")
_LITERAL = "LITERAL"


@dataclass(frozen=True, slots=True)
class Unmasked(Generic[T]):
    """What came back, with the placeholders resolved."""

    value: T
    invented: int
    """Placeholders that this session never gave out; they are left as they are."""
    broken: int
    """Things that look like a placeholder of this session without its brackets; left as they are."""


@dataclass(slots=True)
class MaskingSession:
    """One call's placeholders: the same value has the same name throughout, numbered by first appearance per kind.

    Holds the values in clear: keep it no longer than the call, never log or store it. `keep` are texts that are
    never masked (service and metric names). Not thread-safe; nothing blocks.
    """

    keep: Collection[str] = frozenset()
    rules: Sequence[Rule] = RULES
    _names: dict[tuple[Kind, str], str] = field(default_factory=dict, init=False, repr=False)
    _values: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _counts: dict[Kind, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def masked_values(self) -> int:
        """How many different values this session has masked."""
        return len(self._values)

    def mask(self, text: str) -> str:
        """Return the text with every sensitive value replaced."""
        pieces: list[str] = []
        position = 0
        for span in _merge(self._find(text)):
            pieces.append(text[position : span.start])
            pieces.append(self._name(span.kind, text[span.start : span.end]))
            position = span.end
        pieces.append(text[position:])
        return "".join(pieces)

    def unmask(self, text: str) -> Unmasked[str]:
        """Return the text with this session's placeholders replaced by their values."""
        found = _PLACEHOLDER.findall(text)
        invented = sum(name not in self._values for name in found)
        resolved = _PLACEHOLDER.sub(lambda match: self._values.get(match[0], match[0]), text)
        return Unmasked(resolved, invented, self._broken(text))

    def unmask_json(self, value: JsonValue) -> Unmasked[JsonValue]:
        """Unmask every text inside a JSON value, keys too.

        After parsing, not before: a value with a quote or a line break in it would break the JSON text.
        """
        if isinstance(value, str):
            found = self.unmask(value)
            return Unmasked(found.value, found.invented, found.broken)
        if isinstance(value, list):
            items = [self.unmask_json(item) for item in value]
            return Unmasked([item.value for item in items], *_counts(items))
        if isinstance(value, dict):
            keys = [self.unmask(key) for key in value]
            values = [self.unmask_json(item) for item in value.values()]
            pairs = zip(keys, values, strict=True)
            return Unmasked({key.value: item.value for key, item in pairs}, *_counts([*keys, *values]))
        return Unmasked(value, 0, 0)

    def _find(self, text: str) -> Iterable[tuple[Span, int]]:
        # re2 wants UTF-8; a lone surrogate becomes one other character, so that positions stay.
        scanned = text.encode("utf-8", "replace").decode("utf-8")
        lowered = scanned.lower()
        for match in _PLACEHOLDER.finditer(text):
            yield Span(*match.span(), _LITERAL), len(self.rules)
        for rank, rule in enumerate(self.rules):
            for span in rule.spans(scanned, lowered):
                if text[span.start : span.end] not in self.keep:
                    yield span, rank

    def _name(self, kind: Kind, value: str) -> str:
        known = self._names.get((kind, value))
        if known is not None:
            return known
        number = self._counts.get(kind, 0) + 1
        name = f"<{kind}_{number}>"
        self._counts[kind] = number
        self._names[kind, value] = name
        self._values[name] = value
        return name

    def _broken(self, text: str) -> int:
        if not self._counts:
            return 0
        kinds = "|".join(sorted(self._counts))
        return len(re.findall(rf"(?i)\b(?:{kinds})[ _-]?[0-9]+\b", _PLACEHOLDER.sub(" ", text)))


def _merge(ranked: Iterable[tuple[Span, int]]) -> list[Span]:
    """Join overlapping spans: what any rule found is covered, under the name of the rule that ranks first."""
    merged: list[tuple[Span, int]] = []
    for span, rank in sorted(ranked, key=lambda item: (item[0].start, -item[0].end, item[1])):
        if merged and span.start < merged[-1][0].end:
            last, last_rank = merged[-1]
            kind, best = (last.kind, last_rank) if last_rank <= rank else (span.kind, rank)
            merged[-1] = Span(last.start, max(last.end, span.end), kind), best
        else:
            merged.append((span, rank))
    return [span for span, _ in merged]


def _counts(items: Sequence[Unmasked[Any]]) -> tuple[int, int]:
    return sum(item.invented for item in items), sum(item.broken for item in items)
