"""How many batches are taken at once does not matter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.events import AlarmRaw, KpiBatch
from streams.detect.detector import Detector
from streams.detect.frames import frame_of
from streams.detect.settings import DetectRules
from streams.detect.wire import FrameDecoder
from tests.unit.streams.detect.kpi_shapes import T0, kpi_batch

NOW = T0 + 10**10


def _batches(seed: int) -> list[KpiBatch]:
    """Some services, of several entities each, some of which fall silent, come back, are late or come twice."""
    rng = np.random.default_rng(seed)
    sent: list[KpiBatch] = []
    silent = {service: sorted(rng.integers(40, 100, 2)) for service in range(3)}
    for tick in range(100):
        for service, (begin, end) in silent.items():
            if begin <= tick < end:
                continue
            at = [T0 + 1_000 * (5 * tick + number) for number in range(5)]
            level = 30.0 if rng.random() < 0.01 else 0.0
            entities = range(2 if tick % 40 < 30 else 1)
            sent += [
                kpi_batch(
                    {metric: (rng.normal(5, 1, 5) + level).tolist() for metric in ("cpu", "memory")},
                    at,
                    f"s{service}",
                    {"instance": str(entity)},
                )
                for entity in entities
            ]
    for number in rng.integers(0, len(sent) - 9, 12).tolist():
        sent.insert(number + int(rng.integers(1, 9)), sent[number])
    return sent


def _cut(sent: list[KpiBatch], seed: int) -> Iterator[list[KpiBatch]]:
    rng = np.random.default_rng(seed)
    start = 0
    while start < len(sent):
        size = int(rng.integers(1, 60))
        yield sent[start : start + size]
        start += size


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000), cut=st.integers(0, 10_000), bound=st.sampled_from([5, 11, 1_000]))
def test_batches_taken_at_once_bring_the_same_alarms_in_the_same_order(
    seed: int, cut: int, bound: int
) -> None:
    rules = DetectRules(persist_s=5, warmup_samples=20, max_series=bound)
    sent = _batches(seed)
    single, joined, read = Detector(rules), Detector(rules), Detector(rules)
    decoder = FrameDecoder(max_series=20)
    told = [alarm for batch in sent for alarm in single.apply(0, batch, NOW)]
    at_once: list[AlarmRaw] = []
    from_bytes: list[AlarmRaw] = []
    for part in _cut(sent, cut):
        at_once += joined.apply_all(0, [frame_of(batch) for batch in part], NOW)
        frames = [decoder.short(encode(batch)) for batch in part]
        from_bytes += read.apply_all(0, [frame for frame in frames if frame is not None], NOW)
    assert at_once == told
    assert from_bytes == told
    assert single.series == joined.series == read.series


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_a_series_more_than_once_in_a_batch_is_as_in_several(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rules = DetectRules(warmup_samples=20)
    split, joined = Detector(rules), Detector(rules)
    for tick in range(80):
        at = [T0 + 1_000 * (10 * tick + number) for number in range(10)]
        level = 40.0 if tick == 60 else 0.0
        halves = [
            kpi_batch({"cpu": (rng.normal(0, 1, 5) + level).tolist()}, at[half : half + 5]) for half in (0, 5)
        ]
        whole = halves[0].model_copy(update={"series": halves[0].series + halves[1].series})
        apart = [alarm for half in halves for alarm in split.apply(0, half, NOW)]
        assert joined.apply(0, whole, NOW) == apart
