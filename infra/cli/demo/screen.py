"""What a person sees of the demo: a line for each thing that happens, with the shop's own time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from rich.console import Console
from rich.markdown import Markdown
from rich.padding import Padding
from rich.panel import Panel

from infra.cli.console import plain
from infra.cli.demo.feed import Counts
from infra.cli.report import for_terminal
from schemas.events import (
    AlarmChanged,
    AlarmRaw,
    AlarmStatus,
    ChangeRaw,
    Decision,
    Event,
    Evidence,
    Incident,
    IncidentTransition,
    InvestigationRequested,
    InvestigationState,
    InvestigationStatus,
    Report,
    RequestKind,
    Severity,
)
from schemas.pages.words import many

__all__ = ["Screen"]

_COLOURS = {
    Severity.CRITICAL: "bold red",
    Severity.MAJOR: "red",
    Severity.MINOR: "yellow",
    Severity.WARNING: "yellow",
    Severity.CLEARED: "green",
}
_ALARMS_SHOWN = 6
_DETECTED_SHOWN = 8
_EVIDENCE_SHOWN = 8
_NOTABLE = 1.0


class Screen:
    """Prints to the console it is given. Not thread-safe; called from the event loop."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._alarms = 0
        self._detections = 0
        self._known: set[str] = set()
        self._findings: dict[str, int] = {}

    def act(self, number: int, title: str) -> None:
        self._alarms = self._detections = 0
        self._console.print()
        self._console.rule(f"[bold]{number}. {title}", align="left")

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False)

    def sent(self, counts: Counts) -> None:
        self.say(
            f"  {counts.samples:,} KPI samples, {counts.lines:,} log lines, {counts.changes} changes, "
            f"{counts.alarms} alarms so far"
        )

    def shop_event(self, event: Event) -> None:
        """Show what the shop sends, as far as it is news."""
        match event:
            case AlarmRaw():
                self._alarm(event)
            case ChangeRaw():
                self._line(
                    event.occurred_at, f"[cyan]change[/]    {plain(event.service)}: {plain(event.title)}"
                )
            case _:
                pass

    def tocsin_event(self, event: Event) -> None:
        """Show what Tocsin makes of it."""
        match event:
            case AlarmChanged():
                self._detected(event)
            case Incident():
                self._incident(event)
            case InvestigationRequested():
                self._request(event)
            case InvestigationStatus():
                self._status(event)
            case Evidence():
                self._evidence(event)
            case _:
                pass

    def report(self, report: Report) -> None:
        self._console.print(
            Padding(
                Panel(Markdown(for_terminal(report.markdown)), title="report", border_style="bold"), (1, 0)
            )
        )

    def _alarm(self, alarm: AlarmRaw) -> None:
        """Show an alarm once: its sender repeats it as long as it fires."""
        if alarm.event_id in self._known:
            return
        self._known.add(alarm.event_id)
        self._alarms += 1
        if self._alarms == _ALARMS_SHOWN + 1:
            self.say("              ... and more, see the incident")
        if self._alarms > _ALARMS_SHOWN:
            return
        colour = _COLOURS[alarm.severity]
        told = "cleared" if alarm.status is AlarmStatus.CLEARED else alarm.severity.value
        summary = alarm.summary.removeprefix(f"{alarm.service}: ")
        self._line(
            alarm.occurred_at,
            f"[{colour}]{told:<9}[/] {plain(alarm.service)}: {plain(alarm.name)} ({plain(summary)})",
        )

    def _detected(self, change: AlarmChanged) -> None:
        """Show what online detection raised: the shop's own alarms were shown when they were sent."""
        if change.source != "detect" or change.decision is not Decision.OPENED:
            return
        self._detections += 1
        if self._detections <= _DETECTED_SHOWN:
            self._line(change.occurred_at, f"[yellow]detected[/]  {plain(change.summary or change.name)}")
        elif self._detections == _DETECTED_SHOWN + 1:
            self.say("              ... and more metrics, see the incident")

    def _incident(self, incident: Incident) -> None:
        count = f"{many(incident.alarm_count, 'alarm')}, {many(len(incident.services), 'service')}"
        match incident.transition:
            case IncidentTransition.OPENED:
                self._line(
                    incident.occurred_at, f"[bold magenta]incident[/]  opened: {plain(incident.title)}"
                )
            case IncidentTransition.GREW:
                if incident.alarm_count in (2, 5, 10, 20, 40, 80):
                    self._line(incident.occurred_at, f"[magenta]incident[/]  is still one: {count}")
            case IncidentTransition.CLEARED:
                self._line(incident.occurred_at, f"[green]incident[/]  cleared ({count})")
            case IncidentTransition.CLOSED:
                self._line(incident.occurred_at, "[green]incident[/]  closed")
            case IncidentTransition.MERGED:
                self._line(incident.occurred_at, "[magenta]incident[/]  merged into another")
            case _:
                assert_never(incident.transition)

    def _request(self, request: InvestigationRequested) -> None:
        if request.kind is RequestKind.RECURRENCE:
            self.say(
                "              the same pattern was investigated before: the earlier answer is checked first"
            )
        elif request.kind is RequestKind.CANCEL:
            self.say(f"              request taken back: {plain(request.reason)}")

    def _status(self, status: InvestigationStatus) -> None:
        if status.state in (InvestigationState.RUNNING, InvestigationState.WAITING) and status.step:
            self.say(f"              [blue]{status.step:<16}[/] {plain(status.message)}")
        elif status.state is InvestigationState.RESUMED:
            self.say(f"              [bold blue]resumed[/] by another worker (attempt {status.attempt})")

    def _evidence(self, evidence: Evidence) -> None:
        shown = self._findings.get(evidence.investigation_id, 0)
        if shown >= _EVIDENCE_SHOWN or (evidence.score or 0.0) < _NOTABLE:
            return
        self._findings[evidence.investigation_id] = shown + 1
        self.say(f"              [dim]evidence[/]         {plain(evidence.statement)}")

    def _line(self, at: datetime, text: str) -> None:
        self.say(f"  {at:%H:%M:%S}  {text}")


Show = Callable[[str], None]
