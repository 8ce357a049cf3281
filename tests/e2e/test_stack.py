"""The whole product from outside: what goes in by the command line comes out by the command line.

The tests run in this order on one stack; each uses a tenant of its own. In the Kafka lane the stack stands on three
brokers of Apache Kafka, with TLS and SCRAM.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from infra.cli.context import load_installation, load_settings
from infra.cli.main import app
from schemas.errors import InvalidRequestError, NotFoundError
from schemas.events import AlarmRaw
from streams.kafka import KafkaSettings
from streams.producer import open_producer
from tests.e2e.malformed import WAYS, RawAlarm, raw_alarms
from tests.e2e.stack import RunningStack, running, until
from tests.fakes.apache import ApacheCluster
from tests.fakes.events import alarm
from tests.kafka.holes import compact_eagerly, holes_in, messages_of

pytestmark = pytest.mark.e2e

PAST = datetime.now(UTC) - timedelta(minutes=5)
"""Long enough ago that an investigation need not wait for what follows an alarm."""
ROLES = ("stream", "detect", "investigate", "land")


@pytest.fixture(scope="module", params=[pytest.param("apache", marks=pytest.mark.kafka), "embedded"])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Commands find the Apache cluster in the environment, which is put back before the next stack starts."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "apache":
            for name, value in _as_environment(request.getfixturevalue("apache_cluster").scram).items():
                patch.setenv(f"TOCSIN_KAFKA__{name.upper()}", value)
        with running(tmp_path_factory.mktemp("stack")) as own:
            yield own


def _as_environment(kafka: KafkaSettings) -> dict[str, str]:
    return {
        "bootstrap_servers": kafka.bootstrap_servers,
        "topic_prefix": f"e2e-{uuid4().hex[:6]}.",
        "security_protocol": kafka.security_protocol,
        "sasl_mechanism": kafka.sasl_mechanism,
        "sasl_username": kafka.sasl_username,
        "sasl_password": kafka.sasl_password.get_secret_value(),
        "ssl_cafile": kafka.ssl_cafile,
        "replication_factor": "3",
        "session_timeout_s": "6",
    }


def _alarm(stack: RunningStack, tenant: str, service: str, at: datetime = PAST) -> str:
    (sent,) = stack.tocsin(
        *("send", "alarm", "HighLatency", "-s", service, "--time", at.isoformat(), "--tenant", tenant)
    )
    (event_id,) = sent["ids"]
    return str(event_id)


def _reported(stack: RunningStack, tenant: str, count: int = 1) -> list[dict[str, Any]]:
    """Wait until so many incidents have a report."""

    def found() -> list[dict[str, Any]]:
        incidents = stack.tocsin("incidents", "--tenant", tenant)
        return incidents if sum(one["report"] is not None for one in incidents) >= count else []

    incidents: list[dict[str, Any]] = until(found, f"{count} reports for {tenant}", 90)
    return incidents


def _dead_letters(stack: RunningStack, tenant: str) -> list[dict[str, Any]]:
    return stack.tocsin("dlq", "list", "--tenant", tenant, "--limit", "1000")


def test_everything_runs(stack: RunningStack) -> None:
    (state,) = stack.tocsin("status")
    assert {one["name"] for one in state["processes"]} >= {"redis", "clickhouse", *ROLES}
    assert {one["status"] for one in state["processes"]} == {"ready"}
    (topics,) = stack.tocsin("topics")
    assert all(one["exists"] for one in topics)


def test_an_alarm_becomes_an_incident_and_a_report(stack: RunningStack) -> None:
    event_id = _alarm(stack, "one", "cart")
    (incident,) = _reported(stack, "one")
    assert [one["alarm_event_id"] for one in incident["alarms"]] == [event_id]
    assert incident["report"]["verdict"] in {"data_unavailable", "benign", "inconclusive"}
    investigation = incident["report"]["investigation_id"]
    (report,) = stack.tocsin("report", investigation, "--tenant", "one")
    assert report["verdict"] == incident["report"]["verdict"]
    assert stack.tocsin("report", "--tenant", "one") == [report]
    evidence = stack.tocsin("evidence", investigation, "--tenant", "one")
    ids = {one["event_id"] for one in evidence}
    assert len(ids) == len(evidence) == report["evidence_count"] > 0
    assert {one["evidence_id"] for one in report["timeline"] if one["evidence_id"]} <= ids


def test_an_alarm_sent_twice_is_one_incident(stack: RunningStack) -> None:
    assert _alarm(stack, "twice", "cart") == _alarm(stack, "twice", "cart")
    (incident,) = _reported(stack, "twice")
    assert incident["alarm_count"] == 1


@pytest.mark.parametrize("by", ["tenant", "service", "alarm", "model", "step", "day"])
def test_costs_add_up(stack: RunningStack, by: str) -> None:
    (costs,) = stack.tocsin("costs", "--by", by, "--tenant", "one")
    total, groups = costs["total"], costs["groups"]
    assert total["entries"] == sum(one["entries"] for one in groups) > 0
    assert total["cost_nano_usd"] == sum(one["cost_nano_usd"] or 0 for one in groups)
    assert total["unpriced"] == sum(one["unpriced"] for one in groups)
    assert total["rows_read"] == sum(one["rows_read"] for one in groups)


def test_a_person_may_ask_again_and_for_what_raised_no_alarm(stack: RunningStack) -> None:
    (incident,) = _reported(stack, "one")
    first = incident["report"]["investigation_id"]
    (again,) = stack.tocsin("investigate", incident["incident_id"], "--tenant", "one")
    assert again["incident_id"] == incident["incident_id"]
    assert again["investigation_id"] != first
    asked = ("investigate", "--service", "payment", "--at", PAST.isoformat(), "--tenant", "one")
    (report,) = stack.tocsin(*asked)
    assert report["services"] == ["payment"]
    (told,) = stack.tocsin(*asked, "--no-follow")
    assert told["incident_id"] == report["incident_id"]
    assert told["investigation_id"] != report["investigation_id"]


def test_nothing_is_made_up_where_nothing_is(stack: RunningStack) -> None:
    with pytest.raises(NotFoundError):
        stack.tocsin("report", "inv_none")
    with pytest.raises(NotFoundError):
        stack.tocsin("investigate", "inc_none")
    with pytest.raises(NotFoundError):
        stack.tocsin("dlq", "show", "dl_none")
    with pytest.raises(InvalidRequestError):
        stack.tocsin("investigate", "inc_none", "--service", "cart")


async def _produce(stack: RunningStack, made: list[RawAlarm]) -> None:
    kafka = load_installation(load_settings(stack.data_dir)).kafka
    async with open_producer(kafka, source="/tocsin/e2e") as producer:
        await asyncio.gather(*(producer.send_raw("alarms.raw", one.key, one.value) for one in made))


def test_each_malformed_alarm_is_a_dead_letter_and_each_other_is_decided(stack: RunningStack) -> None:
    made = list(raw_alarms("bulk", 1_000, 100, PAST))
    decided = stack.messages("alarms.changed")
    asyncio.run(_produce(stack, made))
    wanted = Counter(one.reason for one in made if one.reason)
    assert wanted.total() == 100
    assert len(WAYS) == 10
    until(lambda: len(_dead_letters(stack, "bulk")) >= 100, "the dead letters")
    until(lambda: stack.messages("alarms.changed") >= decided + 900, "the decisions")
    (proof,) = stack.tocsin("verify", "--settle", "90")
    assert proof["holds"]
    assert proof["messages"]["alarms.changed"] == decided + 900
    assert Counter(one["reason"] for one in _dead_letters(stack, "bulk")) == wanted
    assert proof["messages"]["dead-letters"] == 100


def test_a_dead_letter_is_shown_verbatim_and_sent_back_once(stack: RunningStack) -> None:
    letters = _dead_letters(stack, "bulk")
    chosen = next(one for one in letters if one["reason"] == "bad_magic")
    (shown,) = stack.tocsin("dlq", "show", chosen["id"])
    made = {one.value.hex() for one in raw_alarms("bulk", 1_000, 100, PAST) if one.value is not None}
    assert shown["value_hex"] in made
    (sent,) = stack.tocsin("dlq", "retry", chosen["id"], chosen["id"])
    assert sent == {"sent": [chosen["id"]], "refused": {}}
    until(lambda: len(_dead_letters(stack, "bulk")) == 101, "the letter's return")
    (back,) = {one["id"] for one in _dead_letters(stack, "bulk")} - {one["id"] for one in letters}
    (again,) = stack.tocsin("dlq", "show", back)
    assert (again["retries"], again["reason"], again["value_hex"]) == (1, "bad_magic", shown["value_hex"])
    (refused,) = stack.tocsin("dlq", "retry", back, "--max-retries", "1", status=6)
    assert refused == {"sent": [], "refused": {back: "sent back 1 times already"}}


def test_all_of_a_reason_are_sent_back_once(stack: RunningStack) -> None:
    every = ("dlq", "retry", "--all", "--reason", "truncated", "--tenant", "bulk")
    (sent,) = stack.tocsin(*every)
    assert len(sent["sent"]) == 10
    until(lambda: len(_dead_letters(stack, "bulk")) == 111, "the letters' return")
    (once_more,) = stack.tocsin(*every)
    assert len(once_more["sent"]) == 10
    assert not set(once_more["sent"]) & set(sent["sent"])


def test_killed_roles_lose_nothing_and_double_nothing(stack: RunningStack) -> None:
    sent = set()
    for number, role in enumerate(ROLES):
        sent |= {_alarm(stack, "killed", f"{role}-before-{one}") for one in range(5)}
        stack.kill(role)
        sent |= {_alarm(stack, "killed", f"{role}-after-{number}-{one}") for one in range(5)}
    incidents = _reported(stack, "killed", len(sent))
    alarms = [one["alarm_event_id"] for incident in incidents for one in incident["alarms"]]
    assert sorted(alarms) == sorted(sent)
    (proof,) = stack.tocsin("verify", "--settle", "90")
    assert proof["holds"], [one for one in proof["checks"] if one["wrong"]]
    assert proof["investigations"]["ended"] == proof["investigations"]["requested"]


@pytest.mark.kafka
@pytest.mark.timeout(300)
@pytest.mark.parametrize("stack", ["apache"], indirect=True)
def test_lost_brokers_lose_nothing_and_double_nothing(
    stack: RunningStack, apache_cluster: ApacheCluster
) -> None:
    sent = {_alarm(stack, "brokers", f"before-{one}") for one in range(5)}
    apache_cluster.kill(2)
    sent |= {_alarm(stack, "brokers", f"two-of-three-{one}") for one in range(5)}
    _reported(stack, "brokers", len(sent))
    apache_cluster.start(2)
    sent |= {_alarm(stack, "brokers", f"three-again-{one}") for one in range(5)}
    apache_cluster.kill(1, 2, 3)
    apache_cluster.start(1, 2, 3)
    sent |= {_alarm(stack, "brokers", f"after-{one}") for one in range(5)}
    incidents = _reported(stack, "brokers", len(sent))
    alarms = [one["alarm_event_id"] for incident in incidents for one in incident["alarms"]]
    assert sorted(alarms) == sorted(sent)
    (proof,) = stack.tocsin("verify", "--settle", "90")
    assert proof["holds"], [one for one in proof["checks"] if one["wrong"]]
    assert proof["investigations"]["ended"] == proof["investigations"]["requested"]


async def _repeat_and_compact(kafka: KafkaSettings, tenant: str, begun: datetime) -> None:
    """Let ten alarms fire anew every half second until the topic and the table that know them have holes."""
    changelog = "tocsin-triage-alarms-changelog"
    await compact_eagerly(kafka, AlarmRaw.TOPIC, changelog)
    async with open_producer(kafka, source="/tocsin/e2e") as producer, asyncio.timeout(120):
        for number in itertools.count():
            at = begun + timedelta(seconds=number)
            names = (f"Repeated{one}" for one in range(10))
            await producer.publish_all(
                [alarm(name, "compacted", tenant=tenant, started_at=at, occurred_at=at) for name in names]
            )
            await asyncio.sleep(0.5)
            raw, table = await messages_of(kafka, AlarmRaw.TOPIC), await messages_of(kafka, changelog)
            if any(holes_in(raw, one) for one in range(4)) and any(holes_in(table, one) for one in range(4)):
                break


@pytest.mark.kafka
@pytest.mark.timeout(300)
@pytest.mark.parametrize("stack", ["apache"], indirect=True)
def test_topics_and_tables_are_compacted_meanwhile(stack: RunningStack) -> None:
    kafka = load_installation(load_settings(stack.data_dir)).kafka
    asyncio.run(_repeat_and_compact(kafka, "compacted", PAST))
    (incident,) = _reported(stack, "compacted")
    stack.kill("stream")
    asyncio.run(_repeat_and_compact(kafka, "compacted", PAST + timedelta(minutes=3)))
    (proof,) = stack.tocsin("verify", "--settle", "90")
    assert proof["holds"], [one for one in proof["checks"] if one["wrong"]]
    (known,) = _reported(stack, "compacted")
    assert known["incident_id"] == incident["incident_id"], (
        "its table came back, and with it the open incident"
    )


def test_down_stops_all_of_it_within_ten_seconds(stack: RunningStack) -> None:
    state = stack.state()
    pids = {one.pid for one in state.processes} | {state.supervisor_pid}
    begun = time.monotonic()
    assert _run_down(stack) == 0
    assert time.monotonic() - begun < 10
    assert stack.process.wait(timeout=10) == 0
    assert not [pid for pid in pids if pid is not None and _exists(pid)]


def _run_down(stack: RunningStack) -> int:
    return CliRunner().invoke(app, ["down", "--data", str(stack.data_dir)]).exit_code


def _exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
