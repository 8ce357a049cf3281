"""An investigation with its report and evidence, as a question finds it: `cart` broke by a deploy, `orders-db` is calm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from agents.analysis.findings import FindingKind, Source
from agents.answers.material import CostLine, Ledger, Material
from agents.ports import BudgetLevel
from schemas.errors import NotFoundError, UnavailableError
from schemas.events.evidence import Evidence
from schemas.events.report import NextStep, Report, ReportedCause, RuledOut, TimelineEntry, Verdict
from tests.fakes.evidence import AT, evidence

__all__ = ["CPU", "DEPLOY", "FixedBudgets", "FixedMaterials", "evidence_rows", "material", "report_of"]

DEPLOY = evidence(
    "cart",
    FindingKind.RECENT_CHANGE,
    Source.CHANGES,
    onset_s=-15,
    score=1.9,
    statement='cart: deploy "cart 1.4.2" at 10:41:55',
    title="cart 1.4.2",
)
CPU = evidence(
    "cart",
    indicator="cpu_usage",
    score=15.0,
    statement="cart cpu_usage rose from 0.2 to 0.8",
    before=0.2,
    after=0.8,
)
_ERRORS = evidence(
    "cart",
    FindingKind.ERROR_BURST,
    Source.LOGS,
    score=8.6,
    onset_s=1,
    statement='cart logs a new error line "NullPointer in merge *" 90 times',
    count=90,
)
_CHECKOUT = evidence(
    "checkout",
    indicator="latency_p95",
    score=12.0,
    onset_s=4,
    statement="checkout latency_p95 rose from 40 to 163",
    before=40,
    after=163,
)
_FRONT = evidence(
    "web-frontend",
    indicator="latency_p95",
    score=4.0,
    onset_s=9,
    statement="web-frontend latency_p95 rose from 39.9 to 99.1",
    before=39.9,
    after=99.1,
)
_DB = evidence(
    "orders-db",
    FindingKind.NORMAL,
    score=0.2,
    onset_s=None,
    statement="orders-db: all 4 metrics stayed in their normal range",
    metrics=4,
)
_STORM = evidence(
    "web-frontend",
    FindingKind.ALARM_STORM,
    Source.ALARMS,
    score=None,
    onset_s=20,
    statement="4 alarms from 3 services",
    alarms=4,
)
_FIRST = evidence(
    "cart",
    FindingKind.FIRST_ALARM,
    Source.ALARMS,
    score=None,
    onset_s=20,
    statement="cart raised the first alarm at 10:42:30",
)
_SYMPTOM = evidence(
    "checkout",
    FindingKind.SYMPTOM,
    Source.TOPOLOGY,
    score=1.0,
    onset_s=None,
    statement="checkout calls cart, whose anomaly accounts for 100 % of its symptoms",
    share=1.0,
)
_BOOK = evidence(
    "cart",
    FindingKind.RUNBOOK,
    Source.KNOWLEDGE,
    score=0.4,
    onset_s=None,
    statement='The runbook "Cart is slow" speaks of this',
)
_NO_LOGS = evidence(
    "orders-db",
    FindingKind.NO_DATA,
    Source.LOGS,
    score=None,
    onset_s=None,
    statement="orders-db logged nothing",
)


def evidence_rows() -> tuple[Evidence, ...]:
    return (DEPLOY, CPU, _ERRORS, _CHECKOUT, _FRONT, _DB, _STORM, _FIRST, _SYMPTOM, _BOOK, _NO_LOGS)


def report_of(**changes: Any) -> Report:
    cited = (CPU.event_id, _ERRORS.event_id, DEPLOY.event_id)
    cause = ReportedCause(
        service="cart",
        kind="deploy",
        indicator="cpu_usage",
        confidence=0.93,
        statement='cart cpu_usage rose from 0.2 to 0.8; shortly before, cart: deploy "cart 1.4.2" at 10:41:55',
        evidence_ids=cited,
    )
    base: dict[str, Any] = {
        "tenant": "acme",
        "occurred_at": AT + timedelta(minutes=2),
        "investigation_id": "inv_1",
        "incident_id": "inc_1",
        "verdict": Verdict.CAUSE_FOUND,
        "confidence": 0.93,
        "headline": "cart - broken by a deploy: cart 1.4.2 (93 % sure)",
        "causes": (cause,),
        "timeline": (
            TimelineEntry(
                at=AT - timedelta(seconds=15),
                service="cart",
                what=DEPLOY.statement,
                evidence_id=DEPLOY.event_id,
            ),
            TimelineEntry(at=AT, service="cart", what=CPU.statement, evidence_id=CPU.event_id),
        ),
        "ruled_out": (
            RuledOut(
                service="checkout",
                reason="it calls cart, which accounts for 100 % of its symptoms",
                evidence_ids=(_SYMPTOM.event_id, _CHECKOUT.event_id),
            ),
        ),
        "missing": ("orders-db logged nothing",),
        "next_steps": (
            NextStep(
                action="Compare the error lines of cart before and after the deploy", query="SELECT 'lines'"
            ),
            NextStep(action="Roll back cart 1.4.2"),
        ),
        "services": ("web-frontend", "checkout", "cart"),
        "started_at": AT + timedelta(days=40),
        "finished_at": AT + timedelta(days=40, seconds=3),
        "cost_nano_usd": 12_000,
    }
    return Report(**{**base, **changes})


def material(**changes: Any) -> Material:
    lines = (CostLine("gather.kpis", 1, 12_000), CostLine("rank", 2, 2_400_000, 1))
    made = Material(report_of(), evidence_rows(), Ledger(lines, "SELECT sum(cost_nano_usd) FROM v_costs"))
    return replace(made, **changes)


@dataclass(slots=True)
class FixedMaterials:
    """Satisfies Materials: knows these investigations of `acme`."""

    known: Mapping[str, Material] = field(default_factory=lambda: {"inv_1": material()})

    async def material(self, tenant: str, investigation_id: str) -> Material:
        found = self.known.get(investigation_id)
        if found is None or found.report.tenant != tenant:
            raise NotFoundError(f"{tenant} has no report of {investigation_id}")
        return found


@dataclass(slots=True)
class FixedBudgets:
    """Satisfies Budgets; None: it cannot be told."""

    budget: BudgetLevel | None = BudgetLevel.NORMAL

    async def level(self, tenant: str) -> BudgetLevel:
        if self.budget is None:
            raise UnavailableError(f"nobody can tell what {tenant} may spend")
        return self.budget
