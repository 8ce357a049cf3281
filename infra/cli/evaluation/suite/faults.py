"""One fault at a time, everything visible: each kind of cause at least once."""

from __future__ import annotations

from agents.analysis.findings import CauseKind, FindingKind, Source
from infra.cli.evaluation.declared import Expect, Scenario, Shows
from infra.local.shop.faults import FaultKind
from infra.local.shop.mishaps import MishapKind
from infra.local.shop.staging import Happening, Role, Surge

__all__ = ["FAULTS"]

_K = CauseKind
_MEASURED, _WRITTEN = Shows(Source.KPIS), Shows(Source.LOGS)
_CHANGED = Shows(Source.CHANGES, kinds=(FindingKind.RECENT_CHANGE,))


def _fault(kind: FaultKind, title: str, *causes: CauseKind, shows: Shows = _MEASURED) -> Scenario:
    expect = Expect(causes=causes, evidence=(shows,), innocent=(Role.ENTRY,), cleared=True)
    return Scenario(kind.value, "one fault", title, (Happening(kind),), expect=expect)


FAULTS = (
    _fault(FaultKind.CPU_HOG, "A runaway computation", _K.CPU, _K.SATURATION),
    _fault(FaultKind.MEMORY_LEAK, "A service keeps what it should free", _K.MEMORY),
    _fault(FaultKind.BAD_DEPLOY, "A new version fails requests", _K.DEPLOY, shows=_CHANGED),
    _fault(FaultKind.SLOW_DEPENDENCY, "A quiet store waits for locks", _K.LATENCY, _K.SATURATION),
    _fault(FaultKind.CONNECTION_POOL, "Connections are not given back", _K.SATURATION),
    _fault(FaultKind.NETWORK_DELAY, "Packets are late and lost", _K.NETWORK),
    _fault(FaultKind.DISK_FULL, "A store's disk fills up", _K.DISK),
    _fault(FaultKind.NOISY_NEIGHBOUR, "A batch job starves its host", _K.CPU, _K.SATURATION),
    _fault(FaultKind.CONFIG_FLAG, "A flag turns on a greedy code path", _K.CONFIG, shows=_CHANGED),
    Scenario(
        "poison-input",
        "one fault",
        "Requests that a service cannot read, and nobody changed anything",
        (Happening(MishapKind.POISON_INPUT),),
        expect=Expect((_K.ERRORS,), evidence=(_WRITTEN,), innocent=(Role.ENTRY,), cleared=True),
    ),
    Scenario(
        "surge",
        "one fault",
        "More users than the shop can take: nothing is broken inside",
        (Happening(Surge(2.6)),),
        expect=Expect(
            (_K.TRAFFIC,), of=(Role.ENTRY, Role.GATEWAY), evidence=(Shows(Source.KPIS, Role.ENTRY),)
        ),
    ),
)
