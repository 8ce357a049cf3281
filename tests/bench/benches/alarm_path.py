"""Triage with its durable state, beside a Faust agent that reads the same topic and does nothing.

Two kinds of traffic. `repeats`: a thousand alarms fire, are sent 18 times more each, as Alertmanager does when something in
their group changes, and clear. `storm`: every message is an alarm never seen before. All messages are on the broker before a worker starts; the
rate is that from the first batch to the last.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from statistics import median
from uuid import uuid4

from schemas.events import AlarmRaw, AlarmStatus
from streams.admin import open_admin
from streams.kafka import KafkaSettings
from streams.producer import open_producer
from tests.bench.figures import Figure, at_least
from tests.bench.run import Run
from tests.fakes.broker import start_tansu
from tests.fakes.events import alarm

__all__ = ["command_of", "filled", "measure", "path_rate", "repeats", "storm", "worked"]

Times = dict[str, dict[str, float]]
_SERVICES = 50
_REPEATS = 18
_GROUP = 1_000


async def measure(run: Run) -> list[Figure]:
    rounds = run.of(2, 1)
    with start_tansu() as bootstrap:
        kafka = KafkaSettings.embedded(bootstrap)
        figures: list[Figure] = []
        for name, traffic, full in (("repeats", repeats, 30_000), ("storm", storm, 20_000)):
            alarms = list(islice(traffic(), run.of(full, 3_000)))
            figures += await _measured(run, kafka, name, alarms, rounds)
        return figures


async def _measured(
    run: Run, kafka: KafkaSettings, name: str, alarms: list[AlarmRaw], rounds: int
) -> list[Figure]:
    idle, intake, path = [], [], []
    for _ in range(rounds):
        ours = await filled(kafka, alarms)
        idle.append(rate(worked("idle_agent", ours, run.folder, len(alarms))["idle"]))
        times = worked("triage", ours, run.folder, len(alarms))
        intake.append(rate(times["intake"]))
        path.append(path_rate(times))
        run.say(f"{name}: idle {idle[-1]:,.0f}/s, intake {intake[-1]:,.0f}/s, whole path {path[-1]:,.0f}/s")
    peer = f"idle agent {median(idle):,.0f} messages/s"
    return [
        Figure(
            f"{name}: whole path ÷ idle agent",
            median(path) / median(idle),
            "x",
            at_least(1.0),
            f"{median(path):,.0f} alarms/s until all incidents and requests are out",
            peer,
        ),
        Figure(
            f"{name}: intake ÷ idle agent",
            median(intake) / median(idle),
            "x",
            None,
            f"{median(intake):,.0f} alarms/s decided",
            peer,
        ),
    ]


def rate(stage: dict[str, float]) -> float:
    """Messages per second after the first batch."""
    return (stage["messages"] - stage["first"]) / (stage["last_at"] - stage["first_at"])


def path_rate(times: Times) -> float:
    """Alarms per second from intake's first batch until the last stage had nothing left."""
    intake = times["intake"]
    ended = max(stage["last_at"] for stage in times.values())
    return (intake["messages"] - intake["first"]) / (ended - intake["first_at"])


async def filled(kafka: KafkaSettings, alarms: Sequence[AlarmRaw]) -> KafkaSettings:
    """Topics of their own, with these alarms in alarms.raw."""
    ours = kafka.model_copy(update={"topic_prefix": f"bench-{uuid4().hex[:6]}."})
    async with open_admin(ours) as admin:
        await admin.ensure()
    async with open_producer(ours, source="/bench") as producer:
        await producer.publish_all(alarms)
    return ours


def worked(program: str, kafka: KafkaSettings, folder: Path, alarms: int) -> Times:
    """Run the worker until it is through; when each stage began and ended."""
    done = subprocess.run(
        command_of(program, kafka, folder, alarms), stdout=subprocess.PIPE, text=True, check=True, timeout=120
    )
    times: Times = json.loads(done.stdout.splitlines()[-1])
    return times


def command_of(program: str, kafka: KafkaSettings, folder: Path, alarms: int) -> list[str]:
    """The worker's command line."""
    worker = (sys.executable, "-m", f"tests.bench.workers.{program}")
    return [*worker, json.dumps(_plain(kafka)), str(folder / uuid4().hex), str(alarms)]


def _plain(kafka: KafkaSettings) -> dict[str, object]:
    told: dict[str, object] = kafka.model_dump(mode="json", exclude={"sasl_password", "ssl_key_password"})
    return told


def repeats(start: datetime | None = None) -> Iterator[AlarmRaw]:
    """Groups of 1,000 alarms that fire, are repeated 18 times and clear."""
    begin = start or datetime.now(UTC) - timedelta(hours=1)
    for group in count():
        numbers = range(group * _GROUP, (group + 1) * _GROUP)
        firing = [_alarm(number, begin) for number in numbers]
        yield from firing
        for repeat in range(_REPEATS):
            at = begin + timedelta(seconds=repeat + 1)
            yield from (one.model_copy(update={"occurred_at": at}) for one in firing)
        cleared = {"status": AlarmStatus.CLEARED, "occurred_at": begin + timedelta(seconds=60)}
        yield from (_alarm(number, begin, **cleared) for number in numbers)


def storm(start: datetime | None = None) -> Iterator[AlarmRaw]:
    """Ever new alarms of the same services."""
    begin = start or datetime.now(UTC) - timedelta(hours=1)
    for number in count():
        yield _alarm(number, begin + timedelta(milliseconds=number))


def _alarm(number: int, at: datetime, **changes: object) -> AlarmRaw:
    service = f"service-{number % _SERVICES}"
    labels = {"alertname": "HighErrorRate", "service": service, "pod": f"{service}-{number:06d}", "zone": "b"}
    return alarm(
        "HighErrorRate",
        service,
        fingerprint=f"{number:08x}",
        occurred_at=changes.pop("occurred_at", at),
        started_at=at,
        host=f"node-{number % 20}",
        summary=f"the error rate of {service} is above 5 % for 5 minutes",
        labels=labels,
        **changes,
    )
