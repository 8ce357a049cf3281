"""Likeness in meaning: TF-IDF weights as in `similarity`, but each word stands in the space of a word embedding.

So `certificate` and `TLS` have something in common, and a word shared still counts most. A text is the centroid of its
words by their weights (Brokos, Malakasiotis & Androutsopoulos, BioNLP 2016).
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agents.knowledge.similarity import words_of

__all__ = ["Meaning", "WordVectors"]

_Floats: TypeAlias = NDArray[np.float64]

_UNRELATED = 0.23
"""The cosine below which nine of ten pairs of texts lie that have nothing to do with each other (docs/adr/0016)."""
_DIGITS = 6
_WORDS, _TEXTS = 30_000, 10_000


class WordVectors(Protocol):
    def __call__(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return a row of length 1 for each word, which depends on that word alone. Blocks.

        Raises:
            UnavailableError: the embedding cannot be loaded.
        """


@dataclass(frozen=True, slots=True)
class _Counted:
    """The words of one text, each once, as rows of the vocabulary, and how much each is said there."""

    rows: NDArray[np.intp]
    said: _Floats


class Meaning:
    """Satisfies agents.ports.Likeness. Threads may share it.

    Texts are remembered by their content and words by themselves, so that runbooks are read once and not for every
    incident. What is remembered changes no answer; all of it is forgotten when it becomes too much.
    """

    def __init__(self, vectors: WordVectors, *, most_words: int = _WORDS, most_texts: int = _TEXTS) -> None:
        self._vectors = vectors
        self._most_words, self._most_texts = most_words, most_texts
        self._lock = threading.Lock()
        self._forget()

    def __call__(self, query: str, documents: Sequence[str]) -> tuple[float, ...]:
        """Return how alike each document is to the query, from 0 (no more than any two) to 1, in the documents' order.

        Blocks; the first call that has words to compare loads the embedding. Raises UnavailableError if it cannot.
        """
        if not words_of(query):
            return (0.0,) * len(documents)
        with self._lock:
            if len(self._row_of) > self._most_words or len(self._texts) > self._most_texts:
                self._forget()
            counted = [self._counted(text) for text in (*documents, query)] if documents else []
            vocabulary = self._vocabulary
        return _likeness(counted, vocabulary)

    def _forget(self) -> None:
        self._texts: dict[bytes, _Counted] = {}
        self._row_of: dict[str, int] = {}
        self._vocabulary: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)

    def _counted(self, text: str) -> _Counted:
        name = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
        if name not in self._texts:
            self._texts[name] = self._read(Counter(words_of(text)))
        return self._texts[name]

    def _read(self, counts: Counter[str]) -> _Counted:
        self._learn([word for word in counts if word not in self._row_of])
        rows = np.array([self._row_of[word] for word in counts], dtype=np.intp)
        return _Counted(rows, np.array([1.0 + math.log(many) for many in counts.values()]))

    def _learn(self, words: Sequence[str]) -> None:
        if not words:
            return
        known, new = len(self._row_of), self._vectors(words)
        self._vocabulary = np.concatenate([self._vocabulary, new]) if known else new
        self._row_of.update({word: known + place for place, word in enumerate(words)})


def _likeness(counted: Sequence[_Counted], vocabulary: NDArray[np.float32]) -> tuple[float, ...]:
    """Of all but the last to the last."""
    if not counted:
        return ()
    spread = np.bincount(np.concatenate([text.rows for text in counted]), minlength=len(vocabulary))
    rarity = np.log((1 + len(counted)) / (1 + spread)) + 1.0
    *documents, aim = (_centroid(text, rarity, vocabulary) for text in counted)
    cosines = np.array([round(float(one @ aim), _DIGITS) for one in documents])
    return tuple(np.clip((cosines - _UNRELATED) / (1.0 - _UNRELATED), 0.0, 1.0).tolist())


def _centroid(text: _Counted, rarity: _Floats, vocabulary: NDArray[np.float32]) -> _Floats:
    """A vector of length 1; of length 0 for a text that says nothing."""
    centre: _Floats = (text.said * rarity[text.rows]) @ vocabulary[text.rows].astype(np.float64)
    length = float(np.linalg.norm(centre))
    return centre / length if length else centre
