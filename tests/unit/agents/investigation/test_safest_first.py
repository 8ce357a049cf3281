"""What a report advises comes in the order in which it is safe to do, whoever advised it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.analysis.findings import CauseKind, FindingKind, Source
from agents.investigation.remedies import next_steps
from agents.investigation.safety import Safety, safest_first, safety_of
from schemas.events.report import NextStep
from tests.fakes.evidence import claim, evidence

CPU = evidence("cart", indicator="cpu", statement="cart cpu rose")
DEPLOY = evidence("cart", FindingKind.RECENT_CHANGE, Source.CHANGES, title="delete and restart all")
BOOK = evidence("", FindingKind.RUNBOOK, Source.KNOWLEDGE, onset_s=None, title="Restart cart")
KNOWN = (CPU, DEPLOY, BOOK)


@pytest.mark.parametrize(
    ("action", "safety"),
    [
        ("See what fills the disk of db", Safety.LOOKS),
        ("Check the slow query log [E1]", Safety.LOOKS),
        ("look at cart-restart first (it was restarted) [E1]", Safety.LOOKS),
        ('Read the runbook "Delete it" (https://wiki/x)', Safety.LOOKS),
        ("Check the pool and raise its limit", Safety.UNDOABLE),
        ('Roll back "drop index"', Safety.UNDOABLE),
        ("If it cannot be restarted, take it out of the balancing", Safety.UNDOABLE),
        ("Check the pool, then restart db", Safety.LASTING),
        ("See the docs; DROP TABLE alarms", Safety.LASTING),
        ("Add instances or reset the cache", Safety.LASTING),
        ("Look at it and fail over", Safety.LASTING),
        ("Deleting old logs helps", Safety.LASTING),
        ("Frobnicate db", Safety.LASTING),
        ("?", Safety.LASTING),
    ],
)
def test_a_step_is_as_safe_as_the_worst_in_it_and_unknown_is_not_safe(action: str, safety: Safety) -> None:
    assert safety_of(action) is safety


@pytest.mark.parametrize("kind", list(CauseKind))
def test_looking_comes_before_what_can_be_undone_and_that_before_the_rest(kind: CauseKind) -> None:
    steps = next_steps(claim("cart", CPU, DEPLOY, kind=kind), KNOWN)

    safeties = [safety_of(step.action) for step in steps]
    assert safeties == sorted(safeties)
    assert safeties[:2] == [Safety.LOOKS, Safety.LOOKS], "the first look, and the runbook"
    assert Safety.UNDOABLE in safeties
    assert steps == safest_first(steps)


def test_where_load_stays_away_nobody_is_told_to_add_instances() -> None:
    away = evidence("cart", indicator="request_rate", agreeing_days=2, known_days=2)
    lone = evidence("cart", indicator="request_rate", agreeing_days=1, known_days=1)
    steps = next_steps(claim("cart", away, kind=CauseKind.TRAFFIC), (away,))

    assert steps == safest_first(steps)
    assert "at this hour reaches it" in steps[0].action
    assert not any("instances" in step.action for step in steps)
    assert steps != next_steps(claim("cart", lone, kind=CauseKind.TRAFFIC), (lone,))
    assert (
        next_steps(claim("cart", away, kind=CauseKind.CPU), (away,))[1:]
        == next_steps(claim("cart", CPU, kind=CauseKind.CPU), (CPU,))[1:]
    )


def test_what_is_advised_besides_is_put_where_it_belongs() -> None:
    own = next_steps(claim("cart", CPU, kind=CauseKind.MEMORY), (CPU,))
    advised = (NextStep(action="Kill the leaking worker"), NextStep(action="Check the last release"))

    actions = [step.action for step in safest_first([*own, *advised])]

    assert actions[1] == "Check the last release"
    assert actions[-1] == "Kill the leaking worker"


@given(st.lists(st.sampled_from(["See it", "Check it", "Raise it", "Add it", "Restart it", "Drop it", "So"])))
def test_nothing_is_lost_and_alike_ones_keep_their_order(actions: list[str]) -> None:
    ordered = [step.action for step in safest_first([NextStep(action=one) for one in actions])]

    assert sorted(ordered) == sorted(actions)
    for safety in Safety:
        assert [one for one in ordered if safety_of(one) is safety] == [
            one for one in actions if safety_of(one) is safety
        ]
    assert [safety_of(one) for one in ordered] == sorted(safety_of(one) for one in actions)
