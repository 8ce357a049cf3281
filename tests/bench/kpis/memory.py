"""How much the detector holds for a series."""

from __future__ import annotations

import gc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from schemas.codec import encode
from schemas.events import KpiBatch, KpiSamples
from streams.detect.detector import Detector
from streams.detect.settings import DetectRules
from streams.detect.wire import FrameDecoder

__all__ = ["bytes_a_series"]

_SAMPLES = 10
_A_BATCH = 500
_START_MS = 1_767_268_800_000


def bytes_a_series(count: int) -> float:
    """Growth of this process' resident memory by decoder and detector, over so many series that know their step."""
    detector, decoder = Detector(DetectRules(max_series=count)), FrameDecoder()
    rng = np.random.default_rng(21)
    gc.collect()
    before = _resident()
    for first in range(0, count, _A_BATCH):
        frame = decoder.short(encode(_batch(rng, first)))
        assert frame is not None
        for minute in range(_SAMPLES):
            later = replace(frame, times_ms=frame.times_ms + 60_000 * minute)
            detector.apply_all(0, [later], _START_MS)
    gc.collect()
    return (_resident() - before) / detector.series


def _batch(rng: np.random.Generator, first: int) -> KpiBatch:
    at = _START_MS - _SAMPLES * 60_000
    return KpiBatch(
        tenant="acme",
        source="bench",
        occurred_at=datetime.fromtimestamp(at / 1000, UTC),
        service=f"service-{first}",
        series=tuple(
            KpiSamples(
                metric=f"http_server_{number % 10}_requests_per_second",
                labels={"instance": f"10.{first}.{number // 10}:9100", "job": f"service-{first}"},
                times_ms=(at,),
                values=(rng.normal(10, 1),),
            )
            for number in range(_A_BATCH)
        ),
    )


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
