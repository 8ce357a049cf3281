from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from infra.runtime.schema_registry.client import SchemaText
from infra.runtime.schema_registry.learned import LearnedSchemas
from infra.runtime.schema_registry.patience import Patience
from infra.runtime.schema_registry.texts import topics_by_record
from schemas.errors import ConfigurationError, InvalidEventError, UnavailableError
from schemas.registry import builtin_registry

TOPICS = topics_by_record(builtin_registry().current)
EVIDENCE = SchemaText(schema=json.dumps(builtin_registry().current["evidence"].schema))


@dataclass
class Clock:
    """Time that passes only when slept."""

    at: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


@dataclass
class Registry:
    schemas: dict[int, SchemaText] = field(default_factory=dict)
    asked: list[int] = field(default_factory=list)
    away: bool = False

    async def ask(self, schema_id: int) -> SchemaText | None:
        self.asked.append(schema_id)
        await asyncio.sleep(0)
        if self.away:
            raise UnavailableError("away")
        return self.schemas.get(schema_id)


def _learned(registry: Registry, clock: Clock) -> LearnedSchemas:
    return LearnedSchemas(registry.ask, TOPICS, clock.monotonic, keep_s=30)


async def test_what_was_not_there_is_asked_for_again_after_a_while() -> None:
    clock, registry = Clock(), Registry()
    learned = _learned(registry, clock)
    with pytest.raises(InvalidEventError):
        await learned.learn(5)
    registry.schemas[5] = EVIDENCE
    clock.at = 29.9
    with pytest.raises(InvalidEventError, match="schema id 5"):
        await learned.learn(5)
    assert learned.known(5) is None

    clock.at = 30.0
    await learned.learn(5)

    known = learned.known(5)
    assert known is not None
    assert (known.id, known.topic, known.version) == (5, "evidence", None)
    assert registry.asked == [5, 5]


async def test_an_absence_is_not_remembered() -> None:
    registry = Registry({5: EVIDENCE}, away=True)
    learned = _learned(registry, Clock())
    with pytest.raises(UnavailableError):
        await learned.learn(5)
    registry.away = False

    await learned.learn(5)

    assert learned.known(5) is not None


async def test_all_who_wait_are_answered_by_one_question_also_when_it_fails() -> None:
    registry = Registry(away=True)
    learned = _learned(registry, Clock())

    told = await asyncio.gather(*(learned.learn(5) for _ in range(10)), return_exceptions=True)

    assert [type(one) for one in told] == [UnavailableError] * 10
    assert registry.asked == [5]


async def test_strangers_are_remembered_up_to_a_number() -> None:
    registry, clock = Registry(), Clock()
    learned = _learned(registry, clock)
    for schema_id in (*range(1, 10_002), 10_001, 2, 1):
        with pytest.raises(InvalidEventError):
            await learned.learn(schema_id)
    assert registry.asked == [*range(1, 10_002), 1]


async def test_patience_doubles_its_pauses_and_ends() -> None:
    clock, registry = Clock(), Registry(away=True)

    with pytest.raises(UnavailableError):
        await Patience(clock, 10).asked(lambda: registry.ask(1))

    assert clock.slept == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0, 2.0]
    assert len(registry.asked) == 8


async def test_patience_is_for_absence_alone() -> None:
    clock = Clock()

    async def refuse() -> None:
        raise ConfigurationError("no")

    with pytest.raises(ConfigurationError):
        await Patience(clock, 10).asked(refuse)
    assert clock.slept == []
