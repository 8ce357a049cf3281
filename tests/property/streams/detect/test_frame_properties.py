"""The short way from bytes to columns gives what the long way gives, or declines."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.codec import decode_as, encode
from schemas.errors import InvalidEventError
from schemas.events import KpiBatch, KpiSamples
from streams.detect.frames import Frame, frame_of
from streams.detect.wire import FrameDecoder
from tests.unit.streams.detect.kpi_shapes import T0

names = st.text(min_size=1, max_size=12)
labels = st.dictionaries(names, st.text(max_size=12), max_size=4)
times = st.integers(T0 - 10**9, T0 + 10**11)


@st.composite
def columns(draw: st.DrawFn) -> KpiSamples:
    at = draw(st.one_of(st.lists(times, min_size=1, max_size=1), st.lists(times, min_size=1, max_size=90)))
    values = draw(st.lists(st.floats(), min_size=len(at), max_size=len(at)))
    return KpiSamples(
        metric=draw(names),
        labels=draw(labels),
        unit=draw(st.text(max_size=3)),
        times_ms=tuple(sorted(at)),
        values=tuple(values),
    )


def _batch(series: tuple[KpiSamples, ...], tenant: str = "acme", service: str = "cart") -> KpiBatch:
    at_ms = max(one.times_ms[-1] for one in series)
    return KpiBatch(
        tenant=tenant,
        occurred_at=datetime.fromtimestamp(at_ms / 1000, UTC),
        source="test",
        service=service,
        series=series,
    )


lists_of_columns = st.lists(columns(), min_size=1, max_size=8).map(tuple)


def _same(frame: Frame, batch: KpiBatch) -> bool:
    expected = frame_of(batch)
    return (
        (frame.tenant, frame.service) == (expected.tenant, expected.service)
        and [key.name for key in frame.lineup.keys] == [key.name for key in expected.lineup.keys]
        and frame.lineup.counts.tolist() == expected.lineup.counts.tolist()
        and frame.times_ms.tolist() == expected.times_ms.tolist()
        and np.array_equal(frame.values, expected.values, equal_nan=True)
    )


@settings(deadline=None, max_examples=150)
@given(sent=st.lists(st.tuples(lists_of_columns, st.sampled_from(["cart", "user"])), min_size=1, max_size=4))
def test_what_is_sent_is_read(sent: list[tuple[tuple[KpiSamples, ...], str]]) -> None:
    decoder = FrameDecoder(max_series=20)
    for series, service in sent * 2:
        batch = _batch(series, service=service)
        frame = decoder.short(encode(batch))
        assert frame is not None
        assert _same(frame, batch)


@settings(deadline=None, max_examples=100)
@given(series=lists_of_columns, moved=st.integers(-1_000_000, 10**10), data=st.data())
def test_the_same_series_with_other_samples_are_read(
    series: tuple[KpiSamples, ...], moved: int, data: st.DataObject
) -> None:
    """In any order, and some of them left out."""
    decoder = FrameDecoder()
    decoder.short(encode(_batch(series)))
    shuffled = data.draw(st.permutations(series))
    for some in (series, tuple(shuffled[: data.draw(st.integers(1, len(series)))])):
        later = tuple(
            one.model_copy(
                update={
                    "times_ms": tuple(at + moved for at in one.times_ms),
                    "values": tuple(-value for value in one.values),
                }
            )
            for one in some
        )
        frame = decoder.short(encode(_batch(later)))
        assert frame is not None
        assert _same(frame, _batch(later))


@settings(deadline=None, max_examples=400)
@given(series=lists_of_columns, where=st.floats(0, 1), put=st.binary(max_size=3), cut=st.integers(0, 3))
@example(series=(KpiSamples(metric="m", times_ms=(T0,), values=(1.0,)),), where=1.0, put=b"", cut=3)
def test_damaged_messages_are_judged_as_by_the_codec(
    series: tuple[KpiSamples, ...], where: float, put: bytes, cut: int
) -> None:
    good = encode(_batch(series))
    decoder = FrameDecoder()
    decoder.short(good)
    at = round(where * (len(good) - 1))
    for damaged in (good[:at] + put + good[at + cut :], good[:at] + put + good[at + len(put) :]):
        try:
            batch = decode_as(KpiBatch, damaged)
        except InvalidEventError:
            assert decoder.short(damaged) is None
            continue
        frame = decoder.short(damaged)
        assert frame is None or _same(frame, batch)


@pytest.mark.parametrize("at_ms", [0, -5, 1, 10**9, 2**41, 2**60])
async def test_times_that_are_not_six_bytes_go_the_long_way(at_ms: int) -> None:
    column = KpiSamples(metric="m", times_ms=(at_ms,), values=(1.0,))
    batch = KpiBatch(
        tenant="a", source="s", service="x", occurred_at=datetime(2026, 1, 1, tzinfo=UTC), series=(column,)
    )
    decoder = FrameDecoder()
    assert decoder.short(encode(batch)) is None
    assert _same(await decoder.decode(encode(batch)), batch)


async def test_what_is_invalid_is_refused_as_elsewhere() -> None:
    for bad, reason in ((None, "empty"), (b"\0\0", "truncated"), (b"\1" * 20, "bad_magic")):
        with pytest.raises(InvalidEventError) as caught:
            await FrameDecoder().decode(bad)
        assert caught.value.reason == reason
