"""One fault at a time, everything visible: each kind of cause at least once."""

from __future__ import annotations

from dataclasses import replace

from agents.analysis.findings import CauseKind as Kind
from agents.analysis.findings import FindingKind, Source
from infra.cli.evaluation.declared import BENIGN, FOUND, Expect, GoesSilent, Scenario, Shows, Silenced
from infra.local.shop.faults import FaultKind
from infra.local.shop.mishaps import MishapKind
from infra.local.shop.staging import Happening, Role, Surge

__all__ = ["FAULTS", "KINDS", "expects"]

KINDS = {
    FaultKind.CPU_HOG: (Kind.CPU, Kind.SATURATION),
    FaultKind.MEMORY_LEAK: (Kind.MEMORY,),
    FaultKind.BAD_DEPLOY: (Kind.DEPLOY,),
    FaultKind.SLOW_DEPENDENCY: (Kind.LATENCY, Kind.SATURATION),
    FaultKind.CONNECTION_POOL: (Kind.SATURATION,),
    FaultKind.NETWORK_DELAY: (Kind.NETWORK,),
    FaultKind.DISK_FULL: (Kind.DISK,),
    FaultKind.NOISY_NEIGHBOUR: (Kind.CPU, Kind.SATURATION),
    FaultKind.CONFIG_FLAG: (Kind.CONFIG,),
    MishapKind.POISON_INPUT: (Kind.ERRORS,),
    MishapKind.CRASH: (Kind.ERRORS, Kind.UNKNOWN),
}
"""What each may be called, in the words an operator uses."""
_MEASURED, _WRITTEN = Shows(Source.KPIS), Shows(Source.LOGS)
_CHANGED = Shows(Source.CHANGES, kinds=(FindingKind.RECENT_CHANGE,))
_SHOWS = {
    FaultKind.BAD_DEPLOY: _CHANGED,
    FaultKind.CONFIG_FLAG: _CHANGED,
    MishapKind.POISON_INPUT: _WRITTEN,
}


def expects(what: FaultKind | MishapKind) -> Expect:
    """Return what is expected where everything can be seen: the culprit by its kind, on the evidence that shows it."""
    shows = _SHOWS.get(what, _MEASURED)
    return Expect(KINDS[what], evidence=(shows,), innocent=(Role.ENTRY,), cleared=True)


def _one(what: FaultKind | MishapKind, title: str) -> Scenario:
    return Scenario(what.value, "one fault", title, (Happening(what),), expect=expects(what))


FAULTS = (
    _one(FaultKind.CPU_HOG, "A runaway computation"),
    _one(FaultKind.MEMORY_LEAK, "A service keeps what it should free"),
    _one(FaultKind.BAD_DEPLOY, "A new version fails requests"),
    _one(FaultKind.SLOW_DEPENDENCY, "A quiet store waits for locks"),
    _one(FaultKind.CONNECTION_POOL, "Connections are not given back"),
    _one(FaultKind.NETWORK_DELAY, "Packets are late and lost"),
    _one(FaultKind.DISK_FULL, "A store's disk fills up"),
    _one(FaultKind.NOISY_NEIGHBOUR, "A batch job starves its host"),
    _one(FaultKind.CONFIG_FLAG, "A flag turns on a greedy code path"),
    _one(MishapKind.POISON_INPUT, "Requests that a service cannot read, and nobody changed anything"),
    Scenario(
        "crash",
        "one fault",
        "A service dies: from then on nothing comes from it, and who calls it fails",
        (Happening(MishapKind.CRASH),),
        seen=(GoesSilent(Role.CULPRIT),),
        expect=Expect(
            KINDS[MishapKind.CRASH],
            evidence=(Shows(Source.KPIS, kinds=(FindingKind.MISSING_DATA,), cited=False),),
            innocent=(Role.ENTRY,),
        ),
    ),
    Scenario(
        "surge",
        "one fault",
        "More users than the shop can take: nothing is broken inside",
        (Happening(Surge(2.6)),),
        expect=Expect(
            (Kind.TRAFFIC,), of=(Role.ENTRY, Role.GATEWAY), evidence=(Shows(Source.KPIS, Role.ENTRY),)
        ),
    ),
    Scenario(
        "slow-leak",
        "one fault",
        "Memory grows for five minutes before anybody notices",
        (Happening(FaultKind.MEMORY_LEAK, ramp_s=300.0),),
        expect=expects(FaultKind.MEMORY_LEAK),
        length_s=420.0,
        asked_s=400.0,
    ),
    Scenario(
        "half-strength",
        "one fault",
        "A computation that takes half of a service's CPU; its callers hardly feel it, and no alarm may come of it",
        (Happening(FaultKind.CPU_HOG, strength=0.6),),
        # Where nobody is hurt there is nobody to rule out, and that all is well is true.
        expect=replace(expects(FaultKind.CPU_HOG), verdicts=(FOUND, BENIGN), cleared=False),
    ),
    Scenario(
        "unwatched",
        "one fault",
        "A disk fills up, no alarm exists for anything; somebody asks by hand",
        (Happening(FaultKind.DISK_FULL),),
        seen=(Silenced(),),
        expect=expects(FaultKind.DISK_FULL),
    ),
)
