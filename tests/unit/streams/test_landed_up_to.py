from __future__ import annotations

from datetime import UTC, datetime, timedelta

from streams.ends import LandedUpTo

START = datetime(2026, 1, 1, tzinfo=UTC)


def _at(second: int) -> datetime:
    return START + timedelta(seconds=second)


def test_only_the_second_response_after_the_moment_counts() -> None:
    mark = LandedUpTo()
    mark.look(_at(0), 1, 10)
    mark.look(_at(1), 1, 10)
    assert mark.reached(10) is None
    mark.look(_at(2), 2, 10)
    assert mark.reached(10) is None, "this fetch may have been sent before the moment"
    mark.look(_at(3), 3, 12)
    assert mark.reached(11) is None
    assert mark.behind(11) == 1
    assert mark.reached(12) == _at(0)


def test_it_begins_again_after_it_was_reached() -> None:
    mark = LandedUpTo()
    for second, response in enumerate((1, 2, 3)):
        mark.look(_at(second), response, 0)
    assert mark.reached(0) == _at(0)
    assert mark.reached(0) is None
    for second, response in enumerate((3, 4, 5), start=10):
        mark.look(_at(second), response, 0)
    assert mark.reached(0) == _at(10)


def test_under_constant_load_the_end_of_the_moment_is_enough() -> None:
    mark = LandedUpTo()
    for second in range(10):
        mark.look(_at(second), second, 100 * second)
    assert mark.reached(200) == _at(0)


def test_a_partition_without_a_response_is_never_reached() -> None:
    mark = LandedUpTo()
    for second in range(5):
        mark.look(_at(second), None, None)
    assert mark.reached(10**9) is None
    assert mark.behind(0) == 0
