"""Which runbooks are found, and which are told although they are about something else: by words, and by meaning."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from agents.knowledge.meaning import Meaning
from agents.knowledge.runbooks import runbook_findings
from agents.knowledge.similarity import similarities
from agents.knowledge.word_vectors import WordLlamaVectors
from agents.ports import Likeness
from tests.fakes.runbook_shelf import CHOSEN_ON, JUDGED_ON, Shelf, Told


@dataclass(frozen=True, slots=True)
class Tally:
    found: int
    wrong: int


@pytest.fixture(scope="module")
def meaning() -> Meaning:
    pytest.importorskip("wordllama", reason="the extra `embedding` is not installed")
    return Meaning(WordLlamaVectors())


def ids(told: Told, shelf: Shelf, likeness: Likeness) -> list[str]:
    return [str(one.data["runbook_id"]) for one in runbook_findings(told.incident(), shelf.books, likeness)]


def tally(shelf: Shelf, other: Shelf, likeness: Likeness) -> Tally:
    """Of the shelf's own incidents, and of the other's, which it has no runbook for."""
    own = [(ids(told, shelf, likeness), told.about) for told in shelf.told]
    foreign = [ids(told, shelf, likeness) for told in other.told]
    wrong = sum(name != about for names, about in own for name in names) + sum(map(len, foreign))
    return Tally(sum(about in names for names, about in own if about), wrong)


@pytest.mark.parametrize(
    ("shelf", "other", "least"),
    [(CHOSEN_ON, JUDGED_ON, 7), (JUDGED_ON, CHOSEN_ON, 8)],
    ids=["chosen", "judged"],
)
def test_meaning_finds_what_words_miss_and_tells_no_more_that_is_wrong(
    shelf: Shelf, other: Shelf, least: int, meaning: Meaning
) -> None:
    by_words, by_meaning = tally(shelf, other, similarities), tally(shelf, other, meaning)
    assert by_meaning.found >= max(least, 3 * by_words.found)
    assert by_meaning.wrong <= by_words.wrong


@pytest.mark.parametrize("shelf", [CHOSEN_ON, JUDGED_ON], ids=["chosen", "judged"])
def test_what_is_found_by_meaning_does_not_depend_on_the_order_of_the_shelf(
    shelf: Shelf, meaning: Meaning
) -> None:
    turned = Shelf(shelf.books[::-1], shelf.told)
    for told in shelf.told:
        assert ids(told, turned, meaning) == ids(told, shelf, meaning) == ids(told, shelf, meaning)


def test_an_incident_of_another_world_has_no_runbook_here(meaning: Meaning) -> None:
    for shelf in (CHOSEN_ON, JUDGED_ON):
        for told in shelf.told:
            if not told.about:
                assert ids(told, shelf, meaning) == []
