"""Evidence waits for its data: an alarm arrives before the samples that explain it have landed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypedDict

from agents.analysis.findings import Source
from agents.investigation.context import RunContext
from agents.investigation.state import GraphState, Plan, first_alarm_at
from agents.investigation.stepping import hold, status
from agents.ports import Landed
from schemas.errors import IntegrityError, UnavailableError
from schemas.events.investigation import InvestigationState

__all__ = ["LANDING", "WaitDelta", "behind", "wait"]

LANDING = (Source.KPIS, Source.LOGS, Source.CHANGES, Source.ALARMS)
"""Sources that arrive through topics, and so can be late."""


# A thousand waiting investigations must not ask a thousand times per poll interval.
_SLOWER = 1.5
_SLOWEST = 6.0


class WaitDelta(TypedDict):
    late: tuple[Source, ...]


async def wait(state: GraphState, context: RunContext) -> WaitDelta:
    """Return when every source that is read has landed up to the window's end, or when the limit is reached."""
    if state.plan is None:
        raise IntegrityError("wait came before plan")
    clock, settings = context.ports.clock, context.settings
    deadline = clock.monotonic() + settings.wait_limit_s
    told, pause_s = "", settings.wait_poll_s
    while late := await _late(state.plan, context):
        if clock.monotonic() >= deadline:
            return {"late": late}
        if not told:
            told = f"waiting for {', '.join(late)} to land"
            await context.ports.publisher.publish(status(InvestigationState.WAITING, "wait", told, context))
        await clock.sleep(pause_s)
        pause_s = min(pause_s * _SLOWER, settings.wait_poll_s * _SLOWEST)
        await hold(context)
    return {"late": ()}


def behind(landed: Mapping[Source, Landed], window_end: datetime, skew: timedelta) -> tuple[Source, ...]:
    """Return the sources whose data may still be missing.

    One has landed when its data reach past the window, or when all that was produced until the window's end, by
    the sender's clock as far behind ours as the alarm was, is there: a silent source is not waited for.
    """
    return tuple(
        source for source, state in sorted(landed.items()) if not _has_landed(state, window_end, skew)
    )


def _has_landed(landed: Landed, window_end: datetime, skew: timedelta) -> bool:
    by_event = landed.event_time is not None and landed.event_time >= window_end
    by_arrival = landed.caught_up_to is not None and landed.caught_up_to >= window_end + skew
    return by_event or by_arrival


async def _late(plan: Plan, context: RunContext) -> tuple[Source, ...]:
    wanted = [source for source in LANDING if plan.task(source)]
    try:
        landed = await context.ports.freshness.landed_until(context.request.tenant, wanted)
    except UnavailableError:
        return tuple(wanted)
    skew = max(context.request.requested_at - first_alarm_at(context.request), timedelta(0))
    return behind(landed, plan.window.end, skew)
