"""`tocsin demo`: options in, acts on the screen, an honest exit status."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.console import emit, err, nano_usd, out, plain, table
from infra.cli.context import Installation, load_installation, load_settings
from infra.cli.demo.director import Director, Finding
from infra.cli.demo.feed import Feed, Schedule
from infra.cli.demo.judging import NO_FAULT, Result, Story, judge
from infra.cli.demo.screen import Screen
from infra.cli.exit_codes import ExitCode
from infra.cli.local_stack import LocalStack
from infra.cli.options import AsJson
from infra.cli.publishing import open_publisher
from infra.cli.up import show_event
from infra.cli.watch import Watcher, watching
from infra.local.shop.faults import FAULTS, Fault, FaultKind, choose_fault
from infra.local.shop.topology import shop_topology
from infra.local.stop_request import stop_on_signals
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from infra.runtime.sql import ControlStore, open_database
from schemas.control import Policy
from schemas.errors import InvalidRequestError
from schemas.events import Event, Report
from sinks.clickhouse.queries.costs import CostGroup

__all__ = ["demo"]

_TENANT = "shop"
_OBSERVE_S = 40.0
_ENVIRONMENT = {
    "TOCSIN_INVESTIGATE__LEAD_S": "45",
    "TOCSIN_INVESTIGATE__LEASE_S": "3",
    "TOCSIN_TRIAGE__CLOSE_AFTER_S": "1",
    "TOCSIN_DETECT__SEASON_S": "0",
}
# Detection clears an alarm only minutes after a fault has healed: in the whole story the next act would join its incident.
_STORY = {"TOCSIN_DETECT__ENABLED": "false"}
_WHOLE = Schedule(speed=10.0, heal_at_s=100.0, harmless_at_s=180.0, again_at_s=275.0, length_s=360.0)
_SHORT = Schedule(speed=8.0, length_s=130.0)


def demo(
    fault: Annotated[
        str, typer.Option(help="Which fault; `none` for a healthy shop. See --list.")
    ] = "slow-dependency",
    seed: Annotated[
        int, typer.Option(help="Draws the faulty service, its strength and all noise.", min=0)
    ] = 1,
    list_faults: Annotated[bool, typer.Option("--list", help="List the kinds of fault and end.")] = False,
    short: Annotated[bool, typer.Option("--short", help="Only the fault and its report.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the data folder.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start the stack with a simulated shop, break something, and watch the investigation.

    Exits with 0 only if the right cause came first, every time, and the harmless alarm accused nobody. `--json` implies `--short` and ends with one JSON line.
    """
    if list_faults:
        _list(as_json)
        return
    chosen = _fault(fault, seed)
    folder = Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    try:
        result = asyncio.run(_run(folder, chosen, seed, as_json, short or as_json or chosen is None))
    finally:
        if keep:
            err.print(f"kept: {folder}", highlight=False)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        emit(_json(result))
    if not result.right:
        raise typer.Exit(ExitCode.NEGATIVE)


def _list(as_json: bool) -> None:
    kinds = [
        {"fault": kind.value, "description": profile.description, "services": list(profile.targets)}
        for kind, profile in FAULTS.items()
    ]
    if as_json:
        emit(kinds)
    else:
        out.print(
            table("Faults", ("fault", "what happens"), [(one["fault"], one["description"]) for one in kinds])
        )


def _fault(name: str, seed: int) -> Fault | None:
    if name == NO_FAULT:
        return None
    try:
        return choose_fault(FaultKind(name), seed)
    except ValueError:
        known = ", ".join([*FaultKind, NO_FAULT])
        raise InvalidRequestError(f"there is no fault {name!r}", cure=f"Choose one of {known}.") from None


async def _run(folder: Path, fault: Fault | None, seed: int, quiet: bool, short: bool) -> Result:
    console = err if quiet else out
    screen = Screen(console)
    begun = time.monotonic()
    settings = load_settings(folder, _TENANT)
    with stop_on_signals() as stop:
        screen.act(1, "The stack starts")
        environment = _ENVIRONMENT if short else {**_ENVIRONMENT, **_STORY}
        async with LocalStack(settings, environment=environment).open(show_event, stop):
            work = asyncio.ensure_future(_play(settings, fault, seed, screen, _SHORT if short else _WHOLE))
            asked = asyncio.ensure_future(stop.asked.wait())
            await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
                raise KeyboardInterrupt
            result = judge(fault, seed, work.result(), time.monotonic() - begun)
            _conclude(screen, result)
    return result


