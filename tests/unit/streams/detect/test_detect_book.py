from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from streams.detect.alarms import SeriesName
from streams.detect.book import Book, Places, entity_of, service_of
from streams.detect.frames import Lineup, SeriesKey
from streams.detect.settings import DetectRules
from tests.unit.streams.detect.kpi_shapes import T0

A = (("instance", "a"),)
B = (("instance", "b"),)
CPU_A, MEMORY_A, CPU_B = (
    SeriesName("acme", "cart", "cpu", A),
    SeriesName("acme", "cart", "memory", A),
    SeriesName("acme", "cart", "cpu", B),
)
BARE = SeriesName("acme", "user", "cpu", ())
ALL = (CPU_A, MEMORY_A, CPU_B, BARE)


def _lineup(names: Sequence[SeriesName], written: bytes = b"") -> Lineup:
    return Lineup([SeriesKey(name, written) for name in names], np.ones(len(names), np.int64))


def _touch(book: Book, names: Sequence[SeriesName], turn: int, at_ms: int) -> Places:
    return book.touch(_lineup(names), turn, np.full(len(names), at_ms))


@pytest.fixture
def book() -> Book:
    held = Book(DetectRules())
    for turn, name in enumerate(ALL, 1):
        _touch(held, [name], turn, T0 + turn)
    return held


def test_a_series_is_found_again(book: Book) -> None:
    assert len(book) == 4
    places = _touch(book, [BARE, CPU_A], 9, T0)
    assert [book.name_of(slot) for slot in places.slots.tolist()] == [BARE, CPU_A]
    assert places.ranks is None
    assert len(book) == 4
    assert book.slot_of(SeriesName("acme", "cart", "disk", A)) is None


def test_a_series_that_comes_twice_is_counted(book: Book) -> None:
    places = _touch(book, [CPU_A, CPU_B, CPU_A, CPU_A], 9, T0)
    assert places.ranks is not None
    assert places.ranks.tolist() == [0, 0, 1, 2]
    assert len(places.members) == 2


def test_what_was_written_is_found_by_its_key_until_it_is_dropped(book: Book) -> None:
    lineup = _lineup(ALL, b"as in a message")
    places = book.touch(lineup, 9, np.full(4, T0))
    assert book.touch(lineup, 99, np.full(4, T0)) is places
    part = Lineup(lineup.keys[1:], lineup.counts[1:])
    assert book.touch(part, 99, np.full(3, T0)).slots.tolist() == places.slots[1:].tolist()
    book.drop(CPU_A)
    again = book.touch(lineup, 99, np.full(4, T0))
    assert again is not places
    assert book.slot_of(CPU_A) == again.slots[0]
    assert dict(zip(*(column.tolist() for column in book.turns()), strict=True))[int(again.slots[0])] == 99


def test_units_count_their_series(book: Book) -> None:
    units = (service_of(CPU_A), entity_of(CPU_A), entity_of(CPU_B))
    assert [book.members(unit) for unit in units] == [3, 2, 1]
    assert service_of(BARE) == entity_of(BARE)
    assert book.members(service_of(BARE)) == 1
    assert book.members(service_of(BARE)._replace(tenant="other")) == 0


def test_touching_alone_is_not_hearing(book: Book) -> None:
    slots, turns = book.turns()
    assert [book.name_of(slot) for slot in slots[np.argsort(turns)].tolist()] == list(ALL)
    _touch(book, [CPU_A], 5, T0)
    assert book.turns()[1].tolist() == turns.tolist()


def test_what_is_dropped_is_gone_and_its_slot_is_used_again(book: Book) -> None:
    slot = book.slot_of(CPU_A)
    book.drop(CPU_A)
    assert book.slot_of(CPU_A) is None
    assert slot not in book.turns()[0].tolist()
    assert [book.members(unit) for unit in (service_of(CPU_A), entity_of(CPU_A))] == [2, 1]
    assert _touch(book, [SeriesName("acme", "new", "cpu", ())], 9, T0).slots.tolist() == [slot]


def test_the_youngest_of_a_service_is_known_while_it_has_any(book: Book) -> None:
    assert book.newest_ms(CPU_A) == T0 + 3
    _touch(book, [CPU_A], 9, T0 + 99)
    assert book.newest_ms(CPU_A) == T0 + 3, "an old series heard again is not young"
    for name in (CPU_A, MEMORY_A, CPU_B):
        book.drop(name)
    assert book.newest_ms(CPU_A) == 0
    assert book.newest_ms(BARE) == T0 + 4


def test_an_empty_book_has_nothing() -> None:
    empty = Book(DetectRules())
    assert (len(empty), empty.turns()[0].tolist()) == (0, [])
    with pytest.raises(KeyError):
        empty.drop(CPU_A)
