from __future__ import annotations

from dataclasses import replace

import pytest

from agents.analysis.findings import Source
from agents.investigation.nodes.verify import verdict_of, verify
from agents.investigation.state import (
    RankedState,
)
from agents.ports import BudgetLevel
from schemas.events.report import Verdict
from tests.fakes.evidence import claim, evidence
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import (
    context_for,
    state_for,
)
from tests.fakes.node_orders import planned

DATA = bad_deploy()


@pytest.mark.parametrize(
    ("confidences", "abnormal", "covered", "late", "verdict"),
    [
        ((0.5,), True, (Source.KPIS,), (), Verdict.CAUSE_FOUND),
        ((0.2,), True, (Source.KPIS,), (), Verdict.INCONCLUSIVE),
        ((), True, (Source.KPIS,), (), Verdict.INCONCLUSIVE),
        ((), False, (Source.KPIS,), (), Verdict.BENIGN),
        ((), False, (Source.LOGS,), (), Verdict.BENIGN),
        ((), False, (Source.LOGS,), (Source.KPIS,), Verdict.INCONCLUSIVE),
        ((), False, (Source.LOGS,), (Source.CHANGES,), Verdict.BENIGN),
        ((), False, (Source.ALARMS, Source.CHANGES), (), Verdict.DATA_UNAVAILABLE),
        ((), False, (), (), Verdict.DATA_UNAVAILABLE),
        ((0.5,), True, (Source.ALARMS,), (), Verdict.CAUSE_FOUND),
    ],
)
def test_the_verdict_follows_from_claims_measurements_and_gaps(
    confidences: tuple[float, ...],
    abnormal: bool,
    covered: tuple[Source, ...],
    late: tuple[Source, ...],
    verdict: Verdict,
) -> None:
    claims = [claim("cart", confidence=confidence) for confidence in confidences]
    ranked = RankedState(abnormal=abnormal, covered=covered)

    assert verdict_of(claims, ranked, late, 0.3) is verdict


@pytest.mark.parametrize(
    ("round_", "level", "again"),
    [(1, BudgetLevel.NORMAL, True), (2, BudgetLevel.NORMAL, False), (1, BudgetLevel.AGGRESSIVE, False)],
)
async def test_it_looks_again_once_and_only_with_money(round_: int, level: BudgetLevel, again: bool) -> None:
    context = context_for(DATA)
    ports = replace(context.ports, settings=context.settings.model_copy(update={"max_widenings": 1}))
    ranked = RankedState(abnormal=True, covered=(Source.KPIS,))
    state = state_for(context, plan=planned(context, round=round_), level=level, ranked=ranked)

    conclusion = (await verify(state, replace(context, ports=ports)))["conclusion"]

    assert conclusion.verdict is Verdict.INCONCLUSIVE
    assert conclusion.look_again is again


async def test_only_the_evidence_of_the_current_round_counts() -> None:
    old, new = evidence("cart"), evidence("frontend")
    context = context_for(DATA)
    state = state_for(
        context,
        plan=planned(context, round=2),
        evidence=(old, new),
        gathered=(f"1:{old.event_id}", f"2:{new.event_id}"),
        ranked=RankedState(
            abnormal=True, covered=(Source.KPIS,), claims=(claim("cart", old), claim("frontend", new))
        ),
    )

    conclusion = (await verify(state, context))["conclusion"]

    assert [one.service for one in conclusion.claims] == ["frontend"]
    assert len(conclusion.rejected) == 1
