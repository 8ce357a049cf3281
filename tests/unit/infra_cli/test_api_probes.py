from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from api.ports import StoredResponse
from infra.cli.compose.api import _bound
from infra.cli.compose.api_ports import TriageRules, _response, _text
from infra.cli.compose.api_probes import BrokerProbe, LagProbe, MemoryProbe
from schemas.errors import ConfigurationError, UnavailableError
from streams.admin import GroupOffset
from tests.fakes.api import ManualClock


@dataclass
class Broker:
    """The part of TopicAdmin that the probes ask."""

    lags: dict[str, int] = field(default_factory=dict)
    failure: Exception | None = None
    asked: list[str] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def groups(self) -> tuple[str, ...]:
        if self.failure:
            raise self.failure
        return tuple(self.lags)

    async def lag(self, group: str, topics: Collection[str]) -> tuple[GroupOffset, ...]:
        if self.failure:
            raise self.failure
        self.asked.append(group)
        if group.endswith("land"):
            self.done.set()
        return tuple(GroupOffset(group, topic, 0, 0, self.lags.get(group, 0)) for topic in topics)


def lag_probe(broker: Broker, clock: ManualClock, limit: int = 100) -> LagProbe:
    return LagProbe(broker, "p.", limit, clock)  # type: ignore[arg-type]  # all that is asked of the admin


async def test_the_lag_is_not_known_before_it_was_measured_nor_long_after() -> None:
    clock = ManualClock()
    probe = lag_probe(Broker(), clock)
    with pytest.raises(UnavailableError, match="not known"):
        await probe.check()
    await probe.measure()
    assert await probe.check() == "tocsin-triage 0, tocsin.investigate 0, tocsin.land 0"
    clock.pass_s(121)
    with pytest.raises(UnavailableError, match="not known"):
        await probe.check()


async def test_a_group_that_is_far_behind_is_named_with_its_prefix_looked_for() -> None:
    broker = Broker({"p.tocsin.investigate": 101})
    probe = lag_probe(broker, ManualClock())
    await probe.measure()
    with pytest.raises(UnavailableError, match=r"more than 100 messages behind: .*investigate 101"):
        await probe.check()
    assert set(broker.asked) == {"p.tocsin-triage", "p.tocsin.investigate", "p.tocsin.land"}
    broker.lags = {"p.tocsin.investigate": 100}
    await probe.measure()
    assert "investigate 100" in await probe.check()


async def test_it_measures_beside_the_requests_and_survives_a_broker_that_is_away() -> None:
    broker = Broker(failure=UnavailableError("away"))
    probe = lag_probe(broker, ManualClock())
    async with probe.measuring():
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError):
            await probe.check()
    broker.failure = None
    async with probe.measuring(), asyncio.timeout(5):
        await broker.done.wait()
        await asyncio.sleep(0)
        assert "land 0" in await probe.check()


async def test_the_broker_is_asked_for_its_groups() -> None:
    assert await BrokerProbe(Broker({"a": 1})).check() == "1 consumer groups"  # type: ignore[arg-type]  # as above
    with pytest.raises(UnavailableError):
        await BrokerProbe(Broker(failure=UnavailableError("away"))).check()  # type: ignore[arg-type]  # as above


async def test_memory_is_told_before_it_is_out(tmp_path: Path) -> None:
    statm = tmp_path / "statm"
    statm.write_text("100000 50000 1 1 0 1 0\n")
    assert "of 300 MiB" in await MemoryProbe(limit=300 << 20, statm=statm).check()
    with pytest.raises(UnavailableError, match="too much"):
        await MemoryProbe(limit=100 << 20, statm=statm).check()
    assert await MemoryProbe(limit=1, statm=tmp_path / "none").check() == "not known on this system"


def test_a_stored_answer_comes_back_whole() -> None:
    answer = StoredResponse(201, "application/json", {"etag": '"x"', "location": "/v1/ä"}, b"\x00\xff{}")
    assert _response(_text(answer)) == answer


def test_triage_says_what_it_cannot_understand() -> None:
    rules = TriageRules()
    assert rules.condition_problem("") == rules.condition_problem('"cart" in services') == ""
    assert rules.condition_problem("services ==") != ""
    assert rules.pattern_problem("a|b.*") == ""
    assert "RE2" in rules.pattern_problem("(?<=x)y")


def test_a_port_that_is_taken_is_told_with_its_cure() -> None:
    with _bound("127.0.0.1", 0) as one:
        one.listen()
        port = one.getsockname()[1]
        with pytest.raises(ConfigurationError, match=str(port)) as refused, _bound("127.0.0.1", port):
            pass
    assert "TOCSIN_API__PORT" in refused.value.cure
