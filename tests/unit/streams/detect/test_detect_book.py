from __future__ import annotations

import pytest

from streams.detect.alarms import SeriesName
from streams.detect.book import Book, entity_of, service_of
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


@pytest.fixture
def book() -> Book:
    held = Book(DetectRules())
    for turn, name in enumerate((CPU_A, MEMORY_A, CPU_B, BARE), 1):
        held.touch(name, turn, T0 + turn)
    return held


def test_a_series_is_found_again(book: Book) -> None:
    assert len(book) == 4
    assert book.touch(CPU_A, 9, T0) is book.get(CPU_A)
    assert len(book) == 4
    assert book.get(SeriesName("acme", "cart", "disk", A)) is None


def test_units_count_their_series(book: Book) -> None:
    assert [book.members(unit) for unit in (service_of(CPU_A), entity_of(CPU_A), entity_of(CPU_B))] == [
        3,
        2,
        1,
    ]
    assert service_of(BARE) == entity_of(BARE)
    assert book.members(service_of(BARE)) == 1
    assert book.members(service_of(BARE)._replace(tenant="other")) == 0


def test_what_is_heard_moves_to_the_end(book: Book) -> None:
    assert book.oldest_turn() == 1
    series = book.touch(CPU_A, 5, T0)
    assert book.oldest_turn() == 1, "touching alone is not hearing"
    book.heard(CPU_A, series, 5)
    assert book.oldest_turn() == 2
    assert [name for name, _ in book.longest_unheard()] == [MEMORY_A, CPU_B, BARE, CPU_A]


def test_the_oldest_goes_first(book: Book) -> None:
    book.drop_oldest()
    assert book.get(CPU_A) is None
    assert [book.members(unit) for unit in (service_of(CPU_A), entity_of(CPU_A))] == [2, 1]


def test_the_youngest_of_a_service_is_known_while_it_has_any(book: Book) -> None:
    assert book.newest_ms(CPU_A) == T0 + 3
    book.touch(CPU_A, 9, T0 + 99)
    assert book.newest_ms(CPU_A) == T0 + 3, "an old series heard again is not young"
    for name in (CPU_A, MEMORY_A, CPU_B):
        book.drop(name)
    assert book.newest_ms(CPU_A) == 0
    assert book.newest_ms(BARE) == T0 + 4


def test_an_empty_book_has_nothing() -> None:
    empty = Book(DetectRules())
    assert (len(empty), empty.oldest_turn(), list(empty.longest_unheard())) == (0, None, [])
    with pytest.raises(KeyError):
        empty.drop(CPU_A)
