"""What is said and asked where nothing known ties the first cause to the alarm, and how sure anybody may be of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.analysis.calibration import UNTIED
from agents.analysis.findings import Cause, CauseKind, FindingKind, Source
from agents.investigation.nodes.verify import verify
from agents.investigation.state import Claim, Conclusion, GraphState, KnownTopology, RankedState
from agents.investigation.ties import tie_gap, tie_note, tie_step, untied
from agents.investigation.verification import Findings, verified
from agents.investigation.wording import noted
from schemas.events.evidence import Evidence
from schemas.events.report import Verdict
from tests.fakes.evidence import AT, claim, evidence
from tests.fakes.incident_data import healthy
from tests.fakes.incident_ports import StepClock, context_for, state_for
from tests.fakes.node_orders import planned

CPU = evidence("cart", indicator="cpu", statement="cart cpu rose")
LOGS = evidence("cart", FindingKind.ERROR_BURST, Source.LOGS, statement="cart fails")
NO_CALLS = evidence("", FindingKind.NO_DATA, Source.TOPOLOGY, score=None, onset_s=None)
STORE = evidence("db", indicator="cpu", statement="db cpu rose")
NOTE = "No tie between cart and frontend is known"


def cause(service: str, confidence: float, *, tied: bool) -> Cause:
    return Cause(
        service=service, kind=CauseKind.CPU, confidence=confidence, score=4.0, statement="cpu", tied=tied
    )


def ranked(*causes: Cause, claims: tuple[Claim, ...] = ()) -> RankedState:
    return RankedState(
        causes=causes, claims=claims, abnormal=True, covered=(Source.KPIS, Source.LOGS, Source.TOPOLOGY)
    )


LOOSE = ranked(cause("cart", 0.48, tied=False), cause("db", 0.2, tied=True))


def state(*known: Evidence, ranked: RankedState | None = LOOSE) -> GraphState:
    context = context_for(healthy(), clock=StepClock(42.0))
    marked = tuple(f"1:{one.event_id}" for one in known)
    return state_for(context, plan=planned(context), evidence=known, gathered=marked, ranked=ranked)


async def concluded(given: GraphState) -> Conclusion:
    context = context_for(healthy(), clock=StepClock(42.0))
    settings = context.settings.model_copy(update={"max_widenings": 0})
    return (await verify(given, replace(context, ports=replace(context.ports, settings=settings))))[
        "conclusion"
    ]


def test_those_without_a_tie_are_the_untied() -> None:
    assert untied(LOOSE) == {"cart"}
    assert untied(RankedState()) == frozenset()


def test_the_doubt_what_would_tell_and_what_to_ask_are_about_the_first_cause_alone() -> None:
    first = (claim("cart", CPU), claim("db", STORE))
    given = state(CPU, NO_CALLS)
    (note,), (gap,), (step,) = tie_note(first, given), tie_gap(first, given), tie_step(first, given)
    assert note.startswith(NOTE)
    assert gap == "Who calls whom between cart and frontend: a topology or traces would tell"
    assert step.action.startswith("Ask whether frontend depends on cart")
    assert step.query == NO_CALLS.query


@pytest.mark.parametrize(
    ("claims", "known"),
    [((), LOOSE), ((claim("db", STORE), claim("cart", CPU)), LOOSE), ((claim("cart", CPU),), None)],
)
def test_nothing_is_said_of_a_first_cause_with_a_tie_or_of_none(
    claims: tuple[Claim, ...], known: RankedState | None
) -> None:
    given = state(CPU, NO_CALLS, ranked=known)
    assert [told(claims, given) for told in (tie_note, tie_gap, tie_step)] == [(), (), ()]


def test_where_no_calls_were_looked_for_the_step_has_no_query() -> None:
    (step,) = tie_step((claim("cart", CPU),), state(CPU))
    assert step.query == ""


def test_a_summary_says_so_whoever_wrote_it() -> None:
    conclusion = Conclusion(
        verdict=Verdict.CAUSE_FOUND, confidence=0.48, claims=(claim("cart", CPU),), concluded_at=AT
    )
    assert noted("A model's words.", conclusion, state(CPU)).startswith(f"A model's words. {NOTE}")


async def test_a_found_cause_without_a_tie_misses_the_calls() -> None:
    given = ranked(cause("cart", 0.48, tied=False), claims=(claim("cart", CPU, LOGS, confidence=0.48),))
    told = await concluded(state(CPU, LOGS, NO_CALLS, ranked=given))
    assert (told.verdict, told.confidence) == (Verdict.CAUSE_FOUND, 0.48)
    assert told.missing[0].startswith("Who calls whom between cart and frontend")
    assert told.queries == ()


async def test_where_it_is_too_little_to_go_by_the_tie_is_asked_for_before_all_else() -> None:
    given = ranked(cause("cart", 0.2, tied=False), claims=(claim("cart", CPU, LOGS, confidence=0.2),))
    told = await concluded(state(CPU, LOGS, NO_CALLS, ranked=given))
    assert told.verdict is Verdict.INCONCLUSIVE
    assert told.queries[0].action.startswith("Ask whether frontend depends on cart")
    assert told.queries[1].action.startswith("Look closer at cart")


@pytest.mark.parametrize(("untied_ones", "sure"), [(frozenset({"cart"}), UNTIED), (frozenset(), 0.68)])
def test_a_model_cannot_know_of_a_tie_either(untied_ones: frozenset[str], sure: float) -> None:
    findings = Findings(
        (CPU, LOGS),
        KnownTopology(),
        covered=frozenset(Source),
        believed={"cart": 0.48},
        untied=untied_ones,
    )
    (passed,) = verified([claim("cart", CPU, LOGS, confidence=0.9, author="gpt-4o")], findings).claims
    assert passed.confidence == pytest.approx(sure)
