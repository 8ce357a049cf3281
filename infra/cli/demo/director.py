"""The demo's acts: what is waited for, what is shown, and what came of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from infra.cli.context import Installation
from infra.cli.demo.feed import Feed
from infra.cli.demo.screen import Screen
from infra.cli.manual import manual_request
from infra.cli.tables import address_of
from infra.cli.watch import Watcher
from infra.local.state import read_state
from schemas.events import (
    Incident,
    IncidentTransition,
    InvestigationRequested,
    InvestigationState,
    InvestigationStatus,
    Report,
    RequestKind,
    Verdict,
)
from sinks.clickhouse.client import open_clickhouse
from sinks.clickhouse.queries.conditions import WideScope
from sinks.clickhouse.queries.costs import CostDimension, CostFilter, CostGroup, CostReport, costs_by

__all__ = ["Director", "Finding", "accuses", "adds_up"]

_PATIENCE_S = 60.0
_LANDING_S = 15.0
_LOOK_S = 30.0
_ALIVE = frozenset({IncidentTransition.OPENED, IncidentTransition.GREW})


@dataclass(frozen=True, slots=True)
class Finding:
    """An incident and what was found about it."""

    incident: Incident
    report: Report


class Director:
    """Leads through the acts. Every method raises UnavailableError when what it waits for does not come."""

    def __init__(self, installation: Installation, feed: Feed, watcher: Watcher, screen: Screen) -> None:
        self._installation = installation
        self._feed = feed
        self._watcher = watcher
        self._screen = screen
        self._told: set[str] = set()

    async def fault(self) -> Finding:
        """Wait for the first incident since the fault began, and for its report."""
        return await self._incident_and_report(lambda one: self._since(one) >= self._fault_starts_s())

    async def healthy(self, life: asyncio.Future[None]) -> Report:
        """Let the shop live; return the report of whatever was raised, or else of a look at its front end by hand."""
        await life
        if self._watcher.all(InvestigationRequested):
            return await self._reported(self._watcher.all(InvestigationRequested)[0])
        request = manual_request(
            self._feed.tenant, "web-frontend", self._feed.now - timedelta(seconds=_LOOK_S), observe_s=_LOOK_S
        )
        await self._feed.producer.publish(request)
        return await self._reported(request)

    async def again(self) -> Finding:
        """Wait for the fault's return. An incident that outgrows its remembered answer is looked at anew: that answer counts."""
        back_at = self._feed.schedule.again_at_s or 0.0
        found = await self._incident_and_report(lambda one: self._since(one) >= back_at)
        remembered = (
            one
            for one in self._watcher.all(Report)
            if one.recurrence_of and one.incident_id == found.report.incident_id
        )
        return Finding(found.incident, next(remembered, found.report))

    async def harmless(self) -> Finding:
        """Wait for the harmless alarm's incident, kill the worker while it investigates, and wait for its report."""
        peak_at = self._feed.schedule.harmless_at_s or 0.0
        incident = await self._opened(lambda one: self._since(one) >= peak_at)
        requested = await self._requested(incident)
        await self._until(lambda: self._runs(requested), "the harmless alarm's investigation")
        self.kill("investigate")
        return Finding(incident, await self._reported(requested))

    async def over(self, incident: Incident) -> None:
        """Wait until the incident is over."""
        await self._until(
            lambda: any(
                one.incident_id == incident.incident_id
                and one.transition in (IncidentTransition.CLEARED, IncidentTransition.CLOSED)
                for one in self._watcher.all(Incident)
            ),
            "the end of the incident",
        )

    def kill(self, role: str) -> None:
        """Kill a role with -9; the supervisor starts it again."""
        state = read_state(self._installation.settings.data_dir)
        victim = next((one for one in state.processes if one.name == role), None) if state else None
        if victim is not None and victim.pid is not None:
            self._screen.say(
                f"              [bold red]kill -9[/] {victim.pid} (the worker that investigates)"
            )
            os.kill(victim.pid, signal.SIGKILL)

    async def costs(self, report: Report) -> CostReport:
        """Ask ClickHouse what the investigation cost, until its ledger has landed: it adds up to what the report says.

        Where it does not within some seconds, what has landed is told as it is.
        """
        scope = WideScope(
            (report.tenant,), report.started_at - timedelta(hours=1), report.finished_at + timedelta(hours=1)
        )
        only = CostFilter(investigation_id=report.investigation_id)
        async with open_clickhouse(address_of(self._installation)) as clickhouse:
            deadline = asyncio.get_running_loop().time() + _LANDING_S
            while True:
                found = await costs_by(clickhouse, CostDimension.STEP, scope, only)
                if adds_up(report, found.total) or asyncio.get_running_loop().time() > deadline:
                    return found
                await asyncio.sleep(0.2)

    async def _incident_and_report(self, wanted: Callable[[Incident], bool]) -> Finding:
        incident = await self._opened(wanted)
        return Finding(incident, await self._reported(await self._requested(incident)))

    async def _opened(self, wanted: Callable[[Incident], bool]) -> Incident:
        def told() -> set[str]:
            return {self._survivor(incident_id) for incident_id in self._told}

        def candidates() -> list[Incident]:
            return [
                one
                for one in self._watcher.all(Incident)
                if one.transition in _ALIVE and self._survivor(one.incident_id) not in told() and wanted(one)
            ]

        await self._until(lambda: bool(candidates()), "an incident")
        found = candidates()[0]
        self._told.add(found.incident_id)
        return found

    async def _requested(self, incident: Incident) -> InvestigationRequested:
        def requests() -> list[InvestigationRequested]:
            return self._requests(incident.incident_id)

        await self._until(lambda: bool(requests()), "an investigation")
        return requests()[0]

    async def _reported(self, request: InvestigationRequested) -> Report:
        """Wait for the report; where the incident outgrew it meanwhile, for that of the last look."""

        def latest() -> str:
            given_up = {
                one.investigation_id
                for one in self._watcher.all(InvestigationStatus)
                if one.state is InvestigationState.CANCELLED
            }
            asked = self._requests(request.incident.incident_id)
            awaited = [one for one in asked if one.investigation_id not in given_up]
            return (awaited or [request])[-1].investigation_id

        def reports() -> list[Report]:
            return [r for r in self._watcher.all(Report) if r.investigation_id == latest()]

        await self._until(lambda: bool(reports()), "a report")
        return reports()[0]

    def _requests(self, incident_id: str) -> list[InvestigationRequested]:
        """Requests for the incident, or for the one that it was merged into."""
        survivor = self._survivor(incident_id)
        return [
            one
            for one in self._watcher.all(InvestigationRequested)
            if one.incident.incident_id == survivor and one.kind is not RequestKind.CANCEL
        ]

    def _survivor(self, incident_id: str) -> str:
        """The incident that has taken this one over in the end, or itself: of a merged one comes no report."""
        merged = {one.incident_id: one.merged_into for one in self._watcher.all(Incident) if one.merged_into}
        seen = {incident_id}
        while (into := merged.get(incident_id)) is not None and into not in seen:
            seen.add(into)
            incident_id = into
        return incident_id

    def _runs(self, request: InvestigationRequested) -> bool:
        """Whether the graph has begun: there is a checkpoint to go on from."""
        return any(
            one.investigation_id == request.investigation_id
            and one.state in (InvestigationState.WAITING, InvestigationState.RUNNING)
            and one.step
            for one in self._watcher.all(InvestigationStatus)
        )

    async def _until(self, met: Callable[[], bool], what: str) -> None:
        await self._watcher.until(met, what, _PATIENCE_S)

    def _since(self, incident: Incident) -> float:
        """Seconds of the shop's time between its start and the incident's transition.

        Not its opening: a fault's alarms may join an incident that an unrelated oddity had opened.
        """
        assert self._feed.started is not None
        return (incident.occurred_at - self._feed.started).total_seconds()

    def _fault_starts_s(self) -> float:
        return self._feed.fault.starts_s if self._feed.fault else 0.0


def adds_up(report: Report, ledger: CostGroup) -> bool:
    """Whether the ledger's entries of an investigation come to what its report says it cost."""
    return ledger.entries > 0 and ledger.cost_nano_usd == report.cost_nano_usd


def accuses(report: Report) -> bool:
    """Whether the report names a cause."""
    return report.verdict is Verdict.CAUSE_FOUND and bool(report.causes)
