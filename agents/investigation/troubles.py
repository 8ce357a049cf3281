"""Normal life without other incidents in it: after an outage its own traces must not pass for what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from agents.investigation.context import RunContext
from agents.investigation.costs import query_cost
from agents.investigation.state import LookWindow, Span
from agents.ports import Trouble
from schemas.errors import UnavailableError
from schemas.events.ledger import CostEntry

__all__ = ["untroubled", "without_troubles"]

# Further back than any look goes.
_LOOK_BACK = timedelta(hours=6)


async def without_troubles(
    window: LookWindow, services: Sequence[str], context: RunContext
) -> tuple[LookWindow, tuple[CostEntry, ...]]:
    """Return the window that knows when other incidents of these services were, and what it cost to ask.

    Where it cannot be asked the window stays as it is: to know what is usual a little worse is better than to wait.
    """
    incident, ports = context.request.incident, context.ports
    try:
        fetched = await ports.history.troubles(
            context.request.tenant, services, window.start - _LOOK_BACK, window.start
        )
    except UnavailableError:
        return window, ()
    cost = query_cost("troubles", 1, fetched, context)
    await ports.publisher.publish(cost)
    others = [one for one in fetched.items if one.incident_id != incident.incident_id]
    return untroubled(window, others, context.settings.lead_s), (cost,)


def untroubled(window: LookWindow, troubles: Sequence[Trouble], lead_s: float) -> LookWindow:
    """Return the window with the spans of the troubles, each from `lead_s` before its first alarm: alarms are late.

    The baseline begins as much earlier as they take of it, at most twice as long as it was; not where they take too
    much of that for anything to be left out.
    """
    spans = _apart(troubles, timedelta(seconds=lead_s), window.start)
    length = window.start - window.baseline_start
    lost = sum(
        (max(one.until - max(one.since, window.baseline_start), timedelta()) for one in spans), timedelta()
    )
    known = window.model_copy(update={"troubled": spans})
    longer = known.model_copy(update={"baseline_start": window.baseline_start - min(lost, length)})
    return longer if longer.left_out else known


def _apart(troubles: Sequence[Trouble], lead: timedelta, end: datetime) -> tuple[Span, ...]:
    """The spans before the end, those that touch as one."""
    spans: list[Span] = []
    for one in sorted(troubles, key=lambda trouble: trouble.since):
        since, until = one.since - lead, end if one.until is None else min(one.until, end)
        if since >= until:
            continue
        if spans and since <= spans[-1].until:
            spans[-1] = Span(since=spans[-1].since, until=max(spans[-1].until, until))
        else:
            spans.append(Span(since=since, until=until))
    return tuple(spans)
