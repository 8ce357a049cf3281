from __future__ import annotations

import asyncio

import pytest

from streams.jobs.slots import Claim, Slots


async def _hold(slots: Slots, claim: Claim, name: str, log: list[str], release: asyncio.Event) -> None:
    async with slots.held(claim):
        log.append(name)
        await release.wait()


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def _order(slots: Slots, claims: list[tuple[str, Claim]]) -> list[str]:
    """Queue all claims behind a held slot and tell in which order they get it."""
    log: list[str] = []
    gates = {name: asyncio.Event() for name, _ in claims}
    first = asyncio.Event()
    tasks = [asyncio.create_task(_hold(slots, Claim("other"), "first", log, first))]
    await _turns()
    for name, claim in claims:
        tasks.append(asyncio.create_task(_hold(slots, claim, name, log, gates[name])))
    await _turns()
    assert log == ["first"]
    first.set()
    for _ in claims:
        await _turns()
        gates[log[-1]].set() if log[-1] != "first" else None
    await asyncio.gather(*tasks)
    return log[1:]


async def test_equals_are_served_in_order_of_arrival() -> None:
    claims = [(name, Claim("t")) for name in "abc"]
    assert await _order(Slots(1), claims) == ["a", "b", "c"]


async def test_the_most_urgent_goes_first() -> None:
    claims = [("low", Claim("t", 10)), ("high", Claim("t", 90)), ("mid", Claim("t", 50))]
    assert await _order(Slots(1), claims) == ["high", "mid", "low"]


async def test_among_equally_urgent_claims_the_earliest_goes_first() -> None:
    claims = [("late", Claim("t", since=2.0)), ("early", Claim("t", since=1.0)), ("top", Claim("t", 90, 3.0))]
    assert await _order(Slots(1), claims) == ["top", "early", "late"]


async def test_full_says_that_who_comes_has_to_wait() -> None:
    slots = Slots(1)
    assert not slots.full
    async with slots.held(Claim()):
        assert slots.full
    assert not slots.full


async def test_thousands_may_wait_and_be_cancelled() -> None:
    slots, log, gate = Slots(1), list[str](), asyncio.Event()
    holder = asyncio.create_task(_hold(slots, Claim(), "holder", log, gate))
    await _turns()
    waiting = [asyncio.create_task(_hold(slots, Claim(f"t{n % 3}"), str(n), log, gate)) for n in range(3_000)]
    await _turns()
    for task in waiting[:2_999]:
        task.cancel()
    gate.set()
    await asyncio.gather(holder, *waiting, return_exceptions=True)
    assert log == ["holder", "2999"]


async def test_a_storm_of_one_tenant_does_not_starve_another() -> None:
    slots, log, gate = Slots(2), list[str](), asyncio.Event()
    storm = [asyncio.create_task(_hold(slots, Claim("loud", 100), f"loud{i}", log, gate)) for i in range(5)]
    await _turns()
    quiet = asyncio.create_task(_hold(slots, Claim("quiet", 1), "quiet", log, gate))
    await _turns()
    assert log == ["loud0", "loud1"]
    storm[0].cancel()
    await _turns()
    assert log == ["loud0", "loud1", "quiet"]
    gate.set()
    await asyncio.gather(*storm, quiet, return_exceptions=True)
    assert sorted(log) == sorted([*(f"loud{i}" for i in range(5)), "quiet"])


async def test_the_limit_holds() -> None:
    slots, running, most = Slots(3), 0, 0

    async def work(tenant: str) -> None:
        nonlocal running, most
        async with slots.held(Claim(tenant)):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(work(f"t{i % 4}") for i in range(40)))
    assert most == 3


@pytest.mark.parametrize("granted", [False, True])
async def test_a_cancelled_claim_gives_its_slot_back(granted: bool) -> None:
    slots, log, gate = Slots(1), list[str](), asyncio.Event()
    holder = asyncio.create_task(_hold(slots, Claim(), "holder", log, gate))
    await _turns()
    waiting = asyncio.create_task(_hold(slots, Claim(), "waiting", log, gate))
    behind = asyncio.create_task(_hold(slots, Claim(), "behind", log, gate))
    await _turns()
    if granted:
        holder.cancel()
        await asyncio.sleep(0)
    waiting.cancel()
    gate.set()
    await asyncio.gather(holder, waiting, behind, return_exceptions=True)
    assert log[-1] == "behind"
    async with asyncio.timeout(5), slots.held(Claim()):
        pass
