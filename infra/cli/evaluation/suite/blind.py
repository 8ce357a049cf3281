"""Something cannot be seen: an honest answer says so, and does not make up for it."""

from __future__ import annotations

from dataclasses import replace

from agents.analysis.findings import CauseKind as Kind
from agents.analysis.findings import FindingKind, Source
from infra.cli.evaluation.declared import (
    FOUND,
    INCONCLUSIVE,
    NO_DATA,
    Expect,
    Holes,
    NoLogs,
    NoMetrics,
    NoTopology,
    Scenario,
    Seen,
    Shows,
    Sparse,
    Unreachable,
)
from infra.cli.evaluation.suite.faults import expects
from infra.local.shop.faults import FaultKind
from infra.local.shop.mishaps import MishapKind
from infra.local.shop.staging import Happening, Role

__all__ = ["BLIND"]

_OPEN = (FOUND, INCONCLUSIVE)
_EVERY_KIND = tuple(Kind)


def _blind(
    name: str, group: str, title: str, what: FaultKind | MishapKind, *seen: Seen, expect: Expect | None = None
) -> Scenario:
    return Scenario(name, group, title, (Happening(what),), seen, expect or expects(what))


def _unsure(*evidence: Shows, missing: bool = False) -> Expect:
    """Who is named must be right; to name nobody is right too. What it is called is not asked."""
    return Expect(_EVERY_KIND, verdicts=_OPEN, evidence=evidence, innocent=(Role.ENTRY,), missing=missing)


def _away(source: Source) -> Shows:
    return Shows(source, None, (FindingKind.UNREACHABLE,), cited=False)


_METRICS, _LOGS = "missing metrics", "missing logs"
_AWAY, _NO_TOPOLOGY = "unreachable source", "missing topology"

BLIND = (
    _blind(
        "nobody-measured",
        _METRICS,
        "There are log lines, and nothing is measured at all",
        MishapKind.POISON_INPUT,
        NoMetrics(),
        expect=_unsure(missing=True),
    ),
    _blind(
        "culprit-not-measured",
        _METRICS,
        "Everybody is measured but the one who did it; it writes a log",
        FaultKind.CPU_HOG,
        NoMetrics((Role.CULPRIT,)),
        expect=_unsure(),
    ),
    _blind(
        "culprit-invisible",
        _METRICS,
        "The store behind it all is neither measured nor does it log",
        FaultKind.SLOW_DEPENDENCY,
        NoMetrics((Role.CULPRIT,)),
        NoLogs((Role.CULPRIT,)),
        expect=_unsure(),
    ),
    _blind("holes", _METRICS, "Two samples in five are lost", FaultKind.NETWORK_DELAY, Holes(0.4)),
    _blind("sparse", _METRICS, "A sample every fifteen seconds", FaultKind.CONNECTION_POOL, Sparse(15.0)),
    _blind(
        "no-logs",
        _LOGS,
        "No log of anybody is collected",
        FaultKind.CPU_HOG,
        NoLogs(),
        expect=replace(expects(FaultKind.CPU_HOG), missing=True),
    ),
    _blind(
        "no-logs-of-a-deploy",
        _LOGS,
        "A version fails requests, and no log says so",
        FaultKind.BAD_DEPLOY,
        NoLogs(),
        expect=replace(expects(FaultKind.BAD_DEPLOY), missing=True),
    ),
    _blind(
        "culprit-without-log",
        _LOGS,
        "The one who leaks writes no log",
        FaultKind.MEMORY_LEAK,
        NoLogs((Role.CULPRIT,)),
    ),
    _blind(
        "metrics-away",
        _AWAY,
        "The store of metrics does not answer",
        MishapKind.POISON_INPUT,
        Unreachable((Source.KPIS,)),
        expect=_unsure(_away(Source.KPIS), missing=True),
    ),
    _blind(
        "logs-away",
        _AWAY,
        "The store of logs does not answer",
        FaultKind.MEMORY_LEAK,
        Unreachable((Source.LOGS,)),
        expect=replace(
            expects(FaultKind.MEMORY_LEAK), evidence=(Shows(Source.KPIS), _away(Source.LOGS)), missing=True
        ),
    ),
    _blind(
        "changes-away",
        _AWAY,
        "Nobody can say what was changed: a version that fails looks like errors",
        FaultKind.BAD_DEPLOY,
        Unreachable((Source.CHANGES,)),
        expect=Expect(
            (Kind.DEPLOY, Kind.ERRORS),
            evidence=(_away(Source.CHANGES),),
            innocent=(Role.ENTRY,),
            cleared=True,
            missing=True,
        ),
    ),
    _blind(
        "everything-away",
        _AWAY,
        "Nothing answers",
        FaultKind.CPU_HOG,
        Unreachable(tuple(Source)),
        expect=Expect(verdicts=(NO_DATA,), evidence=(_away(Source.KPIS), _away(Source.LOGS)), missing=True),
    ),
    _blind(
        "no-topology",
        _NO_TOPOLOGY,
        "Nobody has told who calls whom",
        FaultKind.CPU_HOG,
        NoTopology(),
        expect=replace(expects(FaultKind.CPU_HOG), cleared=False),
    ),
    _blind(
        "quiet-store-no-topology",
        _NO_TOPOLOGY,
        "A quiet store, and nobody has told that everybody calls it",
        FaultKind.SLOW_DEPENDENCY,
        NoTopology(),
        expect=_unsure(),
    ),
    _blind(
        "deploy-no-topology",
        _NO_TOPOLOGY,
        "A version fails requests; nobody has told who calls whom",
        FaultKind.BAD_DEPLOY,
        NoTopology(),
        expect=replace(expects(FaultKind.BAD_DEPLOY), cleared=False),
    ),
)
