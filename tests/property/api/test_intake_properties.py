from __future__ import annotations

import json
import math
from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from api.intake.columns import KpiColumns, LogColumns, SeriesName
from api.intake.counters import CounterBook
from api.intake.json_text import nests_deeper
from api.intake.letters import letters_of
from api.intake.limits import EARLIEST, LATEST
from api.intake.moments import instant, of_ms, of_ns
from api.intake.parsed import Arrival, Item, Parsed, sort_out
from api.intake.refusal import ItemError, ItemReason
from schemas.codec import encode
from schemas.events import DeadLetter, KpiBatch, LogLine
from tests.unit.api.intake.sent import ARRIVAL, NOW, NOW_MS

MESSAGE = 1_000_000

names = st.builds(
    SeriesName,
    source=st.sampled_from(["a", "b"]),
    service=st.sampled_from(["cart", "web"]),
    metric=st.sampled_from(["m", "n"]),
    unit=st.sampled_from(["", "s"]),
    labels=st.sampled_from([(), (("pod", "1"),), (("pod", "\U0001f514" * 4000),)]),
)
times = st.integers(0, 4_102_444_800_000)
samples = st.tuples(names, times, st.floats())
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@given(st.lists(samples, max_size=60))
def test_no_sample_is_lost_doubled_or_out_of_order_in_its_column(
    found: list[tuple[SeriesName, int, float]],
) -> None:
    columns = KpiColumns()
    for name, at, value in found:
        columns.add(name, at, value)
    batches = list(columns.batches("acme"))
    told = [
        (
            SeriesName(batch.source, batch.service, one.metric, one.unit, tuple(sorted(one.labels.items()))),
            at,
            value,
        )
        for batch in batches
        for one in batch.series
        for at, value in zip(one.times_ms, one.values, strict=True)
    ]
    assert Counter(map(repr, told)) == Counter(
        repr((name, at, value if math.isfinite(value) else math.nan)) for name, at, value in found
    )
    for batch in batches:
        assert batch.occurred_at == of_ms(max(one.times_ms[-1] for one in batch.series))
        assert len({(one.metric, one.unit, str(one.labels)) for one in batch.series}) == len(batch.series)
        assert len(encode(batch)) < MESSAGE


@given(st.integers(1, 40_000))
@settings(max_examples=20)
def test_a_long_series_is_cut_where_it_would_not_fit(count: int) -> None:
    columns = KpiColumns()
    name = SeriesName("a", "cart", "m", "", ())
    for number in range(count):
        columns.add(name, number, 1.0)
    batches: list[KpiBatch] = list(columns.batches("acme"))
    assert [at for batch in batches for one in batch.series for at in one.times_ms] == list(range(count))
    assert len({batch.event_id for batch in batches}) == len(batches)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.text(max_size=9)), max_size=40))
def test_no_log_record_is_lost_and_they_keep_their_order(found: list[tuple[str, str, str]]) -> None:
    columns = LogColumns()
    for number, (source, service, message) in enumerate(found):
        columns.add(source, service, LogLine(at=NOW + timedelta(seconds=number), message=message))
    for source in "ab":
        for service in "xy":
            told = [
                line.message
                for batch in columns.batches("acme")
                if (batch.source, batch.service) == (source, service)
                for line in batch.records
            ]
            assert told == [message for *origin, message in found if origin == [source, service]]


@given(json_values)
def test_how_deep_json_nests(value: Any) -> None:
    def depth(one: Any) -> int:
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    for limit in range(1, 12):
        assert nests_deeper(value, limit) is (depth(value) > limit)


@given(st.lists(st.integers(-(2**63), 2**63), max_size=30), st.integers(2, 5))
def test_each_item_is_either_taken_or_a_problem(values: list[int], divisor: int) -> None:
    def take(item: Item) -> object:
        assert isinstance(item.value, int)
        if item.value % divisor == 0:
            raise ItemError(ItemReason.INVALID_VALUE, "divisible", pointer="/value")
        if item.value % divisor == 1:
            raise OverflowError("too far")
        return item.value

    items = [Item(index, f"/{index}", value) for index, value in enumerate(values)]
    good, bad = sort_out(items, take, ARRIVAL.limits)
    assert len(good) + len(bad) == len(values)
    assert [json.loads(one.raw or b"") for one in bad] == [one for one in values if one % divisor < 2]
    assert {one.pointer.count("/") for one in bad} <= {1, 2}


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=10, unique=True))
def test_different_items_have_different_letters_and_the_same_item_the_same(bodies: list[bytes]) -> None:
    def broken(item: Item) -> None:
        raise ItemError(ItemReason.MALFORMED_LINE, "not JSON")

    def letters(arrival: Arrival) -> list[DeadLetter]:
        items = [Item(index, f"/{index}", None, body) for index, body in enumerate(bodies)]
        _, bad = sort_out(items, broken, arrival.limits)
        return letters_of(Parsed((), 0, tuple(bad)), "http/logs", "application/x-ndjson", arrival)

    first = letters(ARRIVAL)
    later = letters(Arrival(tenant="acme", source="other", at=NOW + timedelta(days=1)))
    other = letters(Arrival(tenant="globex", source="test", at=NOW))
    assert [one.message_value for one in first] == bodies
    assert [one.event_id for one in first] == [one.event_id for one in later]
    assert len({one.event_id for one in [*first, *other]}) == 2 * len(bodies)


@given(
    st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 10**6)), min_size=2, max_size=20),
    st.integers(1, 5),
)
def test_a_counters_growth_adds_up_however_it_is_cut_into_requests(
    steps: list[tuple[int, int]], each: int
) -> None:
    book, name = CounterBook(), SeriesName("a", "cart", "m", "1/s", ())
    at, value, total, seconds = NOW_MS, 0, 0.0, 0.0
    told = []
    for gap, more in steps:
        at, value = at + gap, value + more
        told.append((at, float(value)))
    for start in range(0, len(told), each):
        reading = book.reading("acme")
        for time_ms, counted in told[start : start + each]:
            growth = reading.growth(name, time_ms, (counted,))
            if growth is not None:
                total += growth.amounts[0]
                seconds += growth.seconds
        reading.keep()
    assert total == told[-1][1] - told[0][1]
    assert math.isclose(seconds, (told[-1][0] - told[0][0]) / 1000)


@given(st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None) - timedelta(days=1)))
def test_a_time_is_the_same_however_it_is_written(naive: Any) -> None:
    at = naive.replace(tzinfo=NOW.tzinfo)
    micros = (at - EARLIEST) // timedelta(microseconds=1)
    assert instant(at.isoformat(), NOW) == at
    assert instant(naive.isoformat(), NOW) == at
    assert of_ns(micros * 1000) == at
    whole = at.replace(microsecond=0)
    assert instant(int(whole.timestamp()), NOW) == instant(str(int(whole.timestamp())), NOW) == whole
