from __future__ import annotations

import pytest

from agents.investigation.memory import (
    MemoryHistory,
)
from agents.investigation.outcomes import Reported
from agents.investigation.run import Investigations
from schemas.events.report import Verdict
from tests.fakes.incident_data import bad_deploy, empty, healthy
from tests.fakes.incident_ports import (
    states_and_steps,
)
from tests.fakes.investigation_runs import ports_for, published, recurrence, run


async def test_a_recurrence_is_answered_from_memory_for_a_fraction_of_the_cost() -> None:
    data = bad_deploy()
    first = await run(data, ports_for(data))
    ports = ports_for(data, history=MemoryHistory([first]))

    outcome = await Investigations(ports.settings).investigate(
        recurrence(data, first.investigation_id), ports
    )

    assert isinstance(outcome, Reported)
    again = outcome.report
    assert again.verdict is Verdict.CAUSE_FOUND
    assert again.recurrence_of == first.investigation_id
    assert again.causes[0].service == "cart"
    assert "still holds" in again.causes[0].statement
    assert again.cost_nano_usd is not None
    assert first.cost_nano_usd is not None
    assert again.cost_nano_usd < first.cost_nano_usd / 2
    assert ("running", "gather_kpis") not in states_and_steps(published(ports))


async def test_an_answer_that_holds_no_more_leads_to_a_full_investigation() -> None:
    first = await run(bad_deploy(), ports_for(bad_deploy()))
    calm = healthy()
    ports = ports_for(calm, history=MemoryHistory([first]))

    outcome = await Investigations(ports.settings).investigate(
        recurrence(calm, first.investigation_id), ports
    )

    assert isinstance(outcome, Reported)
    assert outcome.report.verdict is Verdict.BENIGN
    assert outcome.report.recurrence_of == ""
    assert ("running", "gather_kpis") in states_and_steps(published(ports))


async def test_a_harmless_alarm_that_comes_again_is_answered_from_memory() -> None:
    calm = healthy()
    first = await run(calm, ports_for(calm))
    ports = ports_for(calm, history=MemoryHistory([first]))

    outcome = await Investigations(ports.settings).investigate(
        recurrence(calm, first.investigation_id), ports
    )

    assert isinstance(outcome, Reported)
    assert outcome.report.verdict is Verdict.BENIGN
    assert outcome.report.recurrence_of == first.investigation_id


@pytest.mark.parametrize("known", [True, False])
async def test_a_recurrence_without_an_answer_to_check_is_investigated_in_full(known: bool) -> None:
    data = bad_deploy()
    nothing = (await run(empty(), ports_for(empty()))).model_copy(update={"investigation_id": "inv_1"})
    ports = ports_for(data, history=MemoryHistory([nothing] if known else []))

    outcome = await Investigations(ports.settings).investigate(recurrence(data, "inv_1"), ports)

    assert isinstance(outcome, Reported)
    assert outcome.report.verdict is Verdict.CAUSE_FOUND
    assert outcome.report.recurrence_of == ""
