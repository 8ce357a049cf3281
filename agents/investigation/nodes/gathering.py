"""What the gathering agents have in common: ask a source, analyse what it answers, publish the findings as evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TypedDict, TypeVar

from pydantic import Field

from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.signals import Window
from agents.investigation.clocks import put_right
from agents.investigation.context import RunContext
from agents.investigation.costs import query_cost
from agents.investigation.cuts import cut_short
from agents.investigation.evidence import evidence_of, fingerprint, unreachable
from agents.investigation.fetching import Fetch
from agents.investigation.picture import Picture
from agents.investigation.state import GatherTask, LookWindow, marks
from agents.ports import Fetched
from schemas.errors import LeaseLostError, RetryableError
from schemas.events.base import Record
from schemas.events.evidence import Evidence
from schemas.events.ledger import CostEntry

__all__ = ["GatherDelta", "GatherOrder", "fetched_or_unreachable", "gather", "known_of", "published"]

T = TypeVar("T")


class GatherOrder(Record):
    """What one gathering agent is sent."""

    task: GatherTask
    window: LookWindow
    round: int = 1
    known: dict[str, str] = Field(default_factory=dict)
    """What earlier rounds have published: `fingerprint` by event id."""
    near: tuple[str, ...] = ()
    """Whom to compare with other days though they look calm today."""
    purpose: str = ""
    """Put before the cost entry's step, where the same source is read for another reason."""


class GatherDelta(TypedDict, total=False):
    evidence: tuple[Evidence, ...]
    costs: tuple[CostEntry, ...]
    gathered: tuple[str, ...]
    pictures: tuple[Picture, ...]


def known_of(evidence: Iterable[Evidence]) -> dict[str, str]:
    """Return what goes into `GatherOrder.known`."""
    return {one.event_id: fingerprint(one) for one in evidence}


async def gather(
    order: GatherOrder,
    context: RunContext,
    fetch: Fetch[T],
    analyse: Callable[[Sequence[T], Window], Sequence[Finding]],
) -> GatherDelta:
    """Run one agent over its source. The analysis runs in a thread: the event loop keeps serving."""
    source = order.task.source
    fetched = await fetched_or_unreachable(source, fetch, order, context)
    if isinstance(fetched, Finding):
        return await published((fetched,), order, None, (), context)
    cost = query_cost(f"{order.purpose}{source}", max(order.round, 1), fetched, context)
    findings = await asyncio.to_thread(analyse, fetched.items, order.window.signal())
    if fetched.truncated:
        findings = [*findings, cut_short(source, fetched)]
    findings = [*findings, *put_right(source, order.task.services, order.window)]
    return await published(findings, order, fetched, (cost,), context)


async def fetched_or_unreachable(
    source: Source, fetch: Fetch[T], order: GatherOrder, context: RunContext
) -> Fetched[T] | Finding:
    """Ask the source; on the last try its failure is a finding.

    Raises:
        RetryableError: it failed, and will be tried again.
    """
    window = order.window
    try:
        return await fetch(context.request.tenant, order.task.services, window.baseline_start, window.end)
    except LeaseLostError:
        raise
    except RetryableError as error:
        if not context.last_try:
            raise
        return unreachable(source, str(error))


async def published(
    findings: Sequence[Finding],
    order: GatherOrder,
    fetched: Fetched[T] | None,
    costs: tuple[CostEntry, ...],
    context: RunContext,
) -> GatherDelta:
    """Publish findings as evidence, with what it cost, and return the delta that says so.

    What an earlier round has published with the same content is not published again, and stays as it was published.
    """
    kept = _strongest(findings, context.settings.max_findings)
    evidence = tuple(evidence_of(finding, order.window, fetched, context) for finding in kept)
    fresh = tuple(one for one in evidence if not _is_known(one, order))
    await context.ports.publisher.publish(*costs, *fresh)
    return {"evidence": fresh, "costs": costs, "gathered": marks(order.round, evidence)}


def _is_known(evidence: Evidence, order: GatherOrder) -> bool:
    # The fingerprint of what is new need not be taken.
    known = order.known.get(evidence.event_id)
    return known is not None and known == fingerprint(evidence)


def _strongest(findings: Sequence[Finding], limit: int) -> Sequence[Finding]:
    """At most so many, those of no strength and the strongest first; in their own order."""
    if len(findings) <= limit:
        return findings
    weakest_first = sorted(
        findings, key=lambda f: (f.kind is not FindingKind.NORMAL, f.score is None, f.score or 0.0)
    )
    dropped = {id(finding) for finding in weakest_first[: len(findings) - limit]}
    return [finding for finding in findings if id(finding) not in dropped]
