"""`tocsin verify`: is everything that was produced decided and landed, once? Proven by id from topics and tables."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import typer

from infra.cli.console import emit, err, out, table
from infra.cli.context import Installation, load_installation, load_settings
from infra.cli.exit_codes import ExitCode
from infra.cli.options import AsJson, DataDir
from infra.cli.tables import address_of
from schemas.events import AlarmChanged, AlarmRaw, Event, Incident, InvestigationRequested, KpiBatch
from schemas.topics import CATALOGUE
from sinks import verify as proof
from sinks.clickhouse.client import ClickHouse, open_clickhouse
from streams.admin import TopicAdmin, open_admin
from streams.kafka import KafkaSettings
from streams.reader import ReadEvent, open_reader

__all__ = ["verify"]

_GROUPS: dict[str, tuple[str, ...]] = {
    "tocsin-triage": (AlarmRaw.TOPIC, AlarmChanged.TOPIC, Incident.TOPIC),
    "tocsin.detect": (KpiBatch.TOPIC,),
    "tocsin.investigate": (InvestigationRequested.TOPIC,),
    "tocsin.land": tuple(CATALOGUE),
}
_LOOK_AGAIN_S = 0.5


def verify(
    settle: Annotated[
        float,
        typer.Option(min=0.0, help="Wait at most this long, in seconds, until nothing is on its way."),
    ] = 10.0,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Prove that nothing was lost and nothing doubled. Ends with 6 where something was.

    Every message of every topic is compared by id with the tables, alarms with their decisions, requests with
    investigations, reports with the evidence they cite. Messages that arrive meanwhile may be told as missing.
    """
    installation = load_installation(load_settings(data))
    with err.status("reading topics and tables ..."):
        report, lag = asyncio.run(_verified(installation, time.monotonic() + settle))
    if as_json:
        emit(_json(report, lag))
    else:
        _show(report, lag)
    if not report.holds:
        raise typer.Exit(ExitCode.NEGATIVE)


async def _verified(installation: Installation, deadline: float) -> tuple[proof.VerifyReport, dict[str, int]]:
    """Judge; where something is missing and there is time left, wait and judge again: it may have been on its way."""
    epoch = installation.settings.land.epoch
    async with (
        open_admin(installation.kafka) as admin,
        open_clickhouse(address_of(installation)) as clickhouse,
    ):
        while True:
            lag = await _settled(admin, installation.kafka, deadline)
            report = await _judged(clickhouse, installation.kafka, epoch)
            if report.holds or time.monotonic() >= deadline:
                return report, lag
            await asyncio.sleep(_LOOK_AGAIN_S)


async def _judged(clickhouse: ClickHouse, kafka: KafkaSettings, epoch: str) -> proof.VerifyReport:
    return await proof.verify(clickhouse, _Topics(kafka), epoch=epoch)


async def _settled(admin: TopicAdmin, kafka: KafkaSettings, deadline: float) -> dict[str, int]:
    """Wait until no group is behind, or the deadline. Returns how far each is behind then."""
    while True:
        lag = {
            group: sum(one.lag for one in await admin.lag(f"{kafka.topic_prefix}{group}", topics))
            for group, topics in _GROUPS.items()
        }
        if not any(lag.values()) or time.monotonic() >= deadline:
            return lag
        await asyncio.sleep(_LOOK_AGAIN_S)


@dataclass(frozen=True, slots=True)
class _Read:
    """Satisfies sinks.ports.TopicMessage."""

    topic: str
    partition: int
    offset: int
    event: Event | None


@dataclass(frozen=True, slots=True)
class _Topics:
    """Satisfies sinks.ports.TopicReader."""

    kafka: KafkaSettings

    async def read(self, topic: str) -> AsyncIterator[_Read]:
        async with open_reader(self.kafka) as reader:
            async for read in reader.events([topic]):
                event = read.event if isinstance(read, ReadEvent) else None
                yield _Read(topic, read.message.partition, read.message.offset, event)


def _show(report: proof.VerifyReport, lag: dict[str, int]) -> None:
    rows = [
        (one.check.value, one.topic, one.looked_at, one.wrong, "ok" if one.holds else "WRONG")
        for one in report.results
    ]
    out.print(table("Verify", ("check", "topic", "looked at", "wrong", ""), rows))
    for one in report.problems:
        out.print(f"\n[bold red]{one.check.value} {one.topic}[/]: {one.wrong} wrong", highlight=False)
        for example in one.examples:
            out.print(f"  {example}", highlight=False, markup=False)
    counts = report.investigations
    out.print(
        f"\ninvestigations: {counts.requested} asked for, {counts.ended} ended, {counts.under_way} under way",
        highlight=False,
    )
    behind = {group: messages for group, messages in lag.items() if messages}
    if behind:
        told = ", ".join(f"{group} by {messages}" for group, messages in behind.items())
        err.print(f"[yellow]still behind:[/] {told}; a longer --settle waits for them", highlight=False)


def _json(report: proof.VerifyReport, lag: dict[str, int]) -> dict[str, object]:
    counts = report.investigations
    return {
        "holds": report.holds,
        "checks": [
            {
                "check": one.check.value,
                "topic": one.topic,
                "looked_at": one.looked_at,
                "wrong": one.wrong,
                "examples": list(one.examples),
            }
            for one in report.results
        ],
        "messages": dict(report.messages),
        "investigations": {
            "requested": counts.requested,
            "ended": counts.ended,
            "under_way": counts.under_way,
            "silent": counts.silent,
        },
        "lag": lag,
    }
