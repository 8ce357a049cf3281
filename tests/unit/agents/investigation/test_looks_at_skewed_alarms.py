"""Where the first look ends when the alarm's clock is not ours."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agents.analysis.findings import Source
from agents.investigation.memory import request_for
from agents.investigation.nodes.plan import first_window, later, plan
from agents.investigation.nodes.wait import wait
from agents.investigation.state import LookWindow
from agents.ports import Landed
from schemas.errors import UnavailableError
from schemas.events.investigation import InvestigationRequested, RequestKind
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import Landing, StepClock, context_for, state_for
from tests.fakes.node_orders import changed, order_for

DATA = bad_deploy()
OBSERVE_S = 20.0


def asked(behind_s: float, **fields: Any) -> InvestigationRequested:
    """A request made so long after the time its alarm tells."""
    request = request_for(DATA)
    told_at = request.requested_at + timedelta(seconds=behind_s)
    return changed(request, requested_at=told_at, observe_s=OBSERVE_S, lead_s=120.0, **fields)


async def looked(request: InvestigationRequested, landed: Landed | None = None) -> LookWindow:
    freshness = Landing([{} if landed is None else {Source.KPIS: landed}])
    context = context_for(DATA, request=request, freshness=freshness)
    return (await plan(state_for(context), context))["plan"].window


def after_alarm(window: LookWindow) -> float:
    return (window.end - window.alarm_at).total_seconds()


@pytest.mark.parametrize(
    ("behind_s", "ends_s"),
    [(-30.0, 20.0), (0.0, 20.0), (20.0, 20.0), (21.0, 41.0), (40.0, 60.0), (120.0, 140.0), (121.0, 20.0)],
)
async def test_a_look_that_would_be_over_before_the_alarm_was_told_ends_as_long_after_that(
    behind_s: float, ends_s: float
) -> None:
    window = await looked(asked(behind_s))

    assert after_alarm(window) == ends_s
    assert (window.alarm_at - window.start).total_seconds() == 120.0


async def test_in_a_replay_the_tenants_own_time_counts_not_the_clock_on_the_wall() -> None:
    request = asked(60.0)
    alarm_at = request.incident.alarms[0].started_at

    as_told = await looked(request, Landed(event_time=alarm_at + timedelta(seconds=3)))
    ahead = await looked(request, Landed(event_time=alarm_at + timedelta(hours=3)))

    assert after_alarm(as_told) == OBSERVE_S
    assert after_alarm(ahead) == 60.0 + OBSERVE_S


async def test_who_asks_by_hand_may_ask_about_any_time() -> None:
    assert after_alarm(await looked(asked(60.0, kind=RequestKind.MANUAL))) == OBSERVE_S


async def test_where_the_tenants_time_cannot_be_asked_the_clock_on_the_wall_counts() -> None:
    class Away:
        async def landed_until(self, tenant: str, sources: Any) -> Any:
            raise UnavailableError("away")

    context = context_for(DATA, request=asked(60.0), freshness=Away())

    assert after_alarm((await plan(state_for(context), context))["plan"].window) == 80.0


async def test_what_the_look_has_allowed_for_is_not_waited_for_again() -> None:
    request = asked(60.0)
    end = request.requested_at + timedelta(seconds=OBSERVE_S)
    clock = StepClock()
    freshness = Landing([{}, {Source.LOGS: Landed(caught_up_to=end)}])
    context = context_for(DATA, request=request, freshness=freshness, clock=clock)
    planned = (await plan(state_for(context), context))["plan"]

    assert planned.window.end == end
    assert await wait(state_for(context, plan=planned), context) == {"late": ()}
    assert clock.slept == []


def test_a_later_look_is_the_same_look_but_for_its_end() -> None:
    window = order_for(context_for(DATA, request=asked(0.0))).window
    told_at = window.alarm_at + timedelta(seconds=50)

    longer = later(window, told_at, OBSERVE_S)

    assert longer == window.model_copy(update={"end": told_at + timedelta(seconds=OBSERVE_S)})
    assert later(longer, told_at, OBSERVE_S) == longer


def test_the_first_window_alone_knows_only_the_alarms_own_time() -> None:
    window = first_window(context_for(DATA, request=asked(60.0)))

    assert after_alarm(window) == OBSERVE_S
