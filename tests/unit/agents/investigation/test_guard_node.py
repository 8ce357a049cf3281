from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from agents.investigation.memory import request_for
from agents.investigation.nodes.guard import guard
from agents.ports import Admitted, BudgetLevel, Denied
from schemas.events.investigation import RequestKind
from schemas.events.ledger import Audit
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import (
    Door,
    StepClock,
    collected,
    context_for,
    state_for,
)
from tests.fakes.node_orders import changed

DATA = bad_deploy()


async def test_a_sound_request_is_admitted_at_the_budget_s_level_and_on_record() -> None:
    context = context_for(DATA, admission=Door(Admitted(BudgetLevel.MODERATE)))

    delta = await guard(state_for(context), context)

    assert delta == {"level": BudgetLevel.MODERATE}
    (audit,) = collected(context)
    assert isinstance(audit, Audit)
    assert audit.allowed


async def test_a_denial_is_recorded_with_its_reason_and_time() -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    context = context_for(DATA, admission=Door(Denied("over budget", until)))

    delta = await guard(state_for(context), context)

    assert delta["refusal"].reason == "over budget"
    assert delta["refusal"].until == until


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": RequestKind.CANCEL},
        {"tenant": "somebody-else"},
        {"incident": {**request_for(DATA).incident.model_dump(), "alarms": (), "services": ()}},
    ],
)
async def test_a_request_that_is_not_sound_is_refused_before_anybody_is_asked(fields: dict[str, Any]) -> None:
    request = changed(request_for(DATA), **fields)
    context = context_for(DATA, request=request, admission=Door(Admitted()))

    delta = await guard(state_for(context), context)

    assert "refusal" in delta
    assert delta["refusal"].until is None


async def test_a_forged_request_id_is_refused() -> None:
    request = request_for(DATA).model_copy(update={"event_id": "req_forged"})
    context = context_for(DATA, request=request)

    assert "refusal" in await guard(state_for(context), context)


async def test_the_decision_has_the_same_name_however_often_it_is_taken() -> None:
    one, other = context_for(DATA, clock=StepClock(0)), context_for(DATA, clock=StepClock(99))
    await guard(state_for(one), one)
    await guard(state_for(other), other)

    assert collected(one)[0].event_id == collected(other)[0].event_id
