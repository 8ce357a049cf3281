"""Where each event goes: its key, which keeps order, and its subject, which says what it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.events import Evidence, Incident, IncidentTransition, KpiBatch, KpiSamples, LogBatch, LogLine
from schemas.topics import CATALOGUE, Topic, TopicNames, topic_of
from tests.fakes import full_events
from tests.fakes.events import EPOCH, later

EVENTS = {one.TOPIC: one for one in full_events.everything("acme")}
KEYS = {
    "alarms.raw": "acme|f-1",
    "alarms.changed": "acme",
    "kpis.raw": "acme|cart",
    "logs.raw": "acme|cart",
    "changes.raw": "acme|cart",
    "incidents": "acme",
    "investigations.requested": "acme|inc_1",
    "investigations.status": "inv_1",
    "evidence": "inv_1",
    "reports": "inv_1",
    "costs": "inv_1",
    "audit": "acme",
    "feedback": "acme",
    "dead-letters": "alarms.raw",
}
SUBJECTS = {
    "alarms.raw": "cart",
    "alarms.changed": "cart",
    "kpis.raw": "cart",
    "logs.raw": "cart",
    "changes.raw": "cart",
    "incidents": "inc_1",
    "investigations.requested": "inv_1",
    "investigations.status": "inv_1",
    "evidence": "cart",
    "reports": "inv_1",
    "costs": "inv_1",
    "audit": EVENTS["audit"].event_id,
    "feedback": "inv_1",
    "dead-letters": "alarms.raw",
}
KEY_WORDS: dict[str, Callable[[Any], str]] = {
    "tenant": lambda event: event.tenant,
    "tenant|fingerprint": lambda event: f"{event.tenant}|{event.fingerprint}",
    "tenant|service": lambda event: f"{event.tenant}|{event.service}",
    "tenant|incident": lambda event: f"{event.tenant}|{event.incident.incident_id}",
    "investigation": lambda event: event.investigation_id,
    "source topic": lambda event: event.source_topic,
}


@pytest.mark.parametrize("topic", sorted(CATALOGUE))
def test_every_event_has_its_key_and_subject(topic: str) -> None:
    assert EVENTS[topic].key == KEYS[topic]
    assert EVENTS[topic].subject == SUBJECTS[topic]


@pytest.mark.parametrize("topic", sorted(CATALOGUE))
def test_the_catalogue_tells_the_key_as_it_is(topic: str) -> None:
    assert KEY_WORDS[CATALOGUE[topic].key](EVENTS[topic]) == EVENTS[topic].key


@pytest.mark.parametrize("topic", sorted(CATALOGUE))
def test_every_class_names_its_topic_and_type(topic: str) -> None:
    found = CATALOGUE[topic]
    assert found.event.TOPIC == topic == found.name
    assert found.subject == f"{topic}-value"
    assert found.event.TYPE.startswith("io.tocsin.")
    assert topic_of(found.event) is found


def test_types_are_distinct() -> None:
    assert len({topic.event.TYPE for topic in CATALOGUE.values()}) == len(CATALOGUE)


def test_evidence_about_no_service_is_about_its_investigation() -> None:
    found = full_events.evidence("acme", service="")
    assert isinstance(found, Evidence)
    assert found.subject == "inv_1"


def test_everything_about_an_incident_stays_in_one_partition() -> None:
    """Decisions, incidents of one tenant share a key; so do the steps of one investigation."""
    assert EVENTS["alarms.changed"].key == EVENTS["incidents"].key
    assert len({EVENTS[name].key for name in ("evidence", "reports", "costs", "investigations.status")}) == 1


@pytest.mark.parametrize(
    ("topic", "policy", "retention"),
    [
        (Topic(Incident, "tenant", 1, None), "delete", "-1"),
        (Topic(Incident, "tenant", 1, None, compacted=True), "compact", "-1"),
        (
            Topic(Incident, "tenant", 1, CATALOGUE["incidents"].retention, compacted=True),
            "compact,delete",
            "2592000000",
        ),
        (CATALOGUE["kpis.raw"], "delete", "86400000"),
    ],
)
def test_the_brokers_settings_follow_from_retention_and_compaction(
    topic: Topic, policy: str, retention: str
) -> None:
    assert topic.config == {"cleanup.policy": policy, "retention.ms": retention}


def test_a_prefix_comes_off_only_where_it_is() -> None:
    names = TopicNames("test.")
    assert names.on_broker("alarms.raw") == "test.alarms.raw"
    assert names.bare("test.alarms.raw") == "alarms.raw"
    assert names.bare("alarms.raw") == "alarms.raw"
    assert TopicNames().on_broker("costs") == "costs"


def _batch(*series: KpiSamples) -> str:
    return KpiBatch(
        tenant="acme", occurred_at=EPOCH, source="s", service="cart", series=tuple(series)
    ).event_id


def _samples(metric: str = "cpu", first: int = 0, last: int = 10, **labels: str) -> KpiSamples:
    return KpiSamples(metric=metric, labels=labels, times_ms=(first, last), values=(1.0, 2.0))


def test_a_kpi_batch_is_named_by_series_and_time() -> None:
    name = _batch(_samples(a="1", b="2"))
    assert name == _batch(_samples(b="2", a="1")), "labels have no order"
    others = [
        _samples("mem", a="1", b="2"),
        _samples(a="1"),
        _samples(a="1", b="3"),
        _samples(first=1, a="1", b="2"),
        _samples(last=11, a="1", b="2"),
    ]
    assert len({name, *map(_batch, others)}) == 6
    assert _batch(_samples(), _samples("mem")) not in {_batch(_samples()), _batch(_samples("mem"))}


def test_a_log_batch_is_named_by_its_lines_and_their_times() -> None:
    def named(*lines: LogLine) -> str:
        return LogBatch(
            tenant="acme", occurred_at=EPOCH, source="s", service="cart", records=tuple(lines)
        ).event_id

    one, two = LogLine(at=EPOCH, message="one"), LogLine(at=later(1), message="two")
    assert named(one, two) == named(one, two)
    late, short = LogLine(at=later(0.000001), message="one"), named(one)
    assert len({named(one, two), named(two, one), named(late), short}) == 4


def test_the_end_of_an_incident_is_another_step_than_its_growth() -> None:
    steps = {full_events.incident("acme", transition=one).event_id for one in IncidentTransition}
    assert len(steps) == len(IncidentTransition)
