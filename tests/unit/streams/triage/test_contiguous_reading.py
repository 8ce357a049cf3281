from __future__ import annotations

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.faust_transport import ContiguousReading

TP0, TP1 = TP("alarms.raw", 0), TP("alarms.raw", 1)


def test_what_follows_is_delivered() -> None:
    reading = ContiguousReading()
    reading.restart({TP0: 10})
    assert [reading.gap_before(TP0, offset) for offset in (10, 11, 12)] == [None, None, None]


def test_what_was_fetched_before_a_rebalance_is_put_back() -> None:
    reading = ContiguousReading()
    reading.restart({TP0: 10, TP1: 5})
    assert reading.gap_before(TP0, 39) == 10
    assert reading.gap_before(TP1, 5) is None
    assert reading.gap_before(TP0, 10) is None


def test_even_a_single_missing_message_is_noticed() -> None:
    reading = ContiguousReading()
    reading.restart({TP0: 10})
    assert reading.gap_before(TP0, 11) == 10


def test_a_gap_that_is_there_twice_is_real() -> None:
    """Transaction markers and compaction leave gaps."""
    reading = ContiguousReading()
    reading.restart({TP0: 10})
    assert reading.gap_before(TP0, 12) == 10
    assert reading.gap_before(TP0, 12) is None
    assert reading.gap_before(TP0, 15) == 13
    assert reading.gap_before(TP0, 15) is None


def test_going_back_is_always_allowed_and_read_on_from_there() -> None:
    reading = ContiguousReading()
    reading.restart({TP0: 10})
    assert reading.gap_before(TP0, 3) is None
    assert reading.gap_before(TP0, 10) == 4


def test_an_unknown_partition_begins_anywhere() -> None:
    reading = ContiguousReading()
    assert reading.gap_before(TP0, 77) is None
    assert reading.gap_before(TP0, 79) == 78


@given(
    log=st.sets(st.integers(0, 60), min_size=1),
    start=st.integers(0, 60),
    stale=st.lists(st.integers(0, 60)),
)
def test_every_record_from_the_start_is_delivered_in_order(
    log: set[int], start: int, stale: list[int]
) -> None:
    """Whatever stale records come in between, as long as the fetcher goes back when told to."""
    records = sorted(offset for offset in log if offset >= start)
    reading, delivered, position, left = ContiguousReading(), list[int](), start, list(stale)
    reading.restart({TP0: start})
    while ahead := [one for one in records if one >= position]:
        late = [one for one in ahead if left and one >= left[-1]]
        offset = late[0] if late else ahead[0]
        wanted = reading.gap_before(TP0, offset)
        if wanted is not None:
            position = wanted
            offset = next(one for one in records if one >= wanted)
            assert reading.gap_before(TP0, offset) is None, "what is read again is delivered"
        delivered.append(offset)
        position = offset + 1
        left = left[:-1]
    assert delivered == records
