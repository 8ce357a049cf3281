"""The vectors of wordllama: static, learned once, in the wheel itself. Nothing is fetched. The only module that knows it."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import UnavailableError

__all__ = ["WordLlamaVectors", "embedding_installed"]

_LETTERS = 40
"""What looks like a longer word is none, and would cost memory by its length."""


def embedding_installed() -> bool:
    """Return whether the extra `embedding` is installed. Loads nothing."""
    return importlib.util.find_spec("wordllama") is not None


class WordLlamaVectors:
    """Satisfies agents.knowledge.meaning.WordVectors. Loads at the first call, which takes a second or two; not for threads to share."""

    def __init__(self) -> None:
        self._model: Any = None

    def __call__(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return one row of length 1 a word. Blocks. Raises UnavailableError where wordllama or its files are broken."""
        if self._model is None:
            self._model = _load()
        vectors: NDArray[np.float32] = self._model.embed([word[:_LETTERS] for word in words])
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        units: NDArray[np.float32] = np.divide(
            vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0
        )
        return units


def _load() -> Any:
    try:
        with _root_log_kept():
            import wordllama  # noqa: PLC0415 - an extra, and a second to import
        # Without a folder of its own it looks into one in the home directory, which need not exist.
        folder = Path(wordllama.__file__).parent
        return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
    except Exception as error:
        # The edge: of a damaged file tokenizers raises nothing more exact.
        raise UnavailableError(
            f"the embedding cannot be loaded: {error}",
            cure="Run `pip install --force-reinstall tocsin[embedding]`, or set `investigate.embedding` to `off`.",
        ) from error


@contextmanager
def _root_log_kept() -> Iterator[None]:
    """At its import wordllama configures the root logger where nobody has: now somebody has."""
    root, place = logging.getLogger(), logging.NullHandler()
    root.addHandler(place)
    try:
        yield
    finally:
        root.removeHandler(place)
