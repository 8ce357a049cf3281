"""`tocsin verify`: is everything that was produced decided and landed, once? Proven by id from topics and tables."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from infra.cli.console import emit, err, out, table
from infra.cli.context import Installation, load_installation, load_settings
from infra.cli.exit_codes import ExitCode
from infra.cli.options import AsJson, DataDir
from infra.cli.reading import open_topics
from infra.cli.tables import address_of
from schemas.events import (
    AlarmChanged,
    AlarmRaw,
    Event,
    Incident,
    InvestigationRequested,
    InvestigationStatus,
    KpiBatch,
    RequestKind,
)
from schemas.topics import CATALOGUE
from sinks import verify as proof
from sinks.checks import Check, CheckResult, check_investigations
from sinks.clickhouse.client import ClickHouse, open_clickhouse
from streams.admin import GroupOffset, open_admin
from streams.kafka import KafkaSettings
from streams.reader import ReadEvent

__all__ = ["queued_requests", "verify"]

_INVESTIGATE = "tocsin.investigate"
_GROUPS: Mapping[str, tuple[str, ...]] = {
    "tocsin-triage": (AlarmRaw.TOPIC, AlarmChanged.TOPIC, Incident.TOPIC),
    "tocsin.detect": (KpiBatch.TOPIC,),
    _INVESTIGATE: (InvestigationRequested.TOPIC,),
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
        found = asyncio.run(_verified(installation, time.monotonic() + settle))
    if as_json:
        emit(_json(found))
    else:
        _show(found)
    if found.problems:
        raise typer.Exit(ExitCode.NEGATIVE)


@dataclass(frozen=True, slots=True)
class _Found:
    """The judgement. `queued` investigations wait for a worker; `lag` counts messages still to be handled by group."""

    report: proof.VerifyReport
    results: tuple[CheckResult, ...]
    queued: int
    lag: Mapping[str, int]

    @property
    def problems(self) -> tuple[CheckResult, ...]:
        return tuple(one for one in self.results if not one.holds)


async def _verified(installation: Installation, deadline: float) -> _Found:
    """Judge; where something is missing and there is time left, wait and judge again: it may have been on its way."""
    async with open_clickhouse(address_of(installation)) as clickhouse:
        while True:
            offsets = await _settled(installation.kafka, deadline)
            found = await _judged(clickhouse, installation, offsets)
            if not found.problems or time.monotonic() >= deadline:
                return found
            await asyncio.sleep(_LOOK_AGAIN_S)


async def _judged(
    clickhouse: ClickHouse, installation: Installation, offsets: Collection[GroupOffset]
) -> _Found:
    topics = _Topics(installation)
    report = await proof.verify(clickhouse, topics, epoch=installation.log_epoch)
    finished = {one.partition: one.committed or 0 for one in offsets if one.group.endswith(_INVESTIGATE)}
    queued = queued_requests(topics.requests, topics.heard_of, finished)
    lost = set(topics.requests) - topics.heard_of - queued
    answered = check_investigations(
        topics.requests, set(topics.requests) - lost, InvestigationRequested.TOPIC
    )
    results = tuple(answered if one.check is Check.ANSWERED else one for one in report.results)
    lag: Counter[str] = Counter()
    for one in offsets:
        lag[one.group] += one.lag
    return _Found(report, results, len(queued), lag)


def queued_requests(
    requests: Mapping[str, tuple[int, int]], heard_of: Collection[str], finished: Mapping[int, int]
) -> set[str]:
    """Return the investigations that wait for a worker: nothing is heard of them, and their turn has not come.

    `requests` gives the place of each, partition and offset; `finished` the offset in each partition below which
    every request has been brought to its end.
    """
    return {
        one
        for one, (partition, offset) in requests.items()
        if one not in heard_of and offset >= finished.get(partition, 0)
    }


async def _settled(kafka: KafkaSettings, deadline: float) -> tuple[GroupOffset, ...]:
    """Wait until no group is behind, or the deadline. Returns how far each is then."""
    while True:
        asked = (_offsets(kafka, group, topics) for group, topics in _GROUPS.items())
        offsets = tuple(one for some in await asyncio.gather(*asked) for one in some)
        if not any(one.lag for one in offsets) or time.monotonic() >= deadline:
            return offsets
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _offsets(kafka: KafkaSettings, group: str, topics: Collection[str]) -> tuple[GroupOffset, ...]:
    async with open_admin(kafka) as admin:
        return await admin.lag(f"{kafka.topic_prefix}{group}", topics)


@dataclass(frozen=True, slots=True)
class _Read:
    """Satisfies sinks.ports.TopicMessage."""

    topic: str
    partition: int
    offset: int
    event: Event | None


class _Topics:
    """Satisfies sinks.ports.TopicReader, and notes who asked for investigations and of whom something was heard."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self.requests: dict[str, tuple[int, int]] = {}
        self.heard_of: set[str] = set()

    async def read(self, topic: str) -> AsyncIterator[_Read]:
        async with open_topics(self._installation) as reader:
            async for read in reader.events([topic]):
                event = read.event if isinstance(read, ReadEvent) else None
                place = (read.message.partition, read.message.offset)
                self._note(event, place)
                yield _Read(topic, *place, event)

    def _note(self, event: Event | None, place: tuple[int, int]) -> None:
        match event:
            case InvestigationRequested() if event.kind is not RequestKind.CANCEL:
                self.requests[event.investigation_id] = place
            case InvestigationStatus():
                self.heard_of.add(event.investigation_id)
            case _:
                pass


def _show(found: _Found) -> None:
    rows = [
        (one.check.value, one.topic, one.looked_at, one.wrong, "ok" if one.holds else "WRONG")
        for one in found.results
    ]
    out.print(table("Verify", ("check", "topic", "looked at", "wrong", ""), rows))
    for one in found.problems:
        out.print(f"\n[bold red]{one.check.value} {one.topic}[/]: {one.wrong} wrong", highlight=False)
        for example in one.examples:
            out.print(f"  {example}", highlight=False, markup=False)
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in _investigations(found).items())
    out.print(f"\ninvestigations: {told}", highlight=False)
    behind = ", ".join(f"{group} by {messages}" for group, messages in found.lag.items() if messages)
    if behind:
        err.print(f"[yellow]still behind:[/] {behind}; a longer --settle waits for them", highlight=False)


def _json(found: _Found) -> dict[str, object]:
    return {
        "holds": not found.problems,
        "checks": [asdict(one) for one in found.results],
        "messages": dict(found.report.messages),
        "investigations": _investigations(found),
        "lag": dict(found.lag),
    }


def _investigations(found: _Found) -> dict[str, int]:
    counts = found.report.investigations
    return {
        "requested": counts.requested,
        "ended": counts.ended,
        "under_way": counts.under_way,
        "queued": found.queued,
    }
