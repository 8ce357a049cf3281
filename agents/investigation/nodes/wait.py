"""Evidence waits for its data: an alarm arrives before the samples that explain it have landed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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
    patience = _Patience(state.plan, context)
    while late := await patience.late():
        if clock.monotonic() >= deadline:
            return {"late": late}
        if not told:
            told = f"waiting for {', '.join(late)} to land"
            waiting = status(InvestigationState.WAITING, "wait", told, context, state.plan.round)
            await context.ports.publisher.publish(waiting)
        with context.ports.lease.idle():
            await clock.sleep(pause_s)
        pause_s = min(pause_s * _SLOWER, settings.wait_poll_s * _SLOWEST)
        await hold(context)
    return {"late": ()}


def behind(
    landed: Mapping[Source, Landed], window_end: datetime, skew: timedelta, passed_at: datetime | None = None
) -> tuple[Source, ...]:
    """Return the sources whose data may still be missing.

    One has landed when its data reach past the window, or when all that was produced until the window's end, by
    the sender's clock as far behind ours as the alarm was, is there: a silent source is not waited for. Nor is one
    that is caught up to `passed_at`, when another source was first seen to have passed the window: the tenant's
    own time is over then, however fast it runs (a replay, a batch of the past).
    """
    return tuple(
        source
        for source, state in sorted(landed.items())
        if not _has_landed(state, window_end, skew, passed_at)
    )


def _has_landed(landed: Landed, window_end: datetime, skew: timedelta, passed_at: datetime | None) -> bool:
    if _has_passed(landed, window_end):
        return True
    if landed.caught_up_to is None:
        return False
    enough = window_end + skew if passed_at is None else min(window_end + skew, passed_at)
    return landed.caught_up_to >= enough


def _has_passed(landed: Landed, window_end: datetime) -> bool:
    return landed.event_time is not None and landed.event_time >= window_end


class _Patience:
    """Knows what one investigation is still waiting for."""

    def __init__(self, plan: Plan, context: RunContext) -> None:
        self._context = context
        self._wanted = [source for source in LANDING if plan.task(source)]
        self._end = plan.window.end
        self._ahead = {one: max(plan.window.ahead_by(one).values(), default=0.0) for one in self._wanted}
        request = context.request
        seen = self._end - timedelta(seconds=request.observe_s)
        self._skew = max(request.requested_at - max(seen, first_alarm_at(request)), timedelta(0))
        self._passed_at: datetime | None = None

    async def late(self) -> tuple[Source, ...]:
        """Return the sources that have not landed yet."""
        ports = self._context.ports
        try:
            told = await ports.freshness.landed_until(self._context.request.tenant, self._wanted)
        except UnavailableError:
            return tuple(self._wanted)
        landed = {source: _earlier(state, self._ahead[source]) for source, state in told.items()}
        if self._passed_at is None and any(_has_passed(one, self._end) for one in landed.values()):
            self._passed_at = ports.clock.now()
        return behind(landed, self._end, self._skew, self._passed_at)


def _earlier(landed: Landed, ahead_s: float) -> Landed:
    """What a clock that is ahead has stamped promises so much less: its own data are read so much further, too."""
    if landed.event_time is None:
        return landed
    return replace(landed, event_time=landed.event_time - timedelta(seconds=ahead_s))
