"""What a question is answered from: the report, the evidence, and the ledger of one investigation; nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from agents.analysis.findings import FindingKind, Source
from schemas.events.evidence import Evidence
from schemas.events.investigation import InvestigationRequested
from schemas.events.report import Report, ReportedCause, Verdict

__all__ = ["CostLine", "Ledger", "Material", "accusing", "measured"]

_MEASURED = frozenset({Source.KPIS.value, Source.LOGS.value})
_SILENT = frozenset({FindingKind.NORMAL, FindingKind.NO_DATA, FindingKind.UNREACHABLE})
_NOTABLE = 1.0
_NOBODY = frozenset({"", "-"})


@dataclass(frozen=True, slots=True)
class CostLine:
    """What one step cost; `nano_usd` is integer 10^-9 USD, None where nothing of it has a known price."""

    step: str
    entries: int
    nano_usd: int | None
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """The entries of the investigation so far, by step, and the query that shows them."""

    lines: tuple[CostLine, ...] = ()
    query: str = ""


@dataclass(frozen=True)
class Material:
    report: Report
    evidence: tuple[Evidence, ...] = ()
    ledger: Ledger = Ledger()
    request: InvestigationRequested | None = None
    """None where it is past its retention."""

    @cached_property
    def by_id(self) -> dict[str, Evidence]:
        return {one.event_id: one for one in self.evidence}

    @cached_property
    def services(self) -> tuple[str, ...]:
        """Every service that the report or the evidence names, sorted."""
        report = self.report
        named = {
            *(one.service for one in self.evidence),
            *(one.service for one in report.causes),
            *(one.service for one in report.ruled_out),
            *(one.service for one in report.timeline),
            *report.services,
        }
        return tuple(sorted(named - _NOBODY))

    @cached_property
    def indicators(self) -> tuple[str, ...]:
        return tuple(sorted({one.indicator for one in self.evidence if one.indicator}))

    @cached_property
    def around(self) -> datetime:
        """An instant of the incident: its first alarm, else where the evidence begins, else when it was investigated."""
        alarms = self.request.incident.alarms if self.request else ()
        seen = [one.onset or one.window_end for one in self.evidence]
        return min((alarm.started_at for alarm in alarms), default=min(seen, default=self.report.started_at))

    @property
    def cause(self) -> ReportedCause | None:
        """The cause that the verdict names; None where it names none."""
        found = self.report.verdict is Verdict.CAUSE_FOUND and self.report.causes
        return self.report.causes[0] if found else None

    def known(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Return those of the ids that are in the evidence, each once."""
        return tuple(dict.fromkeys(i for i in ids if i in self.by_id))

    def grounds(self) -> tuple[str, ...]:
        """Return ids of the evidence that the verdict rests on; empty where there is none at all."""
        cited = self.known(i for cause in self.report.causes[:1] for i in cause.evidence_ids)
        if cited:
            return cited
        quiet = [one.event_id for one in self.evidence if one.kind in _SILENT and one.step in _MEASURED]
        return tuple(quiet[:6]) or tuple(one.event_id for one in self.evidence[:1])

    def of_service(self, service: str) -> tuple[Evidence, ...]:
        return tuple(one for one in self.evidence if one.service == service)


def accusing(one: Evidence) -> bool:
    """Return whether it says that something was notably out of its normal range, or broke."""
    return one.kind not in _SILENT and (one.score or 0.0) >= _NOTABLE


def measured(one: Evidence) -> bool:
    """Return whether it was seen in measurements or log lines, and not concluded from others."""
    return one.step in _MEASURED
