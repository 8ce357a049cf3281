"""What a model makes of the evidence: causes as claims, questions, and what it would see before it decides."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from agents.analysis.findings import CauseKind
from agents.investigation.advice import ask
from agents.investigation.context import RunContext
from agents.investigation.inquiries.asking import Asked, Known, Span, accepted
from agents.investigation.prompts import further, known_names, labelled, reasoner_prompt
from agents.investigation.state import Claim, GraphState, LookWindow, RankedState
from agents.investigation.support import CODE
from agents.llm.outputs import RankedCause, ReasonerOutput
from agents.llm.roles import REASONER
from agents.ports import BudgetLevel
from schemas.events.evidence import Evidence
from schemas.events.ledger import CostEntry

__all__ = ["advised"]


async def advised(
    ranked: RankedState, state: GraphState, context: RunContext
) -> tuple[RankedState, tuple[CostEntry, ...]]:
    """Ask the reasoner, and return the ranking with its claims before those of the code, and what it costs.

    One that does not answer leaves the claims as they are; had it asked for more before, the findings are partial.
    """
    evidence = state.current_evidence
    own = tuple(claim for claim in ranked.claims if claim.author in CODE)
    rest = further(state.inquiring, may_ask=_may_ask(state))
    prompt = partial(reasoner_prompt, state.request, own, ranked, evidence, rest)
    keep = known_names(state.request, state.topology)
    advice = await ask(REASONER, _step(state), prompt, keep, context)
    if advice.value is None:
        silent = (
            f"a model fell silent before it had decided: {advice.why_not}" if state.inquiring.turns else ""
        )
        return ranked.model_copy(update={"queries": (), "partial": silent}), advice.costs
    asked = _asked(advice.value, state)
    changed = {
        "claims": (*_claims(advice.value, advice.model, evidence), *own),
        "questions": advice.value.missing,
        "queries": asked.queries,
        "wishes": ranked.wishes + len(advice.value.queries),
        "unanswered": asked.unanswered,
        "partial": asked.partial,
    }
    return ranked.model_copy(update=changed), advice.costs


def _step(state: GraphState) -> str:
    """The name of the question in journal and ledger: one a turn, whatever the look."""
    turns = state.inquiring.turns
    if turns:
        return "reconsider" if turns == 1 else f"reconsider.{turns}"
    look = state.plan.round if state.plan else 1
    return "rank" if look == 1 else f"rank.{look}"


def _may_ask(state: GraphState) -> bool:
    return state.level is BudgetLevel.NORMAL


def _asked(told: ReasonerOutput, state: GraphState) -> Asked:
    if state.plan is None:
        return Asked()
    return accepted(
        told.queries,
        _span(state.plan.window),
        Known(_services(state), "\n".join(one.statement.lower() for one in state.current_evidence)),
        state.inquiring,
        affordable=_may_ask(state),
    )


def _span(window: LookWindow) -> Span:
    return Span(window.baseline_start, window.start, window.alarm_at, window.end)


def _services(state: GraphState) -> frozenset[str]:
    """Who may be asked about: whoever the incident, the topology or the evidence names."""
    topology = state.topology
    called = (name for targets in topology.calls.values() for name in targets)
    seen = (one.service for one in state.current_evidence if one.service)
    return frozenset([*state.request.incident.services, *topology.nodes, *topology.calls, *called, *seen])


def _claims(told: ReasonerOutput, model: str, evidence: Sequence[Evidence]) -> tuple[Claim, ...]:
    ids = {label: one.event_id for label, one in labelled(evidence)}
    return tuple(_claim(cause, ids, model) for cause in told.causes)


def _claim(cause: RankedCause, ids: dict[str, str], model: str) -> Claim:
    """The model's words as a claim; labels that nobody gave out stay as they are, for `verify` to reject."""
    return Claim(
        service=cause.service,
        kind=_kind(cause.kind),
        indicator=cause.indicator or "",
        confidence=cause.confidence,
        statement=cause.statement,
        evidence_ids=tuple(ids.get(label, label) for label in cause.evidence_ids),
        author=model,
    )


def _kind(slug: str) -> CauseKind:
    words = slug.lower().replace("-", "_").split("_")
    return next((kind for kind in CauseKind if kind.value in words), CauseKind.UNKNOWN)
