"""How sure a verdict is, when to look again, and when an alarm alone is no cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agents.analysis.findings import Cause, CauseKind, FindingKind, Ruling, Source
from agents.investigation.nodes.verify import verdict_of, verify
from agents.investigation.state import Claim, Conclusion, RankedState, Recalled
from agents.ports import BudgetLevel
from schemas.events.evidence import Evidence
from schemas.events.report import Verdict
from tests.fakes.evidence import AT, claim, evidence
from tests.fakes.incident_data import healthy
from tests.fakes.incident_ports import StepClock, context_for, state_for
from tests.fakes.node_orders import planned

CPU = evidence("cart", indicator="cpu", statement="cart cpu rose")
ERRORS = evidence("cart", FindingKind.ERROR_BURST, Source.LOGS)
ALARM = evidence("cart", FindingKind.METRIC_ALARM, Source.ALARMS)
OTHER_ALARM = evidence("web", FindingKind.METRIC_ALARM, Source.ALARMS)
BOTH = (Source.KPIS, Source.LOGS)


def normal(score: float | None, step: Source = Source.KPIS) -> Evidence:
    return evidence(f"s{score}", FindingKind.NORMAL, step, score=score, onset_s=None)


async def concluded(*known: Evidence, widenings: int = 0, **fields: Any) -> Conclusion:
    """What is concluded of this evidence; `ranked` and the state's other fields by name."""
    context = context_for(healthy(), clock=StepClock(42.0))
    settings = context.settings.model_copy(update={"max_widenings": widenings})
    context = replace(context, ports=replace(context.ports, settings=settings))
    plan = planned(context, round=fields.pop("round", 1))
    marked = tuple(f"{plan.round}:{one.event_id}" for one in known)
    state = state_for(context, plan=plan, evidence=known, gathered=marked, **fields)
    return (await verify(state, context))["conclusion"]


def ranked(
    *claims: Claim, covered: tuple[Source, ...] = BOTH, abnormal: bool = True, **more: Any
) -> RankedState:
    return RankedState(claims=claims, covered=covered, abnormal=abnormal, **more)


async def test_a_cause_is_as_sure_as_its_claim_after_all_caps() -> None:
    given = claim("cart", CPU, ERRORS, confidence=1.0)
    conclusion = await concluded(CPU, ERRORS, ranked=ranked(given))
    assert conclusion.verdict is Verdict.CAUSE_FOUND
    assert conclusion.confidence == conclusion.claims[0].confidence == 0.92
    assert conclusion.queries == ()


@pytest.mark.parametrize(
    ("scores", "covered", "confidence"),
    [
        ((0.0,), BOTH, 0.97),
        ((0.4, 0.2), BOTH, 0.97),
        ((None, 0.4), BOTH, 0.97),
        ((0.8,), BOTH, 0.9356),
        ((0.999,), BOTH, 0.9058),
        ((7.0,), BOTH, 0.9056),
        ((), BOTH, 0.97),
        ((0.4,), (Source.KPIS,), 0.8),
        ((0.4,), (Source.LOGS,), 0.8),
        ((0.999,), (Source.KPIS,), 0.8),
    ],
)
async def test_a_harmless_alarm_is_as_sure_as_the_strongest_finding_is_unlikely_to_be_of_a_cause(
    scores: tuple[float | None, ...], covered: tuple[Source, ...], confidence: float
) -> None:
    known = [normal(score) for score in scores]
    conclusion = await concluded(*known, ranked=ranked(covered=covered, abnormal=False))
    assert conclusion.verdict is Verdict.BENIGN
    assert conclusion.confidence == pytest.approx(confidence, abs=1e-4)


async def test_only_measurements_tell_how_harmless_it_is() -> None:
    loud_alarm = ALARM.model_copy(update={"score": 9.0})
    conclusion = await concluded(normal(0.9), loud_alarm, ranked=ranked(abnormal=False))
    assert conclusion.confidence == pytest.approx(0.9205, abs=1e-4)


@pytest.mark.parametrize("state", [ranked(), ranked(covered=(), abnormal=False)])
async def test_what_is_not_known_has_no_confidence(state: RankedState) -> None:
    assert (await concluded(ranked=state)).confidence is None


async def test_one_services_own_alarms_are_no_cause_of_themselves() -> None:
    alone = ranked(claim("cart", ALARM), covered=(Source.ALARMS,))
    assert (await concluded(ALARM, ranked=alone)).verdict is Verdict.DATA_UNAVAILABLE
    assert (await concluded(ALARM, ranked=alone)).claims == ()


