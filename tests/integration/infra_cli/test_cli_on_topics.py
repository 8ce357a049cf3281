"""Commands that write to and read from topics: send, topics, migrate, verify, investigate, evidence --follow."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from infra.cli.main import app
from infra.runtime.clock import SystemClock
from schemas.errors import NotFoundError, UnavailableError
from schemas.events import (
    AlarmRaw,
    ChangeRaw,
    InvestigationRequested,
    InvestigationState,
    InvestigationStatus,
    KpiBatch,
    LogBatch,
    RequestKind,
)
from streams.producer import open_producer
from streams.reader import ReadEvent, open_reader
from tests.fakes import full_events as full
from tests.integration.infra_cli.installed import Installed

pytestmark = [pytest.mark.clickhouse, pytest.mark.broker]

assert app is not None  # its import takes a second, which is no test's own


def test_what_flags_say_is_what_is_sent(whole: Installed) -> None:
    (sent,) = whole.json(
        *("send", "alarm", "HighLatency", "-s", "cart", "--severity", "critical", "--value", "1.5"),
        *("--labels", "a=b", "--indicator", "p95", "--time", "2026-03-01T12:00", "--source", "pager"),
    )
    (alarm,) = whole.consume("alarms.raw")
    assert isinstance(alarm, AlarmRaw)
    assert sent == {"sent": 1, "left_out": 0, "ids": [alarm.event_id]}
    assert (alarm.tenant, alarm.source, alarm.name, alarm.service) == (
        whole.tenant,
        "pager",
        "HighLatency",
        "cart",
    )
    assert (alarm.severity.value, alarm.value, alarm.indicator) == ("critical", 1.5, "p95")
    assert alarm.labels == {"a": "b"}
    assert f"{alarm.started_at:%Y-%m-%dT%H:%M}" == "2026-03-01T12:00"


def test_every_kind_of_event_has_its_command(whole: Installed) -> None:
    assert "sent kpis.raw kpi_" in whole.run("send", "kpi", "cpu", "0.5", "-s", "cart", "--unit", "1").stdout
    whole.run("send", "log", "it broke", "-s", "cart", "--severity", "error")
    whole.run("send", "change", "deploy cart 2", "-s", "cart", "--kind", "deploy", "--author", "ann")
    (kpi,), (log,), (change,) = (whole.consume(name) for name in ("kpis.raw", "logs.raw", "changes.raw"))
    assert isinstance(kpi, KpiBatch)
    assert (kpi.series[0].metric, kpi.series[0].values, kpi.series[0].unit) == ("cpu", (0.5,), "1")
    assert isinstance(log, LogBatch)
    assert (log.records[0].message, log.records[0].severity.value) == ("it broke", "error")
    assert isinstance(change, ChangeRaw)
    assert (change.title, change.kind.value, change.author) == ("deploy cart 2", "deploy", "ann")


def test_the_good_rows_of_a_file_go_and_the_bad_are_told(whole: Installed, tmp_path: Path) -> None:
    file = tmp_path / "kpis.csv"
    rows = [f"{at},cart,cpu,{at / 100}" for at in range(100)]
    file.write_text("\n".join(["time,service,metric,value", *rows, "101,cart,cpu,high"]))
    done = whole.run("send", "kpi", "--file", str(file), "--keep-going", status=6)
    assert "left out: 1 bad rows" in done.stderr
    assert "row 101: value: " in done.stderr
    (batch,) = whole.consume("kpis.raw")
    assert isinstance(batch, KpiBatch)
    assert batch.series[0].values == tuple(at / 100 for at in range(100))


def test_a_large_file_tells_how_far_it_is(whole: Installed, tmp_path: Path) -> None:
    file = tmp_path / "alarms.jsonl"
    file.write_text("".join(f'{{"name": "A{number}", "service": "cart"}}\n' for number in range(2_500)))
    done = whole.run("send", "alarm", "-f", str(file))
    assert "sent 2,500 events" in done.stdout
    assert "sent 2,000 of 2,500 events" in done.stderr
    assert len({one.event_id for one in whole.consume("alarms.raw")}) == 2_500


def test_topics_are_listed_beside_what_the_catalogue_wants(
    tables: Installed, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_KAFKA__BOOTSTRAP_SERVERS", kafka_bootstrap)
    monkeypatch.setenv("TOCSIN_KAFKA__TOPIC_PREFIX", f"{tables.tenant}.")
    (before,) = tables.json("topics")
    assert not any(one["exists"] for one in before)
    assert {one["messages"] for one in before} == {None}
    (made,) = tables.json("topics", "--create")
    assert all(one["exists"] for one in made)
    tables.run("send", "alarm", "A", "-s", "cart")
    (after,) = tables.json("topics")
    counts = {one["topic"]: one["messages"] for one in after}
    assert counts.pop("alarms.raw") == 1
    assert set(counts.values()) == {0}
    row = next(one for one in after if one["topic"] == "kpis.raw")
    assert (row["partitions"], row["key"]) == (4, "tenant|service")
    shown = tables.run("topics").stdout
    assert "investigations.requested" in shown
    assert str(row["schema_id"]) in shown


def test_migrations_of_the_tables_are_told_and_are_made_once(tables: Installed) -> None:
    only = ("--store", "clickhouse")
    (status,) = tables.json("migrate", "--status", *only)
    assert status["ran"] == []
    assert {one["state"] for one in status["migrations"]} == {"applied"}
    (again,) = tables.json("migrate", *only)
    assert again == status


def test_taking_the_tables_back_is_asked_about_first(tables: Installed) -> None:
    only = ("--store", "clickhouse")
    done = tables.run("migrate", "--down", "0", *only, status=1)
    assert "Take back every migration of clickhouse above 0, with its data?" in done.output
    (status,) = tables.json("migrate", "--status", *only)
    assert {one["state"] for one in status["migrations"]} == {"applied"}


def test_what_is_whole_is_proven(whole: Installed) -> None:
    alarm = full.alarm(whole.tenant)
    whole.produce(alarm, full.decision(alarm))
    for topic in ("alarms.raw", "alarms.changed"):
        whole.land_topic(topic)
    (found,) = whole.json("verify", "--settle", "0")
    assert found["holds"]
    assert found["messages"]["alarms.raw"] == found["messages"]["alarms.changed"] == 1
    shown = whole.run("verify", "--settle", "0").stdout
    assert "investigations: 0 requested, 0 ended, 0 under way, 0 queued" in shown
    assert "WRONG" not in shown


def test_what_landed_twice_is_told(whole: Installed) -> None:
    alarm = full.alarm(whole.tenant)
    whole.produce(alarm, full.decision(alarm))
    for topic, token in (("alarms.changed", "once"), ("alarms.raw", "once"), ("alarms.raw", "again")):
        whole.land_topic(topic, token)
    (found,) = whole.json("verify", "--settle", "0", status=6)
    (wrong,) = (one for one in found["checks"] if one["wrong"])
    assert (wrong["check"], wrong["topic"], wrong["wrong"]) == ("landed_once", "alarms.raw", 1)


def test_what_is_missing_from_the_tables_is_told_by_id(whole: Installed) -> None:
    alarm = full.alarm(whole.tenant)
    whole.produce(alarm, full.decision(alarm))
    shown = whole.run("verify", "--settle", "0", status=6).stdout
    assert "landed alarms.raw: 1 wrong" in shown
    assert "landed alarms.changed: 1 wrong" in shown
    assert alarm.event_id in shown


def test_an_alarm_without_a_decision_is_told(whole: Installed) -> None:
    alarm = full.alarm(whole.tenant)
    whole.produce(alarm)
    (found,) = whole.json("verify", "--settle", "0", status=6)
    undecided = [one for one in found["checks"] if one["wrong"] and "decided" in one["check"]]
    assert undecided
    assert found["messages"]["alarms.raw"] == 1


@contextmanager
def worker(
    whole: Installed, *states: InvestigationState, report: bool = False
) -> Iterator[list[InvestigationRequested]]:
    """A worker that answers the first request with these states, and with a report where it is asked to."""
    seen: list[InvestigationRequested] = []
    began = SystemClock().now() - timedelta(seconds=1)

    async def work() -> None:
        async with (
            open_reader(whole.kafka) as reader,
            open_producer(whole.kafka, source="/worker") as producer,
        ):
            async for read in reader.events([InvestigationRequested.TOPIC], since=began, follow=True):
                assert isinstance(read, ReadEvent)
                assert isinstance(read.event, InvestigationRequested)
                seen.append(read.event)
                for state in states:
                    await producer.publish(_status(read.event, state))
                if report:
                    done = full.report(whole.tenant, read.event.investigation_id, headline="it was the cart")
                    await whole._land([done])
                return

    thread = threading.Thread(target=lambda: asyncio.run(asyncio.wait_for(work(), 60)))
    thread.start()
    try:
        yield seen
    finally:
        thread.join(60)


def _status(request: InvestigationRequested, state: InvestigationState) -> InvestigationStatus:
    return InvestigationStatus(
        tenant=request.tenant,
        occurred_at=SystemClock().now(),
        investigation_id=request.investigation_id,
        incident_id=request.incident.incident_id,
        state=state,
        step="gather" if state is InvestigationState.RUNNING else "",
        message="3 findings [ok]" if state is InvestigationState.RUNNING else "",
        progress=0.5,
    )


def test_an_investigation_is_watched_to_its_report(whole: Installed) -> None:
    states = (InvestigationState.RUNNING, InvestigationState.COMPLETED)
    with worker(whole, *states, report=True) as seen:
        done = whole.run("investigate", "--service", "cart", "--format", "markdown")
    assert "running: gather  3 findings [ok]" in done.stderr
    assert "completed" in done.stderr
    assert done.stdout.startswith("# ")
    (request,) = seen
    assert (request.kind, request.tenant) == (RequestKind.MANUAL, whole.tenant)
    assert request.incident.services == ("cart",)
    assert request.investigation_id in done.stderr


@pytest.mark.parametrize("state", [InvestigationState.FAILED, InvestigationState.REFUSED])
def test_an_investigation_that_ends_otherwise_is_a_no(whole: Installed, state: InvestigationState) -> None:
    with worker(whole, state):
        done = whole.run("investigate", "--service", "cart", status=6)
    assert state.value in done.stderr
    assert done.stdout == ""


def test_an_investigation_nobody_takes_is_not_waited_for_for_ever(whole: Installed) -> None:
    with pytest.raises(UnavailableError) as waited:
        whole.run("investigate", "--service", "cart", "--timeout", "0.5")
    assert "has not ended within 0 s" in str(waited.value)
    assert "tocsin report inv_" in waited.value.cure


def test_without_following_only_the_id_is_told(whole: Installed) -> None:
    shown = whole.run("investigate", "--service", "cart", "--no-follow").stdout.strip()
    (told,) = whole.json("investigate", "--service", "cart", "--no-follow")
    requests = whole.consume("investigations.requested")
    assert {one.investigation_id for one in requests if isinstance(one, InvestigationRequested)} == {
        shown,
        told["investigation_id"],
    }


def test_an_incident_is_investigated_as_it_is_in_the_tables(whole: Installed) -> None:
    whole.land(full.incident(whole.tenant, "inc_9"))
    (told,) = whole.json("investigate", "inc_9", "--no-follow")
    assert told["incident_id"] == "inc_9"
    (request,) = whole.consume("investigations.requested")
    assert isinstance(request, InvestigationRequested)
    assert len(request.incident.alarms) == 3
    with pytest.raises(NotFoundError):
        whole.run("investigate", "inc_none", "--no-follow")