@asynccontextmanager
async def _staged(
    installation: Installation, fault: Fault | None, seed: int, screen: Screen, schedule: Schedule
) -> AsyncIterator[tuple[Feed, Watcher]]:
    clock = SystemClock()
    async with (
        open_publisher(installation, "demo") as producer,
        watching(installation, _TENANT, clock.now(), screen.tocsin_event) as watcher,
    ):
        shown = _Shown(screen)
        yield Feed(producer, clock, seed, fault, _TENANT, schedule, shown), watcher


@dataclass(slots=True)
class _Shown:
    """Shows the shop's events once its life has begun: history is no news."""

    screen: Screen
    live: bool = False

    def __call__(self, event: Event) -> None:
        if self.live:
            self.screen.shop_event(event)


async def _play(
    settings: Settings, fault: Fault | None, seed: int, screen: Screen, schedule: Schedule
) -> Story:
    installation = load_installation(settings)
    await _configure(settings)
    async with _staged(installation, fault, seed, screen, schedule) as (feed, watcher):
        screen.act(2, "Normal life")
        shop = feed.shop()
        await feed.send_history(shop)
        screen.sent(feed.counts)
        assert isinstance(feed.on_event, _Shown)
        feed.on_event.live = True
        screen.say(f"  from here on live, {schedule.speed:g} times as fast as life")
        life = asyncio.ensure_future(feed.live(shop))
        try:
            director = Director(installation, feed, watcher, screen)
            return await _acts(director, screen, schedule, fault, life)
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)


async def _acts(
    director: Director, screen: Screen, schedule: Schedule, fault: Fault | None, life: asyncio.Future[None]
) -> Story:
    if fault is None:
        return Story(await director.healthy(life))
    screen.act(3, "Something breaks: alarms become one incident, the incident an investigation")
    found = await director.fault()
    screen.report(found.report)
    costs = await _show_costs(director, screen, found.report)
    if schedule.harmless_at_s is not None:
        return await _more_acts(director, screen, found, costs)
    return Story(found.report, ledger=costs)


async def _more_acts(director: Director, screen: Screen, found: Finding, costs: CostGroup) -> Story:
    screen.act(5, "It heals; then a harmless alarm, and the worker is killed while it investigates")
    harmless = await director.harmless()
    screen.say(f"  [bold]{harmless.report.verdict.value}[/]: {plain(harmless.report.headline)}")
    screen.act(6, "The same fault again: answered from memory")
    again = await director.again()
    remembered = " (from memory)" if again.report.recurrence_of else ""
    screen.say(f"  [bold]{again.report.verdict.value}[/]{remembered}: {plain(again.report.headline)}")
    first, second = found.report, again.report
    screen.say(f"  cost {nano_usd(second.cost_nano_usd)} instead of {nano_usd(first.cost_nano_usd)}")
    return Story(first, harmless.report, second, costs)


async def _show_costs(director: Director, screen: Screen, report: Report) -> CostGroup:
    screen.act(4, "What it cost, and the SQL that says so")
    found = await director.costs(report)
    screen.say(
        f"  {nano_usd(found.total.cost_nano_usd)} for {found.total.entries} ledger entries, "
        f"{found.total.rows_read or 0:,} rows read"
    )
    screen.say("\n".join(f"    {plain(line)}" for line in found.info.sql.splitlines()))
    return found.total


async def _configure(settings: Settings) -> None:
    """Tell the control plane of the shop: who calls whom, and how patient investigations are."""
    async with open_database(settings.control_database) as database:
        control = ControlStore(database)
        await control.put_topology(shop_topology(_TENANT))
        await control.put_policy(Policy(policy_id="demo", tenant=_TENANT, observe_s=_OBSERVE_S))


def _conclude(screen: Screen, result: Result) -> None:
    screen.say("")
    if result.right:
        named = result.ranked_services[0] if result.ranked_services else "nobody"
        screen.say(f"[bold green]right[/]: {named} was named first, after {result.seconds:.0f} s in all")
    else:
        screen.say(f"[bold red]wrong[/]: {'; '.join(result.wrong)}")


def _json(result: Result) -> dict[str, object]:
    return {
        "fault": result.fault,
        "expected_service": result.expected_service,
        "ranked_services": list(result.ranked_services),
        "verdict": result.verdict,
        "seconds": result.seconds,
        "seed": result.seed,
        "confidence": result.confidence,
    }