async def test_alarms_of_several_services_may_tell_a_cause() -> None:
    several = ranked(claim("cart", ALARM), covered=(Source.ALARMS,))
    conclusion = await concluded(ALARM, OTHER_ALARM, ranked=several)
    assert conclusion.verdict is Verdict.CAUSE_FOUND
    assert conclusion.claims[0].confidence == 0.7


@pytest.mark.parametrize(
    ("confidence", "verdict"), [(0.3, Verdict.CAUSE_FOUND), (0.2999, Verdict.INCONCLUSIVE)]
)
def test_a_cause_needs_the_least_confidence(confidence: float, verdict: Verdict) -> None:
    assert verdict_of([claim("cart", CPU, confidence=confidence)], ranked(), (), 0.3) is verdict


def test_the_first_claim_decides() -> None:
    claims = [claim("cart", CPU, confidence=0.1), claim("web", CPU, confidence=0.9)]
    assert verdict_of(claims, ranked(), (), 0.3) is Verdict.INCONCLUSIVE


def test_a_weak_claim_without_measurements_is_still_something() -> None:
    weak = [claim("cart", ALARM, confidence=0.1)]
    assert verdict_of(weak, ranked(covered=(Source.ALARMS,)), (), 0.3) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("late", "verdict"),
    [((), Verdict.BENIGN), ((Source.LOGS,), Verdict.INCONCLUSIVE), ((Source.ALARMS,), Verdict.BENIGN)],
)
def test_what_has_not_landed_may_still_be_abnormal(late: tuple[Source, ...], verdict: Verdict) -> None:
    assert verdict_of([], ranked(abnormal=False), late, 0.3) is verdict


class TestLookingAgain:
    async def again(self, **fields: Any) -> bool:
        fields.setdefault("ranked", ranked())
        return (await concluded(CPU, **fields)).look_again

    @pytest.mark.parametrize(
        ("round_", "widenings", "again"),
        [(1, 0, False), (1, 1, True), (2, 1, False), (2, 2, True), (3, 2, False)],
    )
    async def test_as_often_as_the_settings_allow(self, round_: int, widenings: int, again: bool) -> None:
        assert await self.again(round=round_, widenings=widenings) is again

    @pytest.mark.parametrize(
        ("level", "again"),
        [
            (BudgetLevel.NORMAL, True),
            (BudgetLevel.MODERATE, True),
            (BudgetLevel.AGGRESSIVE, False),
            (BudgetLevel.DETERMINISTIC, False),
        ],
    )
    async def test_only_with_money(self, level: BudgetLevel, again: bool) -> None:
        assert await self.again(widenings=1, level=level) is again

    @pytest.mark.parametrize(
        "state", [ranked(claim("cart", CPU)), ranked(abnormal=False), ranked(covered=(), abnormal=False)]
    )
    async def test_only_where_it_is_open(self, state: RankedState) -> None:
        assert not await self.again(widenings=1, ranked=state)

    async def test_an_answer_from_memory_is_not_looked_at_again(self) -> None:
        recalled = Recalled(
            investigation_id="i", answered_at=AT, still_holds=True, verdict=Verdict.BENIGN, note=""
        )
        assert not await self.again(widenings=1, recalled=recalled)


async def test_what_would_settle_it_is_asked_only_where_nothing_is_settled() -> None:
    open_ = await concluded(
        CPU, ranked=ranked(claim("cart", CPU, confidence=0.1), questions=("Was cart full?",))
    )
    assert [step.action for step in open_.queries][1] == "Was cart full?"
    assert open_.queries[0].query == CPU.query


async def test_who_was_ruled_out_and_what_was_rejected_is_kept() -> None:
    cause = Cause(service="cart", kind=CauseKind.CPU, confidence=0.8, score=3.0, statement="s")
    state = ranked(
        claim("cart", CPU),
        claim("web", "ev_made_up", author="gpt-4o"),
        rulings=(Ruling(service="web", reason="it calls cart"),),
        causes=(cause,),
    )
    conclusion = await concluded(CPU, ranked=state)
    assert [one.service for one in conclusion.ruled_out] == ["web"]
    assert conclusion.rejected == ("gpt-4o: web: it cites no existing evidence",)


async def test_it_is_concluded_at_the_clocks_time() -> None:
    assert (await concluded(ranked=ranked())).concluded_at == StepClock(42.0).now()
