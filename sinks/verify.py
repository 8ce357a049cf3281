"""Proves, by id, that what is in the log was decided and landed, once: reads topics and tables back and compares."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.events import AlarmRaw, InvestigationRequested, Report
from schemas.topics import CATALOGUE
from sinks.checks import (
    CheckResult,
    LandedRows,
    Place,
    ProducedMessage,
    check_decisions,
    check_evidence,
    check_investigations,
    check_landing,
)
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.investigations import ENDED
from sinks.clickhouse.queries.landed import (
    buried_offsets,
    existing_evidence,
    landed_ids,
    landed_offsets,
    posted_twice,
)
from sinks.clickhouse.writers import WRITERS
from sinks.ports import TopicMessage, TopicReader
from sinks.topic_facts import TopicFacts

__all__ = ["InvestigationCounts", "VerifyReport", "verify"]

_KEEPS_REPEATS: Final = frozenset({"alarms", "changes", "kpis", "logs"})
"""Tables with a row per message; the others keep the newest row of each event id, and the ledger the first."""
_LEDGER: Final = "costs"


@dataclass(frozen=True, slots=True)
class InvestigationCounts:
    """Investigations by what the topics say of them; `silent` ones were asked for and never heard of."""

    requested: int
    ended: int
    under_way: int
    silent: int


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was compared. `messages` counts what each topic holds."""

    results: tuple[CheckResult, ...]
    messages: Mapping[str, int]
    investigations: InvestigationCounts

    @property
    def holds(self) -> bool:
        """Nothing is lost, doubled, undecided, unanswered or made up."""
        return not self.problems

    @property
    def problems(self) -> tuple[CheckResult, ...]:
        return tuple(result for result in self.results if not result.holds)


async def verify(
    clickhouse: ClickHouse,
    reader: TopicReader,
    *,
    topics: Collection[str] = tuple(CATALOGUE),
    epoch: str = "",
) -> VerifyReport:
    """Compare the log with itself and with the tables. Ask when what was produced has landed, or it counts as missing.

    `topics` are bare names; a check across topics is made only where all of them are asked for. `epoch` is what
    `ClickHouseLanding` was given: rows of an earlier log are left out. Holds one small entry per message.

    Raises:
        RetryableError: the log or ClickHouse does not answer.
    """
    facts = TopicFacts()
    produced = {topic: await _read(reader, topic, facts) for topic in topics}
    results = [
        result
        for topic, messages in produced.items()
        for result in check_landing(topic, messages, await _landed(clickhouse, topic, messages, epoch))
    ]
    results += await _cross_checks(clickhouse, facts, topics, epoch)
    counts = {topic: len(messages) for topic, messages in produced.items()}
    return VerifyReport(tuple(results), counts, _investigations(facts))


async def _read(reader: TopicReader, topic: str, facts: TopicFacts) -> tuple[ProducedMessage, ...]:
    messages = []
    async for message in reader.read(topic):
        place = (message.partition, message.offset)
        if message.event is not None:
            facts.note(message.event, place)
        messages.append(_produced(message, place))
    return tuple(messages)


def _produced(message: TopicMessage, place: Place) -> ProducedMessage:
    if message.event is None:
        return ProducedMessage(place, "", None)
    return ProducedMessage(place, message.event.event_id, WRITERS[message.topic].rows_of(message.event))


async def _landed(
    clickhouse: ClickHouse, topic: str, messages: Sequence[ProducedMessage], epoch: str
) -> LandedRows:
    table = WRITERS[topic].table
    offsets = await landed_offsets(clickhouse, table=table, topic=topic, epoch=epoch)
    rows = {(one.partition, one.offset): one.rows for one in offsets}
    absent = [one.event_id for one in messages if one.rows is not None and one.place not in rows]
    newer: Collection[str] = ()
    if absent and table not in _KEEPS_REPEATS:
        log = None if table == _LEDGER else epoch
        newer = await landed_ids(clickhouse, table=table, topic=topic, epoch=log, ids=absent)
    return LandedRows(
        rows=rows,
        distinct={(one.partition, one.offset): one.places for one in offsets},
        newer_ids=newer,
        buried=await buried_offsets(clickhouse, topic=topic, epoch=epoch),
        repeated_ids=await posted_twice(clickhouse) if table == _LEDGER else (),
    )


async def _cross_checks(
    clickhouse: ClickHouse, facts: TopicFacts, topics: Collection[str], epoch: str
) -> list[CheckResult]:
    results = []
    if {"alarms.raw", "alarms.changed"} <= set(topics):
        buried = await buried_offsets(clickhouse, topic=AlarmRaw.TOPIC, epoch=epoch)
        results.append(check_decisions(facts.valid_alarms(buried), facts.decided, AlarmRaw.TOPIC))
    if {"investigations.requested", "investigations.status"} <= set(topics):
        results.append(check_investigations(facts.requested, facts.states, InvestigationRequested.TOPIC))
    if {"reports", "evidence"} <= set(topics):
        # The topic may have forgotten what the table still has.
        elsewhere = await existing_evidence(clickhouse, facts.cited() - facts.evidence)
        results.append(check_evidence(facts.citations, facts.evidence | elsewhere, Report.TOPIC))
    return results


def _investigations(facts: TopicFacts) -> InvestigationCounts:
    ended = {one for one in facts.requested if facts.states.get(one, set()) & ENDED}
    heard_of = facts.requested & facts.states.keys()
    return InvestigationCounts(
        requested=len(facts.requested),
        ended=len(ended),
        under_way=len(heard_of - ended),
        silent=len(facts.requested - heard_of),
    )
