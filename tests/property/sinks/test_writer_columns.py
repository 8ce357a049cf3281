from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import AlarmRaw, Event, KpiBatch, KpiSamples, LogBatch, LogLine
from sinks.clickhouse.client import Columns
from sinks.clickhouse.native import NativeBlock
from sinks.clickhouse.writers import WRITERS, Stamp
from sinks.clickhouse.writers.columns import micros
from tests.fakes.full_events import everything
from tests.integration.sinks.samples import Landed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TENANTS = st.sampled_from(["acme", "globex"])
_INSTANTS = st.datetimes(
    datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
    datetime(2299, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
_LABELS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
_ALARMS = st.builds(
    AlarmRaw,
    tenant=_TENANTS,
    occurred_at=_INSTANTS,
    source=st.just("s"),
    fingerprint=st.text(min_size=1, max_size=9),
    name=st.text(min_size=1, max_size=9),
    service=st.just("cart"),
    started_at=_INSTANTS,
    received_at=st.none() | _INSTANTS,
    value=st.none() | st.floats(allow_nan=False),
    labels=_LABELS,
)
_LINES = st.builds(LogLine, at=_INSTANTS, message=st.text(max_size=20), attributes=_LABELS)
_LOGS = st.builds(
    LogBatch,
    tenant=_TENANTS,
    occurred_at=_INSTANTS,
    source=st.just("s"),
    service=st.sampled_from(["cart", "db"]),
    records=st.lists(_LINES, min_size=1, max_size=4).map(tuple),
)


@st.composite
def _series(draw: st.DrawFn) -> KpiSamples:
    times = draw(st.lists(st.integers(-(2**40), 2**42), min_size=1, max_size=5).map(sorted))
    values = draw(st.lists(st.floats(), min_size=len(times), max_size=len(times)))
    return KpiSamples(
        metric=draw(st.sampled_from(["cpu", "rps"])),
        labels=draw(_LABELS),
        times_ms=tuple(times),
        values=tuple(values),
    )


_KPIS = st.builds(
    KpiBatch,
    tenant=_TENANTS,
    occurred_at=_INSTANTS,
    source=st.just("s"),
    service=st.sampled_from(["cart", "db"]),
    series=st.lists(_series(), min_size=1, max_size=3).map(tuple),
)


def _land(events: Sequence[Event]) -> Columns | NativeBlock:
    topic = events[0].TOPIC
    messages = [Landed(event, topic, 3, 100 + number) for number, event in enumerate(events)]
    stamp = Stamp(landed_at_ms=7, expires_at={"acme": 11, "globex": 13}, epoch="e")
    return WRITERS[topic].columns(messages, stamp)


def _by_name(columns: Columns | NativeBlock) -> dict[str, list[object]]:
    assert isinstance(columns, Columns)
    assert len(columns.names) == len(columns.types) == len(columns.data)
    return {name: list(values) for name, values in zip(columns.names, columns.data, strict=True)}


@given(_INSTANTS)
def test_micros_are_exact(at: datetime) -> None:
    assert _EPOCH + timedelta(microseconds=micros(at)) == at


@given(st.lists(_ALARMS, min_size=1, max_size=5))
def test_events_become_rows_in_order(alarms: list[AlarmRaw]) -> None:
    columns = _by_name(_land(alarms))

    assert columns["event_id"] == [alarm.event_id for alarm in alarms]
    assert columns["occurred_at"] == [micros(alarm.occurred_at) for alarm in alarms]
    assert columns["received_at"] == [
        None if alarm.received_at is None else micros(alarm.received_at) for alarm in alarms
    ]
    assert columns["value"] == [alarm.value for alarm in alarms]
    assert columns["_offset"] == [100 + number for number in range(len(alarms))]
    assert columns["_index"] == [0] * len(alarms)
    assert columns["expires_at"] == [{"acme": 11, "globex": 13}[alarm.tenant] for alarm in alarms]
    assert {len(values) for values in columns.values()} == {len(alarms)}


@given(st.lists(_LOGS, min_size=1, max_size=4))
def test_lines_know_their_batch_and_their_place_in_it(batches: list[LogBatch]) -> None:
    columns = _by_name(_land(batches))

    lines = [(batch, index, line) for batch in batches for index, line in enumerate(batch.records)]
    assert columns["event_id"] == [batch.event_id for batch, _, _ in lines]
    assert columns["service"] == [batch.service for batch, _, _ in lines]
    assert columns["message"] == [line.message for _, _, line in lines]
    assert columns["_index"] == [index for _, index, _ in lines]
    assert columns["_offset"] == [100 + number for number, batch in enumerate(batches) for _ in batch.records]
    assert {len(values) for values in columns.values()} == {len(lines)}
    assert len(lines) == sum(WRITERS["logs.raw"].rows_of(batch) for batch in batches)


@given(st.lists(_KPIS, min_size=1, max_size=4))
def test_a_block_of_samples_has_a_row_for_each(batches: list[KpiBatch]) -> None:
    block = _land(batches)

    samples = sum(len(series.values) for batch in batches for series in batch.series)
    assert isinstance(block, NativeBlock)
    assert block.rows == samples == sum(WRITERS["kpis.raw"].rows_of(batch) for batch in batches)
    assert b"".join(value.to_bytes(8, "little", signed=True) for value in _times(batches)) in block.data


def _times(batches: Sequence[KpiBatch]) -> list[int]:
    return [time for batch in batches for series in batch.series for time in series.times_ms]


@given(_KPIS)
def test_the_order_of_labels_does_not_matter(batch: KpiBatch) -> None:
    shuffled = batch.model_copy(
        update={
            "series": tuple(
                series.model_copy(update={"labels": dict(reversed(series.labels.items()))})
                for series in batch.series
            )
        }
    )

    first, second = _land([batch]), _land([shuffled])

    assert isinstance(first, NativeBlock)
    assert isinstance(second, NativeBlock)
    assert first.data == second.data


def test_every_table_says_where_its_rows_come_from() -> None:
    trailer = {"_topic", "_epoch", "_partition", "_offset", "_index", "landed_at", "expires_at", "tenant"}
    for event in everything("acme"):
        assert trailer <= set(_land([event]).names), event.TOPIC
