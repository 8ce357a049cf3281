"""A cause that nothing known ties to the alarm: that it is so, what would tell, and what to find out first."""

from __future__ import annotations

from collections.abc import Sequence

from agents.analysis.findings import FindingKind, Source
from agents.investigation.state import Claim, GraphState, RankedState
from schemas.events.report import NextStep

__all__ = ["tie_gap", "tie_note", "tie_step", "untied"]


def untied(ranked: RankedState) -> frozenset[str]:
    """Return those ranked that nothing known ties to the alarm."""
    return frozenset(cause.service for cause in ranked.causes if not cause.tied)


def tie_note(claims: Sequence[Claim], state: GraphState) -> tuple[str, ...]:
    """Return the sentence that the first cause has no known tie to the alarm; nothing where it has one."""
    first = _untied_first(claims, state)
    if not first:
        return ()
    return (
        f"No tie between {first} and {state.alarm_service} is known: that both are in trouble at one moment may be chance",
    )


def tie_gap(claims: Sequence[Claim], state: GraphState) -> tuple[str, ...]:
    """Return what would tell whether the first cause and the alarm have to do with each other."""
    first, alarmed = _untied_first(claims, state), state.alarm_service
    return (
        (f"Who calls whom between {first} and {alarmed}: a topology or traces would tell",) if first else ()
    )


def tie_step(claims: Sequence[Claim], state: GraphState) -> tuple[NextStep, ...]:
    """Return the step that comes before all others where the tie is not known, with the query of the calls that were looked for."""
    first, alarmed = _untied_first(claims, state), state.alarm_service
    if not first:
        return ()
    looked = (one for one in state.current_evidence if one.step == Source.TOPOLOGY and one.query)
    calls = sorted(looked, key=lambda one: one.kind != FindingKind.NO_DATA)
    action = f"Ask whether {alarmed} depends on {first} in any way: a call, a queue, a database or a host that both use"
    return (NextStep(action=action, query=calls[0].query if calls else ""),)


def _untied_first(claims: Sequence[Claim], state: GraphState) -> str:
    if not claims or state.ranked is None or claims[0].service not in untied(state.ranked):
        return ""
    return claims[0].service
