"""The knowledge agent: which runbooks and which past incidents are like this one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agents.analysis.findings import Finding, Source, nothing_seen
from agents.investigation.context import RunContext
from agents.investigation.costs import query_cost
from agents.investigation.evidence import unreachable
from agents.investigation.nodes.gathering import GatherDelta, GatherOrder, published
from agents.investigation.state import first_alarm_at
from agents.knowledge.judged import lineage
from agents.knowledge.past import past_findings
from agents.knowledge.runbooks import runbook_findings
from schemas.errors import LeaseLostError, RetryableError, UnavailableError
from schemas.events.report import Feedback, Report

__all__ = ["gather_knowledge"]


async def gather_knowledge(order: GatherOrder, context: RunContext) -> GatherDelta:
    """Read runbooks and past reports. Raises RetryableError while there is another try."""
    try:
        return await _gather(order, context)
    except LeaseLostError:
        raise
    except RetryableError as error:
        if not context.last_try:
            raise
        finding = unreachable(Source.KNOWLEDGE, str(error))
        return await published((finding,), order, None, (), context)


async def _gather(order: GatherOrder, context: RunContext) -> GatherDelta:
    request, ports = context.request, context.ports
    # First what costs nothing: what is read after the query and fails would leave its price untold.
    books = await ports.runbooks.runbooks(request.tenant)
    fetched = await ports.history.reports_about(
        request.tenant, request.incident.services, first_alarm_at(request), context.settings.past_reports
    )
    cost = query_cost("knowledge", order.round, fetched, context)
    earlier = [report for report in fetched.items if report.investigation_id != request.investigation_id]
    said = await _said(earlier, context)
    findings = [
        *await asyncio.to_thread(past_findings, request.incident, earlier, said),
        *await asyncio.to_thread(runbook_findings, request.incident, books, ports.likeness),
    ]
    return await published(findings or [_nothing_known()], order, fetched, (cost,), context)


async def _said(earlier: Sequence[Report], context: RunContext) -> tuple[Feedback, ...]:
    """What people said of them; nothing where it cannot be read now: a past incident accuses nobody by itself."""
    ids = sorted({name for report in earlier for name in lineage(report)})
    try:
        return await context.ports.history.feedback(context.request.tenant, ids)
    except UnavailableError:
        return ()


def _nothing_known() -> Finding:
    return nothing_seen(Source.KNOWLEDGE, "No runbook and no past incident is like this one")
