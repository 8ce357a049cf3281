from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agents.analysis.findings import Source
from agents.investigation.memory import request_for
from agents.investigation.nodes.wait import behind, wait
from agents.investigation.stepping import CancelledRunError
from agents.ports import Landed
from schemas.errors import UnavailableError
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import (
    CancelAfter,
    Landing,
    StepClock,
    collected,
    context_for,
    state_for,
)
from tests.fakes.node_orders import WINDOW_END, changed, planned

DATA = bad_deploy()


@pytest.mark.parametrize(
    ("landed", "late"),
    [
        (Landed(event_time=WINDOW_END), False),
        (Landed(event_time=WINDOW_END - timedelta(seconds=1)), True),
        (Landed(caught_up_to=WINDOW_END + timedelta(seconds=10)), False),
        (Landed(caught_up_to=WINDOW_END + timedelta(seconds=9)), True),
        (Landed(), True),
    ],
)
def test_landed_means_past_the_window_or_caught_up_with_the_skew(landed: Landed, late: bool) -> None:
    found = behind({Source.LOGS: landed}, WINDOW_END, timedelta(seconds=10))

    assert found == ((Source.LOGS,) if late else ())


async def test_the_skew_is_how_late_the_request_came_after_its_alarm() -> None:
    request = changed(request_for(DATA), requested_at=WINDOW_END + timedelta(days=300))
    caught_up = Landed(caught_up_to=WINDOW_END + timedelta(days=299))
    context = context_for(DATA, request=request, freshness=Landing([{Source.KPIS: caught_up}]))

    assert await wait(state_for(context, plan=planned(context)), context) == {"late": (Source.KPIS,)}


async def test_what_has_landed_is_not_waited_for() -> None:
    clock = StepClock()
    context = context_for(
        DATA, clock=clock, freshness=Landing([{Source.KPIS: Landed(event_time=WINDOW_END)}])
    )

    assert await wait(state_for(context, plan=planned(context)), context) == {"late": ()}
    assert clock.slept == []
    assert collected(context) == []


async def test_the_wait_is_told_once_slows_down_and_ends_at_its_limit() -> None:
    clock = StepClock()
    context = context_for(DATA, clock=clock, freshness=Landing([{Source.LOGS: Landed()}]))

    delta = await wait(state_for(context, plan=planned(context)), context)

    assert delta == {"late": (Source.LOGS,)}
    assert len(collected(context)) == 1
    assert clock.slept == sorted(clock.slept)
    assert sum(clock.slept) < context.settings.wait_limit_s + max(clock.slept)


async def test_a_cancellation_ends_the_wait() -> None:
    context = context_for(
        DATA, freshness=Landing([{Source.LOGS: Landed()}]), cancellation=CancelAfter(1), clock=StepClock()
    )

    with pytest.raises(CancelledRunError):
        await wait(state_for(context, plan=planned(context)), context)


async def test_an_unreachable_watermark_counts_as_late() -> None:
    class Away:
        async def landed_until(self, tenant: str, sources: Any) -> Any:
            raise UnavailableError("away")

    context = context_for(DATA, freshness=Away())

    assert len((await wait(state_for(context, plan=planned(context)), context))["late"]) == 4
