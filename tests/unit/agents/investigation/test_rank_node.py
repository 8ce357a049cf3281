from __future__ import annotations

import pytest

from agents.analysis.findings import Cause, CauseKind, FindingKind, Source
from agents.investigation.nodes.gather_kpis import gather_kpis
from agents.investigation.nodes.rank import claims_of, rank
from agents.investigation.state import (
    KnownTopology,
)
from tests.fakes.evidence import evidence
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import (
    context_for,
    state_for,
)
from tests.fakes.node_orders import order_for

DATA = bad_deploy()


async def test_rank_keeps_the_whole_ranking_and_claims_only_what_it_believes() -> None:
    context = context_for(DATA)
    kpis = await gather_kpis(order_for(context), context)
    state = state_for(
        context,
        topology=KnownTopology.of(DATA.topology),
        evidence=kpis["evidence"],
        gathered=kpis["gathered"],
    )

    ranked = (await rank(state, context))["ranked"]

    assert {cause.service for cause in ranked.causes} >= {"cart", "payment"}
    assert ranked.claims[0].service == "cart"
    assert set(ranked.claims[0].evidence_ids) <= {one.event_id for one in kpis["evidence"]}
    assert all(one.confidence > 0 for one in ranked.claims)


def test_a_subject_that_two_sources_share_is_cited_from_both() -> None:
    one, other = evidence("cart", step=Source.KPIS), evidence("cart", step=Source.LOGS)
    cause = Cause(
        service="cart",
        kind=CauseKind.CPU,
        confidence=0.5,
        score=1.0,
        statement="s",
        findings=(one.finding,),
    )

    (made,) = claims_of([cause], [one, other], 3)

    assert set(made.evidence_ids) == {one.event_id, other.event_id}


def test_a_deploy_is_told_with_what_it_did() -> None:
    cpu = evidence("cart", indicator="cpu", statement="cart cpu rose")
    deploy = evidence("cart", FindingKind.RECENT_CHANGE, Source.CHANGES, statement="deploy 1.4.2")
    cause = Cause(
        service="cart",
        kind=CauseKind.DEPLOY,
        confidence=0.5,
        score=1.0,
        statement="cart cpu rose",
        findings=(cpu.finding, deploy.finding),
    )

    assert claims_of([cause], [cpu, deploy], 3)[0].statement == "cart cpu rose; shortly before, deploy 1.4.2"


@pytest.mark.parametrize(("confidence", "told"), [(0.5, 1), (0.01, 1), (0.009, 0), (0.0, 0)])
def test_a_cause_is_claimed_from_one_in_a_hundred_on(confidence: float, told: int) -> None:
    cpu = evidence("cart", indicator="cpu", statement="cart cpu rose")
    cause = Cause(
        service="cart",
        kind=CauseKind.CPU,
        confidence=confidence,
        score=1.0,
        statement="cart cpu rose",
        findings=(cpu.finding,),
    )

    assert len(claims_of([cause], [cpu], 3)) == told
    assert len(claims_of([cause] * 4, [cpu], 3)) == 3 * told
