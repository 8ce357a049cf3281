"""Reads over HTTP at 500 requests a second, from the role `api` as it runs, beside a bare FastAPI route.

The generator, ClickHouse, Redis, the broker and the API share this machine's processors.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sinks.clickhouse.client import ClickHouseAddress, open_clickhouse
from tests.bench.figures import Figure, below, percentile
from tests.bench.reads.mix import EACH_ANEW, PEER_ROWS, POLLED, requests_for
from tests.bench.reads.open_loop import Outcome, Plan
from tests.bench.reads.past import keep_landing
from tests.bench.reads.stack import HOST, Service, processor_s, serve_bare, serve_reads
from tests.bench.run import Run

__all__ = ["measure"]

_TENANTS: Final = 5
_RATE: Final = 500
_SLOW_RATE: Final = 50.0
_LANDS_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Measured:
    """What came of a load, and the processors' time that each process used meanwhile, as a share of one."""

    outcome: Outcome
    used: dict[str, float]
    rate: float

    @property
    def all(self) -> list[float]:
        return [one for many in self.outcome.latencies.values() for one in many]

    def ms(self, share: float) -> float:
        return percentile(self.all, share)

    @property
    def faults(self) -> int:
        return sum(self.outcome.faults.values())

    @property
    def api_ms(self) -> float:
        """Processor time of the API for an answer, in ms."""
        return self.used["api"] * 1000 / self.rate


async def measure(run: Run) -> list[Figure]:
    """Measure reads that are polled, reads that are each another, and the peer."""
    rate, seconds = float(run.of(_RATE, 100)), run.of(20, 2)
    async with serve_reads(run.folder, tenants=_TENANTS, incidents=run.of(4_000, 200)) as service:
        run.say(f"{_TENANTS} tenants of {len(service.past.incidents)} incidents are in the tables")
        polled = _plan(service, rate, seconds)
        await _load(run, _warming(polled, run.of(9, 3)), {})
        async with _landing_meanwhile(service):
            ours = await _load(run, polled, service.pids)
        anew = await _load(run, _plan_anew(service, seconds), service.pids)
    with serve_bare(run.folder) as (port, pid):
        bare = _plan_bare(polled, port)
        await _load(run, _warming(bare, run.of(3, 1)), {})
        peer = await _load(run, _half(bare), {"api": pid})
    return [*_figures(ours, peer), *_figures_anew(anew)]


@asynccontextmanager
async def _landing_meanwhile(service: Service) -> AsyncIterator[None]:
    """Every five seconds an incident and its alarms are inserted, as the role `land` would."""
    async with open_clickhouse(ClickHouseAddress(service.tables_url)) as clickhouse:
        landing = asyncio.create_task(keep_landing(clickhouse, service.past, _LANDS_EVERY_S))
        try:
            yield
        finally:
            landing.cancel()
            with suppress(asyncio.CancelledError):
                await landing


def _plan(service: Service, rate: float, seconds: int) -> Plan:
    count = round(rate * seconds)
    return Plan(HOST, service.port, rate, requests_for(service.past, service.keys, POLLED, count, seed=7))


def _warming(plan: Plan, seconds: int) -> Plan:
    """The beginning of the plan at a third of its rate: what is polled has been polled before."""
    rate = plan.rate / 3
    return replace(plan, rate=rate, requests=plan.requests[: round(rate * seconds)])


def _half(plan: Plan) -> Plan:
    """So many answers are enough to tell what is the same all the time."""
    return replace(plan, requests=plan.requests[: len(plan.requests) // 2])


def _plan_anew(service: Service, seconds: int) -> Plan:
    count = round(_SLOW_RATE * seconds / 2)
    asked = requests_for(service.past, service.keys, EACH_ANEW, count, seed=8)
    return Plan(HOST, service.port, _SLOW_RATE, asked)


def _plan_bare(plan: Plan, port: int) -> Plan:
    asked = tuple(replace(one, path=f"/rows/{PEER_ROWS[one.kind]}") for one in plan.requests)
    return replace(plan, port=port, requests=asked)


async def _load(run: Run, plan: Plan, pids: dict[str, int]) -> _Measured:
    """Let the generator run as a process of its own."""
    path = run.folder / "plan.json"
    plan.save(path)
    before = {name: processor_s(pid) for name, pid in pids.items()}
    outcome = await _generated(path)
    seconds = len(plan.requests) / plan.rate
    used = {name: (processor_s(pid) - before[name]) / seconds for name, pid in pids.items()}
    measured = _Measured(outcome, used, plan.rate)
    _tell(run, measured)
    return measured


async def _generated(path: Path) -> Outcome:
    # Told in a file: uvloop may lose the end of what a process that is gone has written to a pipe.
    answer = path.with_name("outcome.json")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.reads.open_loop", str(path), str(answer)
    )
    if status := await process.wait():
        raise ChildProcessError(f"the generator ended with {status}")
    return Outcome(**json.loads(answer.read_text()))


def _tell(run: Run, one: _Measured) -> None:
    kinds = ", ".join(
        f"{kind} {percentile(of, 0.95):.0f}" for kind, of in sorted(one.outcome.latencies.items())
    )
    run.say(
        f"{len(one.all)} answers: p50 {one.ms(0.5):.1f}, p95 {one.ms(0.95):.1f}, p99 {one.ms(0.99):.1f} ms; "
        f"p95 by kind: {kinds}"
    )
    run.say(
        f"statuses {dict(one.outcome.statuses)}, faults {dict(one.outcome.faults)}, "
        f"{one.outcome.given_again} from memory, {one.outcome.bytes / len(one.all):.0f} bytes each, "
        f"sent late by p99 {percentile(one.outcome.late, 0.99):.1f} ms, processors {one.used}"
    )


def _figures(ours: _Measured, peer: _Measured) -> list[Figure]:
    share = ours.outcome.given_again / len(ours.all)
    used = ", ".join(f"{name} {value:.0%}" for name, value in ours.used.items())
    beside = f"bare FastAPI route: {peer.ms(0.95):.1f} ms"
    how = f"{share:.0%} given again, {ours.outcome.statuses.get('304', 0) / len(ours.all):.0%} not modified; {used}"
    return [
        Figure("p50", ours.ms(0.5), "ms", peer=f"bare FastAPI route: {peer.ms(0.5):.1f} ms"),
        Figure("p95", ours.ms(0.95), "ms", below(20), ours=how, peer=beside),
        Figure("p99", ours.ms(0.99), "ms", peer=f"bare FastAPI route: {peer.ms(0.99):.1f} ms"),
        Figure("errors", ours.faults, "answers", below(1), ours=f"of {len(ours.all)}"),
        Figure(
            "processor time of the API for an answer",
            ours.api_ms,
            "ms",
            peer=f"bare FastAPI route: {peer.api_ms:.2f} ms",
        ),
    ]


def _figures_anew(anew: _Measured) -> list[Figure]:
    used = ", ".join(f"{name} {value:.0%}" for name, value in anew.used.items())
    how = f"{_SLOW_RATE:.0f}/s, {anew.outcome.given_again / len(anew.all):.0%} given again; {used}"
    return [
        Figure("p95 where each look is at another thing", anew.ms(0.95), "ms", ours=how),
        Figure("errors of these", anew.faults, "answers", below(1), ours=f"of {len(anew.all)}"),
    ]
