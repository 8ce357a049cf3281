"""Blocks in ClickHouse's Native format, read back byte by byte by a decoder written from its documentation."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidEventError
from schemas.events import KpiBatch, KpiSamples
from sinks.clickhouse.native import (
    Counts,
    EncodedColumn,
    NativeBlock,
    array_of,
    block_of,
    keywords,
    numbers,
    repeated,
)
from sinks.clickhouse.writers import Stamp
from sinks.clickhouse.writers.kpis import KPIS
from tests.fakes.full_events import kpis
from tests.integration.sinks.samples import messages


@dataclass
class Reader:
    data: bytes
    place: int = 0

    def take(self, size: int) -> bytes:
        piece = self.data[self.place : self.place + size]
        assert len(piece) == size
        self.place += size
        return piece

    def varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def text(self) -> str:
        return self.take(self.varint()).decode()

    def number(self, form: str) -> int:
        return int(struct.unpack(f"<{form}", self.take(struct.calcsize(form)))[0])

    def keywords(self, rows: int) -> list[str]:
        assert self.number("Q") == 1  # the version with shared dictionaries
        flags = self.number("Q")
        assert flags & ~0xFF == (1 << 9) | (1 << 10)
        words = [self.text() for _ in range(self.number("Q"))]
        assert self.number("Q") == rows
        return [words[self.number({0: "B", 1: "H", 2: "I"}[flags & 0xFF])] for _ in range(rows)]


_FORMS = {
    "Int32": "i",
    "Int64": "q",
    "UInt32": "I",
    "DateTime('UTC')": "I",
    "DateTime64(3, 'UTC')": "q",
    "Float64": "d",
}


def decoded(block: NativeBlock) -> dict[str, list[object]]:
    reader = Reader(block.data)
    columns, rows = reader.varint(), reader.varint()
    assert rows == block.rows
    table: dict[str, list[object]] = {}
    for _ in range(columns):
        name, kind = reader.text(), reader.text()
        if kind == "LowCardinality(String)":
            table[name] = list(reader.keywords(rows))
        else:
            table[name] = [
                struct.unpack(f"<{_FORMS[kind]}", reader.take(struct.calcsize(_FORMS[kind])))[0]
                for _ in range(rows)
            ]
    assert reader.place == len(block.data)
    assert tuple(table) == block.names
    return table


def counts(*many: int) -> Counts:
    return np.array(many, dtype=np.int64)


def alone(column: EncodedColumn, rows: int) -> list[object]:
    return decoded(block_of([column], rows))[column.name]


def test_values_are_repeated_as_often_as_they_are_counted() -> None:
    assert alone(keywords("k", ["a", "b", "a"], counts(2, 0, 1)), 3) == ["a", "a", "a"]
    assert alone(repeated("n", "Int64", np.int64, [7, -8], counts(1, 2)), 3) == [7, -8, -8]


@pytest.mark.parametrize(("distinct", "size"), [(1, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 4)])
def test_the_dictionarys_codes_are_as_wide_as_they_must_be(distinct: int, size: int) -> None:
    words = [str(number) for number in range(distinct)]
    column = keywords("k", words, counts(*[1] * distinct))
    dictionary = sum(1 + len(word) for word in words)
    assert len(column.data) == 8 * 4 + dictionary + distinct * size


def test_a_word_that_comes_again_is_in_the_dictionary_once() -> None:
    many = keywords("k", ["same"] * 100, counts(*[1] * 100))
    assert many.data.count(b"same") == 1
    assert alone(many, 100) == ["same"] * 100


@pytest.mark.parametrize("text", ["", "ä" * 64, "x" * 127, "x" * 128, "x" * 20_000, "zero\0byte"])
def test_texts_of_any_length_are_read_back(text: str) -> None:
    assert alone(keywords("k", [text], counts(1)), 1) == [text]


def test_more_rows_than_a_byte_can_count() -> None:
    values = np.arange(40_000, dtype=np.int32)
    assert alone(numbers("n", "Int32", values), 40_000) == list(range(40_000))


@pytest.mark.parametrize(
    ("kind", "dtype", "value"),
    [
        ("Int32", np.int32, 2**31),
        ("Int64", np.int64, 2**63),
        ("UInt32", np.uint32, -1),
        ("UInt32", np.uint32, 2**32),
    ],
)
def test_a_number_that_does_not_fit_is_an_invalid_event(kind: str, dtype: type, value: int) -> None:
    with pytest.raises(InvalidEventError) as caught:
        repeated("n", kind, dtype, [value], counts(1))
    assert caught.value.reason == "not_landable"
    with pytest.raises(InvalidEventError):
        array_of([value], dtype, 1)


def landed(*batches: KpiBatch) -> dict[str, list[object]]:
    stamp = Stamp(landed_at_ms=77, expires_at={"acme": 11, "globex": 13}, epoch="e1")
    return decoded(KPIS.columns(messages(batches, first=100, partition=4), stamp))


def test_a_batch_of_samples_is_read_back_row_by_row() -> None:
    table = landed(kpis("acme"), kpis("globex", service="db"))
    assert table["metric"] == ["cpu", "cpu", "rps"] * 2
    assert table["service"] == ["cart"] * 3 + ["db"] * 3
    assert table["tenant"] == ["acme"] * 3 + ["globex"] * 3
    assert table["unit"] == ["1", "1", "1/s"] * 2
    assert table["time"] == [1_000, 2_000, 1_000] * 2
    assert table["value"][:2] == [0.5, 0.75]
    assert np.isnan(float(str(table["value"][2])))
    assert table["_partition"] == [4] * 6
    assert table["_offset"] == [100] * 3 + [101] * 3
    assert table["_index"] == [0, 1, 2] * 2
    assert table["landed_at"] == [77] * 6
    assert table["expires_at"] == [11] * 3 + [13] * 3
    assert table["_epoch"] == ["e1"] * 6


def test_labels_are_one_text_whatever_their_order() -> None:
    def batch(**labels: str) -> KpiBatch:
        series = KpiSamples(metric="cpu", labels=labels, times_ms=(1,), values=(1.0,))
        return kpis("acme", series=(series,))

    table = landed(batch(b="1", a="ü"), batch(a="ü", b="1"), batch())
    assert table["labels_json"] == ['{"a":"ü","b":"1"}', '{"a":"ü","b":"1"}', "{}"]


series_ = st.builds(
    lambda metric, samples: KpiSamples(
        metric=metric, times_ms=tuple(sorted(t for t, _ in samples)), values=tuple(v for _, v in samples)
    ),
    st.sampled_from(["cpu", "rps", "mem"]),
    st.lists(st.tuples(st.integers(0, 2**40), st.floats(allow_nan=False)), min_size=1, max_size=4),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(series_, min_size=1, max_size=3), min_size=1, max_size=3))
def test_any_batches_are_read_back_as_they_were(groups: list[list[KpiSamples]]) -> None:
    batches = [kpis("acme", series=tuple(group)) for group in groups]
    table = landed(*batches)
    samples = [
        (series.metric, time, value)
        for batch in batches
        for series in batch.series
        for time, value in zip(series.times_ms, series.values, strict=True)
    ]
    assert list(zip(table["metric"], table["time"], table["value"], strict=True)) == samples
    assert sum(KPIS.rows_of(batch) for batch in batches) == len(samples)
