"""Likeness in meaning, with vectors that one can count on one's fingers."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from agents.knowledge.meaning import Meaning
from schemas.errors import UnavailableError
from tests.fakes.about import about

SENSES = {"tls": 0, "certificate": 0, "disk": 1, "storage": 1, "pool": 2, "leak": 3, "full": 4, "expired": 5}


class Senses:
    """Words of one sense have one vector. Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, words: Sequence[str]) -> NDArray[np.float32]:
        self.asked += words
        return np.eye(8, dtype=np.float32)[[SENSES.get(word, 7) for word in words]]


class Broken:
    def __call__(self, words: Sequence[str]) -> NDArray[np.float32]:
        raise UnavailableError("broken")


def test_words_of_one_sense_are_alike_and_others_are_not() -> None:
    assert Meaning(Senses())("TLS", ["certificate", "disk", "pool"]) == (about(1.0), 0.0, 0.0)


def test_a_text_is_as_alike_as_the_weight_of_what_it_shares() -> None:
    # Of three texts, the query one, two say `full` and one each `disk` and `storage`, which are one sense.
    rare, common = math.log(4 / 2) + 1.0, math.log(4 / 3) + 1.0
    (shared, _) = Meaning(Senses())("disk full", ["storage", "full"])
    assert shared == about((rare / math.hypot(rare, common) - 0.23) / 0.77, 1e-5)


def test_what_any_two_texts_have_in_common_is_nothing() -> None:
    beside = {
        words: Meaning(Senses())("disk", [f"storage {words}"])[0] for words in ("", "tls", "tls pool leak")
    }
    assert list(beside.values()) == sorted(beside.values(), reverse=True)
    assert min(beside.values()) > 0.0
    assert Meaning(Senses())("disk", ["storage " + "tls certificate " * 400]) == (0.0,)


@pytest.mark.parametrize(
    ("query", "documents", "expected"),
    [("", ["disk"], (0.0,)), ("the 12", ["the 12"], (0.0,)), ("disk", [], ()), ("disk", [""], (0.0,))],
)
def test_nothing_said_is_like_nothing(query: str, documents: list[str], expected: tuple[float, ...]) -> None:
    assert Meaning(Senses())(query, documents) == expected


@pytest.mark.parametrize(("query", "documents"), [("", ["disk"]), ("disk", [])])
def test_nothing_is_loaded_to_compare_nothing(query: str, documents: list[str]) -> None:
    assert Meaning(Broken())(query, documents) == (0.0,) * len(documents)


def test_vectors_that_cannot_be_had_are_said_so_and_asked_for_again() -> None:
    meaning = Meaning(Broken())
    for _ in range(2):
        with pytest.raises(UnavailableError):
            meaning("disk", ["storage"])


def test_a_word_is_looked_up_once() -> None:
    senses = Senses()
    meaning = Meaning(senses)
    meaning("disk full", ["storage", "disk pool"])
    meaning("disk leak", ["storage", "disk pool"])
    assert sorted(senses.asked) == ["disk", "full", "leak", "pool", "storage"]


@pytest.mark.parametrize(("words", "texts"), [(0, 100), (100, 0), (3, 3)])
def test_what_is_forgotten_changes_no_answer(words: int, texts: int) -> None:
    senses = Senses()
    forgetful, steady = Meaning(senses, most_words=words, most_texts=texts), Meaning(Senses())
    for query in ("disk full", "tls expired", "disk full"):
        documents = ["storage is full", "certificate", "memory leak"]
        assert forgetful(query, documents) == steady(query, documents)
    assert len(senses.asked) > len(set(senses.asked)), "nothing was forgotten"


def test_texts_that_no_encoding_knows_are_compared_too() -> None:
    assert Meaning(Senses())("disk \ud800", ["storage \udfff"]) == (about(1.0),)


def test_threads_may_share_it() -> None:
    meaning, alone = Meaning(Senses()), Meaning(Senses())
    texts = [f"{one} {other}" for one in SENSES for other in SENSES]
    together = threading.Barrier(8)

    def ask(place: int) -> list[tuple[float, ...]]:
        together.wait(30)
        return [meaning(query, texts[place:]) for query in texts[:8]]

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))
    assert answers == [[alone(query, texts[place:]) for query in texts[:8]] for place in range(8)]


TEXTS = st.lists(st.sampled_from([*SENSES, "the", "other", "words"]), max_size=6).map(" ".join)


@settings(deadline=None, max_examples=50)
@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=5))
def test_it_is_a_share_whatever_the_order_and_whatever_was_asked_before(
    query: str, documents: list[str]
) -> None:
    meaning = Meaning(Senses())
    first = meaning(query, documents)
    assert all(0.0 <= one <= 1.0 for one in first)
    backwards = meaning(query, documents[::-1])
    assert backwards[::-1] == first
    assert Meaning(Senses())(query, documents) == first == meaning(query, documents)
