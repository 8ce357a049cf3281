"""Which log lines of a service are new, burst, changed their rate or stopped, apart from the service's load.

Two views. Where lines name their request, what follows what within one tells where requests leave their usual way,
whatever the load and its mixture. For the rest, and what no request shows, rates of lines against the service's own load.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.analysis.composition import Deviation
from agents.analysis.findings import Finding
from agents.analysis.log_mining.chance import bound
from agents.analysis.log_mining.departures import Departure, Flows, flows_of
from agents.analysis.log_mining.failures import FAILURE_LEVELS
from agents.analysis.log_mining.moments import division, usable
from agents.analysis.log_mining.plain import plain
from agents.analysis.log_mining.rates import rates_of
from agents.analysis.log_mining.table import LineTable, tabulated
from agents.analysis.log_mining.telling import Bounds, Telling, no_data
from agents.analysis.log_mining.templates import read_line
from agents.analysis.signals import LogRecord, Window

__all__ = ["analyse_logs", "is_error", "template_of"]

_PER_SERVICE = 4
# Where most of what left its way in a service left it further down, that is where to look.
_LEAST_OWN = 0.5


def template_of(message: str) -> str:
    """The message with what varies replaced by `*`: equal for lines of the same logging statement."""
    return read_line(plain(message))[0]


def is_error(record: LogRecord) -> bool:
    """Whether a line reports a failure: by its severity, else by its words unless it names a calm level."""
    return record.severity.lower() in FAILURE_LEVELS or read_line(plain(record.message))[1]


def analyse_logs(logs: Sequence[LogRecord], window: Window) -> tuple[Finding, ...]:
    """Findings on log statements, strongest first, at most four a service, or that all of a service is `normal`.

    The split between healthy and incident lines is the moment of greatest contrast between the window's start
    and the alarm. `no_data` where there is no line, or too few before any such moment to know what is healthy.
    On healthy lines the strongest stays below `chance.ALONE` in 19 of 20 windows. Of a service that wrote nothing on
    one side of the split, or whose lines changed only in requests that failed elsewhere, nothing is said.
    """
    table = tabulated(_counted(logs, window))
    flows = flows_of(table)
    moments = usable(table, window)
    if not moments:
        return (no_data(),)
    moment = division(table, flows, moments)
    rates = rates_of(table, moment)
    departures = flows.departures(moment) if flows else {}
    telling = Telling(table, rates, _bounds(table, flows, moment, len(moments)), moment, window.end)
    found = [
        finding
        for service in rates.by_service
        for finding in _of_service(telling, service, departures.get(service, ()), rates.deviations(service))
    ]
    return tuple(sorted(found, key=_order))


def _counted(logs: Sequence[LogRecord], window: Window) -> Iterator[LogRecord]:
    """The lines of the baseline, without its disturbed spans, and of the incident."""
    inside = (one for one in logs if window.baseline_start <= one.time <= window.end)
    if not window.disturbed:
        return inside
    return (one for one in inside if one.time >= window.start or window.usual(one.time))


def _bounds(table: LineTable, flows: Flows | None, moment: float, moments: int) -> Bounds:
    """What chance makes: the moment was chosen among so many for what it shows."""
    errors = sum(one.error for one in table.statements)
    inside = flows.comparisons(moment) if flows else 0
    return Bounds(inside=bound(inside * moments), errors=bound(errors * moments))


def _of_service(
    telling: Telling, service: str, departures: Sequence[Departure], deviations: Sequence[Deviation]
) -> list[Finding]:
    """What is notable of a service, or that nothing is."""
    left = [one for one in departures if one.own >= _LEAST_OWN]
    explained = {one.statement for one in departures if one.own < _LEAST_OWN}
    told = _told(telling, left, [one for one in deviations if int(one.key) not in explained])
    if told or departures or not telling.goes_on(service):
        return told
    return [telling.calm(service, deviations)]


def _told(telling: Telling, left: Sequence[Departure], deviations: Sequence[Deviation]) -> list[Finding]:
    """The strongest findings of a service, one a statement and kind: within requests first, then by rates."""
    inside = (telling.departed(one) for one in left)
    rates = (telling.deviated(one) for one in deviations)
    best: dict[str, Finding] = {}
    for finding in (*inside, *rates):
        if finding is not None:
            best.setdefault(finding.subject, finding)
    return sorted(best.values(), key=_order)[:_PER_SERVICE]


def _order(finding: Finding) -> tuple[float, str]:
    return -(finding.score or 0.0), finding.subject
