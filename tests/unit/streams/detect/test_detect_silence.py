from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from schemas.events import AlarmRaw, AlarmStatus, Severity
from streams.detect.detector import Detector
from streams.detect.settings import DetectRules
from tests.unit.streams.detect.kpi_shapes import T0, kpi_batch

RULES = DetectRules()
NOW = T0 + 10**9
PER_BATCH = 10
Labels = Mapping[str, str]


class Feed:
    """Ten samples a batch, one a second, of named entities of services, until each is taken off the air."""

    def __init__(self, rules: DetectRules = RULES) -> None:
        self.detector = Detector(rules)
        self.alarms: list[AlarmRaw] = []
        self._rng = np.random.default_rng(1)
        self._tick = 0

    def run(self, batches: int, on_air: Mapping[tuple[str, str], Sequence[str]]) -> None:
        """`on_air`: metrics by (service, instance)."""
        for _ in range(batches):
            at = [T0 + 1000 * (self._tick + t) for t in range(PER_BATCH)]
            for (service, instance), metrics in on_air.items():
                columns = {metric: self._rng.normal(5, 1, PER_BATCH).tolist() for metric in metrics}
                batch = kpi_batch(columns, at, service, {"instance": instance})
                self.alarms += self.detector.apply(0, batch, NOW)
            self._tick += PER_BATCH


ALL = {("cart", "a"): ("cpu", "memory"), ("cart", "b"): ("cpu", "memory"), ("user", "u"): ("cpu", "memory")}


def test_one_series_that_stops_is_told_and_ends() -> None:
    feed = Feed()
    feed.run(30, ALL)
    feed.run(20, {**ALL, ("cart", "a"): ("cpu",)})
    (told,) = feed.alarms
    assert (told.name, told.service, told.indicator, told.entity) == ("KpiMissing", "cart", "memory", "a")
    assert (told.status, told.severity) == (AlarmStatus.FIRING, Severity.MINOR)
    assert told.started_at.timestamp() * 1000 == T0 + 299_000
    assert "stopped reporting" in told.summary
    feed.run(3, ALL)
    ended = feed.alarms[1]
    assert (ended.status, ended.fingerprint) == (AlarmStatus.CLEARED, told.fingerprint)
    assert "reports again" in ended.summary


def test_an_entity_that_stops_is_one_alarm() -> None:
    feed = Feed()
    feed.run(30, ALL)
    feed.run(20, {key: value for key, value in ALL.items() if key != ("cart", "a")})
    (told,) = feed.alarms
    assert (told.service, told.entity, told.indicator, told.severity) == ("cart", "a", "", Severity.MAJOR)


def test_a_service_that_stops_is_one_alarm() -> None:
    feed = Feed()
    feed.run(30, ALL)
    feed.run(20, {("user", "u"): ("cpu", "memory")})
    (told,) = feed.alarms
    assert (told.service, told.entity, told.indicator) == ("cart", "", "")


def test_an_entity_that_is_replaced_is_not_missed() -> None:
    feed = Feed()
    feed.run(30, ALL)
    feed.run(
        40, {("cart", "c"): ("cpu", "memory"), ("cart", "b"): ("cpu", "memory"), ("user", "u"): ("cpu",)}
    )
    assert [alarm.service for alarm in feed.alarms] == ["user"]


def test_values_that_are_not_numbers_are_no_reports() -> None:
    feed = Feed()
    feed.run(30, ALL)
    for tick in range(300, 500, PER_BATCH):
        at = [T0 + 1000 * (tick + t) for t in range(PER_BATCH)]
        both = {"cpu": [5.0] * PER_BATCH, "memory": [float("nan")] * PER_BATCH}
        feed.alarms += feed.detector.apply(0, kpi_batch(both, at, "user", {"instance": "u"}), NOW)
    assert ("user", "memory") in {(alarm.service, alarm.indicator) for alarm in feed.alarms}


def test_a_series_that_always_came_in_bursts_is_waited_for() -> None:
    feed = Feed()
    for _ in range(6):
        feed.run(10, ALL)
        feed.run(5, {("user", "u"): ("cpu", "memory")})
    assert feed.alarms == []


def test_what_is_silent_for_long_is_no_longer_expected() -> None:
    feed = Feed(DetectRules(forget_s=300))
    feed.run(30, ALL)
    feed.run(60, {("user", "u"): ("cpu", "memory")})
    told, ended = feed.alarms
    assert (told.status, ended.status) == (AlarmStatus.FIRING, AlarmStatus.CLEARED)
    assert "no longer expected" in ended.summary
    assert feed.detector.series == 2


def test_time_passes_in_an_idle_partition_only_after_live_data() -> None:
    feed = Feed()
    feed.run(30, ALL)
    assert feed.detector.idle(0, NOW + 600_000) == [], "what came was long past when it came"
    live = Detector(RULES)
    for tick in range(0, 300, PER_BATCH):
        at = [T0 + 1000 * (tick + t) for t in range(PER_BATCH)]
        batch = kpi_batch({"cpu": np.full(PER_BATCH, 5.0).tolist()}, at)
        assert live.apply(0, batch, at[-1] + 500) == []
    assert live.idle(0, T0 + 310_000) == []
    (told,) = live.idle(0, T0 + 400_000)
    assert told.started_at.timestamp() * 1000 == T0 + 299_000
    assert live.idle(0, T0 + 500_000) == []
    assert live.idle(9, T0 + 500_000) == []


def test_samples_from_the_future_are_ignored() -> None:
    detector = Detector(RULES)
    at = [T0 + 1000 * t for t in range(PER_BATCH)]
    detector.apply(0, kpi_batch({"cpu": [1.0] * PER_BATCH}, at), T0)
    far = [T0 + 10**9 + t for t in range(PER_BATCH)]
    detector.apply(0, kpi_batch({"memory": [1.0] * PER_BATCH}, far), T0)
    assert detector.series == 1
    detector.drop(0)
    assert detector.series == 0
