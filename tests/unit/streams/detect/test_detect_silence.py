from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

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


def _paced(detector: Detector, every_s: int, step_s: int, seconds: int) -> list[AlarmRaw]:
    """`cart` sends a batch every so often, `user` every five seconds; both from T0 on."""
    alarms: list[AlarmRaw] = []
    for second in range(5, seconds + 1, 5):
        if second % every_s == 0:
            at = [T0 + 1000 * (second - every_s + t) for t in range(step_s, every_s + 1, step_s)]
            alarms += detector.apply(0, kpi_batch({"cpu": [5.0] * len(at)}, at, "cart"), NOW)
        alarms += detector.apply(0, kpi_batch({"cpu": [5.0]}, [T0 + 1000 * second], "user"), NOW)
    return alarms


def test_a_batch_a_minute_is_no_silence_between() -> None:
    """The samples are five seconds apart, the batches sixty, and only five seconds need persist."""
    detector = Detector(DetectRules(persist_s=5))
    assert _paced(detector, 60, 5, 1_200) == []
    silent = [
        alarm
        for second in range(1_205, 1_500, 5)
        for alarm in detector.apply(0, kpi_batch({"cpu": [5.0]}, [T0 + 1000 * second], "user"), NOW)
    ]
    (told,) = silent
    assert told.service == "cart"
    assert (told.occurred_at - told.started_at).total_seconds() == 3 * 60 + 5


def test_a_sender_that_slows_down_is_told_at_most_twice_then_known() -> None:
    detector = Detector(DetectRules(persist_s=5))
    at = [T0 - 600_000 + 1000 * t for t in range(600)]
    for start in range(0, 600, PER_BATCH):
        detector.apply(0, kpi_batch({"cpu": [5.0] * PER_BATCH}, at[start : start + PER_BATCH], "cart"), NOW)
    alarms = _paced(detector, 300, 5, 3_000)
    fired = [alarm for alarm in alarms if alarm.status is AlarmStatus.FIRING]
    assert 1 <= len(fired) <= 2
    assert alarms[-1].status is AlarmStatus.CLEARED


def test_one_outage_is_no_habit() -> None:
    """After an hour away the next silence is told within minutes."""
    feed = Feed()
    feed.run(30, ALL)
    feed.run(360, {("user", "u"): ("cpu", "memory")})
    feed.run(30, ALL)
    feed.alarms.clear()
    feed.run(60, {("user", "u"): ("cpu", "memory")})
    (told,) = feed.alarms
    assert (told.occurred_at - told.started_at).total_seconds() <= 240


def test_history_in_long_batches_does_not_delay_what_is_live() -> None:
    """Ten hours in batches of an hour, then a batch every ten seconds: within minutes only the latter count."""
    detector = Detector(RULES)
    for hour in range(-10, 0):
        at = [T0 + 3_600_000 * hour + 5_000 * t for t in range(720)]
        for service in ("cart", "user"):
            detector.apply(0, kpi_batch({"cpu": [5.0] * 720}, at, service), NOW)
    assert _paced(detector, 10, 1, 2_400) == []
    (told,) = (
        alarm
        for second in range(2_405, 3_000, 5)
        for alarm in detector.apply(0, kpi_batch({"cpu": [5.0]}, [T0 + 1000 * second], "user"), NOW)
    )
    assert (told.service, told.occurred_at - told.started_at) == ("cart", timedelta(seconds=60))


def test_one_batch_alone_is_not_missed() -> None:
    """Nothing is known of when the next would come."""
    detector = Detector(RULES)
    at = [T0 + 1000 * t for t in range(500)]
    detector.apply(0, kpi_batch({"cpu": [5.0] * 500}, at, "import"), NOW)
    assert _paced(detector, 10, 1, 4_000) == []
