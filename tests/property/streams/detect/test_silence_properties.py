"""Batches of several services, in the order in which they arrive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import AlarmRaw, AlarmStatus, KpiBatch
from streams.detect.detector import Detector
from streams.detect.settings import DetectRules
from tests.unit.streams.detect.kpi_shapes import T0, kpi_batch

NOW = T0 + 10**10
MOST_BATCHES = 1_500
persists = st.sampled_from([1.0, 5.0, 20.0, 60.0])


@dataclass(frozen=True)
class Sender:
    """A sample each `step_s`, `span` of them a batch; `phase` and `lag` as parts of the time between batches."""

    step_s: int
    span: int
    phase: float
    lag: float

    @property
    def every_ms(self) -> int:
        return 1_000 * self.step_s * self.span

    def batches(self, service: str, until_ms: int) -> Iterator[tuple[int, KpiBatch]]:
        """Yield when each batch arrives, and the batch."""
        first_ms = T0 + round(self.phase * self.every_ms)
        lag_ms = round(self.lag * self.every_ms)
        while first_ms < until_ms:
            at_ms = [first_ms + 1_000 * self.step_s * number for number in range(self.span)]
            yield at_ms[-1] + lag_ms, kpi_batch({"cpu": [5.0] * self.span}, at_ms, service)
            first_ms += self.every_ms


senders = st.builds(
    Sender, step_s=st.integers(1, 60), span=st.integers(1, 20), phase=st.floats(0, 1), lag=st.floats(0, 1)
)


def _length_ms(group: Sequence[Sender], batches: int) -> int:
    """So many batches of the slowest, where the others do not send too many in that time."""
    wanted = batches * max(one.every_ms for one in group)
    return min(wanted, round(MOST_BATCHES / sum(1 / one.every_ms for one in group)))


def _told(rules: DetectRules, arriving: list[tuple[int, KpiBatch]]) -> list[tuple[int, AlarmRaw]]:
    """The alarms, each with the latest event time that had been seen then."""
    detector = Detector(rules)
    told: list[tuple[int, AlarmRaw]] = []
    seen_ms = 0
    for _, batch in sorted(arriving, key=lambda one: (one[0], one[1].service)):
        seen_ms = max(seen_ms, batch.series[0].times_ms[-1])
        told += [(seen_ms, alarm) for alarm in detector.apply(0, batch, NOW)]
    return told


@settings(deadline=None, max_examples=25)
@given(group=st.lists(senders, min_size=1, max_size=5), persist_s=persists)
def test_regular_batches_are_never_missed(group: list[Sender], persist_s: float) -> None:
    end_ms = T0 + _length_ms(group, 14)
    sent = [one for number, sender in enumerate(group) for one in sender.batches(f"s{number}", end_ms)]
    arriving = [one for one in sent if one[0] < end_ms]
    assert _told(DetectRules(persist_s=persist_s, warmup_samples=10), arriving) == []


@settings(deadline=None, max_examples=25)
@given(stopper=senders, persist_s=persists)
def test_what_stops_is_told_within_a_bounded_time(stopper: Sender, persist_s: float) -> None:
    rules = DetectRules(persist_s=persist_s, warmup_samples=10)
    patience_ms = 3 * 2 * stopper.every_ms + 6_000 * stopper.step_s + 3 * rules.persist_ms
    steady = Sender(max(1, patience_ms // 200_000), 1, 0.0, 0.0)
    bound_ms = patience_ms + 5_000 + 2 * steady.every_ms
    arriving = list(stopper.batches("stopper", T0 + max(17 * stopper.every_ms, 60_000 * stopper.step_s)))
    last_ms = arriving[-1][1].series[0].times_ms[-1]
    arriving += steady.batches("steady", last_ms + bound_ms)
    ((seen_ms, alarm),) = _told(rules, arriving)
    assert (alarm.service, alarm.name, alarm.status) == ("stopper", "KpiMissing", AlarmStatus.FIRING)
    assert alarm.started_at.timestamp() * 1000 == last_ms
    assert 3 * stopper.every_ms <= seen_ms - last_ms <= bound_ms
