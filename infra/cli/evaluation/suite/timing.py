"""Time plays tricks: late alarms, clocks that differ, what comes and goes, and work that was planned."""

from __future__ import annotations

from dataclasses import replace

from agents.analysis.findings import CauseKind as Kind
from agents.analysis.findings import FindingKind, Source
from infra.cli.evaluation.declared import (
    FOUND,
    INCONCLUSIVE,
    Expect,
    LateAlarm,
    Scenario,
    Seen,
    Shows,
    Silenced,
    Skewed,
)
from infra.cli.evaluation.suite.faults import expects
from infra.local.shop.faults import FaultKind
from infra.local.shop.mishaps import MishapKind
from infra.local.shop.staging import Announced, Happening, Role
from schemas.events import ChangeKind

__all__ = ["TIMING"]

_WORK = Announced(ChangeKind.CONFIG, "maintenance window of {service} begins: rolling restart")


def _seen(name: str, group: str, title: str, what: FaultKind, *seen: Seen) -> Scenario:
    return Scenario(name, group, title, (Happening(what),), seen, expects(what))


_LATE, _SKEW, _FLAPPING = "late alarm", "clock skew", "flapping"
_MAINTENANCE = "maintenance window"

TIMING = (
    _seen("a-minute-late", _LATE, "The alarm comes a minute late", FaultKind.CPU_HOG, LateAlarm(60.0)),
    _seen(
        "two-minutes-late",
        _LATE,
        "The alarm comes two minutes late",
        FaultKind.SLOW_DEPENDENCY,
        LateAlarm(100.0),
    ),
    Scenario(
        "five-minutes-late",
        _LATE,
        "The alarm comes when the fault has become the new normal",
        (Happening(FaultKind.NETWORK_DELAY),),
        (LateAlarm(300.0),),
        replace(expects(FaultKind.NETWORK_DELAY), verdicts=(FOUND, INCONCLUSIVE)),
    ),
    _seen(
        "culprit-ahead",
        _SKEW,
        "The culprit's clock is forty seconds ahead: it seems to suffer after its victims",
        FaultKind.DISK_FULL,
        Skewed(Role.CULPRIT, 40.0),
    ),
    _seen(
        "culprit-behind",
        _SKEW,
        "The culprit's clock is forty seconds behind",
        FaultKind.CPU_HOG,
        Skewed(Role.CULPRIT, -40.0),
    ),
    _seen(
        "logs-ahead",
        _SKEW,
        "The culprit's log is stamped by another clock, half a minute ahead",
        FaultKind.CONNECTION_POOL,
        Skewed(Role.CULPRIT, 30.0, metrics=False),
    ),
    Scenario(
        "victim-behind",
        _SKEW,
        "The clock of one who calls the culprit is behind: it seems to have begun",
        (Happening(FaultKind.SLOW_DEPENDENCY),),
        (Skewed(Role.CALLER, -30.0),),
        replace(expects(FaultKind.SLOW_DEPENDENCY), innocent=(Role.ENTRY, Role.CALLER)),
    ),
    Scenario(
        "comes-and-goes",
        _FLAPPING,
        "Bad requests come in bursts of half a minute",
        (Happening(MishapKind.POISON_INPUT, lasts_s=30.0, every_s=60.0),),
        (LateAlarm(60.0),),
        expects(MishapKind.POISON_INPUT),
    ),
    Scenario(
        "comes-and-goes-cpu",
        _FLAPPING,
        "A job takes the CPU for twenty seconds of every forty-five",
        (Happening(FaultKind.CPU_HOG, lasts_s=20.0, every_s=45.0),),
        (LateAlarm(45.0),),
        expects(FaultKind.CPU_HOG),
    ),
    Scenario(
        "planned-and-felt",
        _MAINTENANCE,
        "A rolling restart is announced, and users feel it",
        (Happening(MishapKind.RESTART), Happening(_WORK, Role.CULPRIT, after_s=-5.0)),
        expect=Expect(
            (Kind.CONFIG, Kind.DEPLOY),
            evidence=(Shows(Source.CHANGES, kinds=(FindingKind.RECENT_CHANGE,)),),
            innocent=(Role.ENTRY,),
        ),
    ),
    Scenario(
        "maintenance-elsewhere",
        _MAINTENANCE,
        "While somebody else restarts as planned, its alarms silenced, a service leaks",
        (
            Happening(FaultKind.MEMORY_LEAK),
            Happening(MishapKind.RESTART, Role.HERRING, after_s=-90.0),
            Happening(_WORK, Role.HERRING, after_s=-95.0),
        ),
        (Silenced((Role.HERRING,)),),
        expects(FaultKind.MEMORY_LEAK),
    ),
)
