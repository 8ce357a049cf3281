"""The report: a function of what passed verification, worded by code, or by a model whose words are checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from agents.investigation.context import RunContext
from agents.investigation.costs import total_nano_usd
from agents.investigation.pictures import figures_of
from agents.investigation.remedies import next_steps
from agents.investigation.report import render
from agents.investigation.safety import safest_first
from agents.investigation.state import Claim, Conclusion, GraphState
from agents.investigation.surroundings import links_of, path_of
from agents.investigation.ties import tie_step
from agents.investigation.timeline import began_at, timeline
from agents.investigation.wording import headline, noted, summary
from agents.investigation.writing import Words, written
from schemas.errors import IntegrityError
from schemas.events.ledger import CostEntry, CostKind
from schemas.events.report import NextStep, Report, ReportedCause, Spending, Verdict

__all__ = ["SummariseDelta", "summarise"]


class SummariseDelta(TypedDict):
    report: Report
    costs: tuple[CostEntry, ...]


async def summarise(state: GraphState, context: RunContext) -> SummariseDelta:
    """Write and publish the report. Run again it publishes the same: everything in it comes from the state."""
    if state.conclusion is None:
        raise IntegrityError("summarise came before verify")
    conclusion = state.conclusion
    own = Words(headline(conclusion, state), summary(conclusion, state), _steps(conclusion, state))
    words, model, costs = await written(own, conclusion, state, context)
    ledger = (*state.costs, *costs)
    drawn = {**_seen(conclusion, state), "spending": _spending(ledger, context)}
    report = _report(words, model, conclusion, state, ledger).model_copy(update=drawn)
    report = report.model_copy(update={"markdown": render(report, state.current_evidence)})
    await context.ports.publisher.publish(report)
    return {"report": report, "costs": costs}


def _report(
    words: Words, model: str, conclusion: Conclusion, state: GraphState, ledger: Sequence[CostEntry]
) -> Report:
    request = state.request
    draft = Report(
        tenant=request.tenant,
        occurred_at=conclusion.concluded_at,
        investigation_id=request.investigation_id,
        incident_id=request.incident.incident_id,
        verdict=conclusion.verdict,
        confidence=conclusion.confidence,
        headline=words.headline,
        summary=noted(words.summary, conclusion, state),
        causes=tuple(_cause(claim) for claim in conclusion.claims),
        timeline=timeline(state.current_evidence, conclusion.claims),
        ruled_out=conclusion.ruled_out,
        missing=conclusion.missing,
        against=conclusion.contradictions,
        partial=conclusion.partial,
        next_steps=words.next_steps,
        services=request.incident.services,
        started_at=state.started_at,
        finished_at=conclusion.concluded_at,
        mode=model or "deterministic",
        recurrence_of=state.recalled.investigation_id if state.recalled and state.from_memory else "",
        cost_nano_usd=total_nano_usd(ledger),
        evidence_count=len(state.evidence),
    )
    return draft.model_copy(update={"report_id": draft.event_id})


def _seen(conclusion: Conclusion, state: GraphState) -> dict[str, object]:
    """When it began, how loud it was, and what of it can be drawn."""
    claims, incident = conclusion.claims, state.request.incident
    path = path_of(state, claims)
    return {
        "began_at": began_at(state.current_evidence, claims) if _abnormal(conclusion) else None,
        "alarmed_at": incident.opened_at if incident.alarms else None,
        "alarm_count": incident.alarm_count,
        "severity": incident.severity.value,
        "figures": figures_of(state, claims),
        "links": links_of(state, claims, conclusion.ruled_out, path),
        "path": path,
    }


def _abnormal(conclusion: Conclusion) -> bool:
    return conclusion.verdict in {Verdict.CAUSE_FOUND, Verdict.INCONCLUSIVE}


def _cause(claim: Claim) -> ReportedCause:
    return ReportedCause(
        service=claim.service,
        kind=claim.kind.value,
        indicator=claim.indicator,
        confidence=claim.confidence,
        statement=claim.statement,
        evidence_ids=claim.evidence_ids,
    )


def _steps(conclusion: Conclusion, state: GraphState) -> tuple[NextStep, ...]:
    """What to do: about the cause, what was advised the last time; where none is known, what would settle it."""
    if conclusion.verdict is Verdict.BENIGN:
        return (
            NextStep(action="Nothing now. If it comes again, raise the alarm's threshold or its duration"),
        )
    if conclusion.verdict is not Verdict.CAUSE_FOUND:
        return conclusion.queries
    own = next_steps(conclusion.claims[0], state.current_evidence)
    if not (state.from_memory and state.recalled and state.recalled.next_steps):
        return (*tie_step(conclusion.claims, state), *own)
    first, *rest = safest_first(state.recalled.next_steps)
    return (first.model_copy(update={"query": own[0].query}), *rest)


def _spending(ledger: Sequence[CostEntry], context: RunContext) -> Spending:
    request = context.request
    queries = [entry for entry in ledger if entry.kind is CostKind.QUERY]
    return Spending(
        queries=len(queries),
        model_calls=sum(entry.kind is CostKind.LLM for entry in ledger),
        rows_read=sum(entry.rows_read or 0 for entry in queries),
        query=context.settings.cost_query.format(
            tenant=request.tenant.replace("'", "''"), investigation_id=request.investigation_id
        ),
    )
