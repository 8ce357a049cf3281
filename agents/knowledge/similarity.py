"""Lexical similarity: cosine of TF-IDF vectors over words (Salton & Buckley 1988), no model and no index."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

__all__ = ["similarities", "words_of"]

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "had",
        "has",
        "have",
        "in",
        "into",
        "is",
        "it",
        "its",
        "no",
        "not",
        "of",
        "on",
        "or",
        "s",
        "that",
        "the",
        "this",
        "to",
        "was",
        "were",
        "when",
        "which",
        "will",
        "with",
        "than",
        "then",
        "there",
        "them",
        "they",
        "what",
    ]
)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words in lower case, those that say nothing left out; `HighErrorRate` is three words, numbers are none."""
    words = (word.lower() for word in _WORD.findall(text))
    return tuple(word for word in words if len(word) > 1 and word not in _STOP)


def similarities(query: str, documents: Sequence[str]) -> tuple[float, ...]:
    """Return how alike each document is to the query, from 0 (no word shared) to 1, in the documents' order."""
    counted = [Counter(words_of(text)) for text in documents]
    asked = Counter(words_of(query))
    rarity = _rarity([*counted, asked])
    aim = _weighed(asked, rarity)
    return tuple(_cosine(aim, _weighed(counts, rarity)) for counts in counted)


def _rarity(counted: Sequence[Counter[str]]) -> Mapping[str, float]:
    """Smoothed inverse document frequency; the query counts as a document, so that no word is without weight."""
    spread = Counter(word for counts in counted for word in counts)
    return {word: math.log((1 + len(counted)) / (1 + many)) + 1.0 for word, many in spread.items()}


def _weighed(counts: Counter[str], rarity: Mapping[str, float]) -> dict[str, float]:
    return {word: (1.0 + math.log(many)) * rarity[word] for word, many in counts.items()}


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    product = sum(weight * other[word] for word, weight in one.items() if word in other)
    if product == 0.0:
        return 0.0
    return min(1.0, product / (_length(one) * _length(other)))


def _length(vector: Mapping[str, float]) -> float:
    return math.sqrt(sum(weight * weight for weight in vector.values()))
