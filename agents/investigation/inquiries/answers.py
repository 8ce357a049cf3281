"""Answers an inquiry: one bounded query of the tenant's own data, published as evidence with the query that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, assert_never

from agents.analysis.findings import Finding, FindingKind, Source
from agents.investigation.clocks import right_kpis, right_logs
from agents.investigation.context import RunContext
from agents.investigation.costs import query_cost
from agents.investigation.cuts import left_out
from agents.investigation.evidence import evidence_of
from agents.investigation.fetching import Fetch
from agents.investigation.inquiries.asking import Inquiry, LookAt, told
from agents.investigation.inquiries.facts import (
    Facts,
    alarm_facts,
    change_facts,
    kpi_facts,
    log_facts,
    neighbour_facts,
)
from agents.investigation.state import GraphState, LookWindow
from agents.investigation.support import accuses
from agents.ports import Fetched, QueryLimits
from schemas.errors import IntegrityError, LeaseLostError, RetryableError, TimeLimitError
from schemas.events.evidence import Evidence
from schemas.events.ledger import CostEntry

__all__ = ["Answer", "answer"]

T = TypeVar("T")

_GRACE_S: Final = 5.0
"""How much longer than the store may work its answer may be on its way."""
_SOURCES = {
    LookAt.KPIS: Source.KPIS,
    LookAt.LOGS: Source.LOGS,
    LookAt.CHANGES: Source.CHANGES,
    LookAt.ALARMS: Source.ALARMS,
    LookAt.NEIGHBOURS: Source.TOPOLOGY,
}


@dataclass(frozen=True, slots=True)
class Answer:
    evidence: Evidence
    cost: CostEntry | None
    empty: bool


async def answer(inquiry: Inquiry, number: int, state: GraphState, context: RunContext) -> Answer:
    """Answer one inquiry; `number` counts them over the investigation.

    The store keeps to the settings' limits of rows, samples and seconds; what it left out is told.

    A source that does not answer in time is an answer too. Raises RetryableError while the step has another try.
    """
    if state.plan is None:
        raise IntegrityError("an inquiry came before plan")
    window, windows = state.plan.window, context.ports.windows.within(_limits(context))
    start = window.start.timestamp()
    match inquiry.look_at:
        case LookAt.KPIS:
            asked = _Question(inquiry, number, window, right_kpis(windows, window))
            return await asked.put(lambda items: kpi_facts(inquiry, items, start), context)
        case LookAt.LOGS:
            asked_logs = _Question(inquiry, number, window, right_logs(windows, window))
            return await asked_logs.put(lambda items: log_facts(inquiry, items, start), context)
        case LookAt.CHANGES:
            asked_changes = _Question(inquiry, number, window, windows.changes)
            return await asked_changes.put(lambda items: change_facts(inquiry, items), context)
        case LookAt.ALARMS:
            asked_alarms = _Question(inquiry, number, window, windows.alarms)
            return await asked_alarms.put(lambda items: alarm_facts(inquiry, items), context)
        case LookAt.NEIGHBOURS:
            return _neighbours(inquiry, window, state, context)
        case _:
            assert_never(inquiry.look_at)


def _limits(context: RunContext) -> QueryLimits:
    settings = context.settings
    return QueryLimits(settings.query_rows, settings.query_samples, settings.query_s)


class _Question(Generic[T]):
    """One query of the `Windows` port."""

    def __init__(self, inquiry: Inquiry, number: int, window: LookWindow, fetch: Fetch[T]) -> None:
        self._inquiry, self._number, self._fetch = inquiry, number, fetch
        self._window = window.model_copy(update={"baseline_start": inquiry.since, "end": inquiry.until})

    async def put(self, facts: Callable[[Sequence[T]], Facts], context: RunContext) -> Answer:
        fetched = await self._fetched(context)
        if isinstance(fetched, str):
            finding = _finding(self._inquiry, FindingKind.UNREACHABLE, fetched, {"reason": fetched})
            return Answer(evidence_of(finding, self._window, None, context), None, empty=True)
        found = await asyncio.to_thread(facts, fetched.items)
        part = left_out(_SOURCES[self._inquiry.look_at], fetched)
        cut = f" (there is more than one query reads: {part})" if fetched.truncated else ""
        finding = _finding(
            self._inquiry, FindingKind.ANSWER, found.statement + cut, {**found.figures, "found": found.found}
        )
        cost = query_cost(f"inquire.{self._inquiry.look_at}", self._number, fetched, context)
        return Answer(evidence_of(finding, self._window, fetched, context), cost, empty=not found.found)

    async def _fetched(self, context: RunContext) -> Fetched[T] | str:
        """What the source answers, or why it does not."""
        one, seconds = self._inquiry, context.settings.query_s
        try:
            async with asyncio.timeout(seconds + _GRACE_S):
                return await self._fetch(
                    context.request.tenant, [one.service] if one.service else None, one.since, one.until
                )
        except LeaseLostError:
            raise
        except (TimeLimitError, TimeoutError):
            return f"Asked for {told(one)}: no answer in {seconds:g} s"
        except RetryableError as error:
            if not context.last_try:
                raise
            return f"Asked for {told(one)}: it could not be read: {error}"


def _neighbours(inquiry: Inquiry, window: LookWindow, state: GraphState, context: RunContext) -> Answer:
    abnormal = {one.service for one in state.current_evidence if accuses(one) and (one.score or 0.0) >= 1.0}
    found = neighbour_facts(inquiry, state.topology.calls, abnormal)
    finding = _finding(inquiry, FindingKind.ANSWER, found.statement, {**found.figures, "found": found.found})
    return Answer(evidence_of(finding, window, None, context), None, empty=not found.found)


def _finding(
    inquiry: Inquiry, kind: FindingKind, statement: str, data: dict[str, str | float | bool | None]
) -> Finding:
    return Finding(
        source=_SOURCES[inquiry.look_at],
        kind=kind,
        service=inquiry.service,
        subject=inquiry.name,
        statement=statement,
        data=data,
    )
