from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from infra.runtime.heap import settle_heap


class _Node:
    """One that refers to itself: only a search for garbage finds it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_is_alive_is_left_out_of_later_searches() -> None:
    alive = _Node()
    assert any(one is alive for one in gc.get_objects())

    settle_heap()

    assert gc.get_freeze_count() > 0
    assert not any(one is alive for one in gc.get_objects())


def test_garbage_of_before_is_gone_and_not_kept_for_ever() -> None:
    gone = weakref.ref(_Node())

    settle_heap()

    assert gone() is None


def test_what_comes_later_is_searched_as_before() -> None:
    settle_heap()
    later = weakref.ref(_Node())

    gc.collect()

    assert later() is None


def test_what_was_alive_is_freed_when_nobody_refers_to_it() -> None:
    class Plain:
        pass

    alive = Plain()
    gone = weakref.ref(alive)
    settle_heap()

    del alive

    assert gone() is None
