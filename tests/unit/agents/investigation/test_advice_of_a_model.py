"""One question to a model from a node: when it is asked, what it costs, and what happens without an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agents.analysis.findings import Source
from agents.investigation.advice import Advice, ask
from agents.investigation.context import RunContext
from agents.investigation.nodes.plan import plan
from agents.investigation.nodes.rank import rank
from agents.llm.outputs import PlannerOutput
from agents.llm.roles import PLANNER
from agents.ports import Admitted, BudgetLevel
from schemas.events.ledger import CostEntry, CostKind
from tests.fakes.evidence import evidence
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import Door, collected, context_for, state_for
from tests.fakes.scripted_model import ScriptedModel, gateway_over

NO_TASKS: dict[str, Any] = {"PlannerOutput": lambda _: {"tasks": []}}


def context_with(
    model: ScriptedModel, *, level: BudgetLevel = BudgetLevel.NORMAL, limits: dict[str, int] | None = None
) -> RunContext:
    door = Door(Admitted(level), budget=level)
    return context_for(bad_deploy(), gateway=gateway_over(model, limits), admission=door)


def entries(context: RunContext) -> list[CostEntry]:
    return [e for e in collected(context) if isinstance(e, CostEntry) and e.kind is not CostKind.QUERY]


async def asked(context: RunContext, prompt: str = "what next?", step: str = "plan") -> Advice[PlannerOutput]:
    return await ask(PLANNER, step, lambda: prompt, (), context)


class TestAsk:
    async def test_an_answer_comes_with_its_model_and_its_cost(self) -> None:
        context = context_with(ScriptedModel(NO_TASKS))
        advice = await asked(context)
        assert advice.value == PlannerOutput(tasks=())
        assert (advice.model, advice.why_not) == ("gpt-4o", "")
        assert advice.costs == tuple(entries(context))
        (cost,) = advice.costs
        assert (cost.step, cost.kind, cost.outcome, cost.attempt) == ("plan", CostKind.LLM, "ok", 1)
        assert cost.cost_nano_usd is not None
        assert cost.cost_nano_usd > 0

    async def test_without_a_model_the_prompt_is_not_even_made(self) -> None:
        def never() -> str:
            raise AssertionError

        advice = await ask(PLANNER, "plan", never, (), context_for(bad_deploy()))
        assert advice == Advice(why_not="no model may be asked")

    async def test_a_budget_that_has_sunk_to_the_deterministic_level_asks_nobody(self) -> None:
        model = ScriptedModel(NO_TASKS)
        advice = await asked(context_with(model, level=BudgetLevel.DETERMINISTIC))
        assert advice.why_not == "no model may be asked"
        assert model.prompts == []

    async def test_other_levels_may_ask(self) -> None:
        for level in (BudgetLevel.NORMAL, BudgetLevel.MODERATE, BudgetLevel.AGGRESSIVE):
            assert (await asked(context_with(ScriptedModel(NO_TASKS), level=level))).value is not None

    @pytest.mark.parametrize("scope", ["tenant:local", "investigation"])
    async def test_an_exhausted_budget_refuses_with_its_reason_and_on_record(self, scope: str) -> None:
        model = ScriptedModel(NO_TASKS)
        investigation = context_for(bad_deploy()).request.investigation_id
        limit = {scope if scope.startswith("tenant") else f"investigation:{investigation}": 1}
        context = context_with(model, limits=limit)
        advice = await asked(context)
        assert advice.value is None
        assert "nano-USD left" in advice.why_not
        assert model.prompts == []
        assert [(e.outcome, e.cost_nano_usd) for e in entries(context)] == [("budget_refused", 0)]
        assert advice.costs == tuple(entries(context))

    async def test_a_model_that_fails_is_told_with_the_reason_and_on_record(self) -> None:
        context = context_with(ScriptedModel())
        advice = await asked(context)
        assert (advice.value, advice.model, advice.why_not) == (None, "", "all_failed")
        assert [e.outcome for e in entries(context)] == ["bad_request"]

    async def test_names_are_kept_and_people_are_masked(self) -> None:
        model = ScriptedModel(NO_TASKS)
        context = context_with(model)
        await ask(
            PLANNER, "plan", lambda: "cart@shop.internal says anna@mail.de", ["cart@shop.internal"], context
        )
        assert model.prompts == ["cart@shop.internal says <EMAIL_1>"]

    async def test_a_question_asked_again_is_answered_from_the_journal(self) -> None:
        model = ScriptedModel(NO_TASKS)
        context = context_with(model)
        first, again = await asked(context), await asked(context)
        assert again.value == first.value
        assert len(model.prompts) == 1
        assert [cost.kind for cost in again.costs] == [CostKind.LLM, CostKind.CACHE_HIT]
        assert again.costs[0].event_id == first.costs[0].event_id

    async def test_what_a_cancelled_question_cost_is_published_all_the_same(self) -> None:
        started = asyncio.Event()

        class Slow(ScriptedModel):
            async def complete(self, *arguments: Any) -> Any:
                started.set()
                await asyncio.Event().wait()

        context = context_with(Slow())
        task = asyncio.create_task(asked(context))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (cost,) = entries(context)
        assert (cost.outcome, cost.estimated) == ("cancelled", True)
        assert cost.cost_nano_usd is not None
        assert cost.cost_nano_usd > 0


def task(source: str, services: list[str], minutes_before: int = 0) -> dict[str, Any]:
    return {"source": source, "services": services, "question": "why?", "minutes_before": minutes_before}


class TestPlanner:
    async def planned(self, *tasks: dict[str, Any], level: BudgetLevel = BudgetLevel.NORMAL) -> Any:
        model = ScriptedModel({"PlannerOutput": lambda _: {"tasks": list(tasks)}})
        context = context_with(model)
        delta = await plan(state_for(context, level=level), context)
        return delta, model, context

    async def test_a_model_may_look_further_back_but_not_elsewhere(self) -> None:
        plain, _, _ = await self.planned()
        delta, _, context = await self.planned(task("logs", ["cart"], 50))
        window = delta["plan"].window
        assert (window.alarm_at - window.baseline_start).total_seconds() == 50 * 60
        assert (window.start, window.end) == (plain["plan"].window.start, plain["plan"].window.end)
        assert {t.services for t in delta["plan"].tasks} == {None}
        assert delta["costs"] == tuple(e for e in collected(context) if isinstance(e, CostEntry))

    async def test_a_shorter_look_back_does_not_shorten_the_baseline(self) -> None:
        plain, _, _ = await self.planned()
        delta, _, _ = await self.planned(task("logs", [], 1))
        assert delta["plan"].window == plain["plan"].window

    async def test_the_look_back_has_a_limit(self) -> None:
        delta, _, context = await self.planned(task("logs", [], 1440))
        window = delta["plan"].window
        limit = context.settings.max_lead_s + 1800.0
        assert (window.alarm_at - window.baseline_start).total_seconds() == limit

    async def test_every_source_is_still_read_once(self) -> None:
        delta, _, _ = await self.planned(task("kpis", ["cart"]), task("kpis", ["made-up"]))
        assert [t.source for t in delta["plan"].tasks] == list(Source)

    @pytest.mark.parametrize("level", [BudgetLevel.MODERATE, BudgetLevel.AGGRESSIVE])
    async def test_a_short_budget_asks_no_model_to_plan(self, level: BudgetLevel) -> None:
        _, model, _ = await self.planned(level=level)
        assert model.prompts == []

    async def test_a_planner_that_fails_leaves_the_plan_of_the_code(self) -> None:
        context = context_with(ScriptedModel())
        delta = await plan(state_for(context), context)
        assert [t.source for t in delta["plan"].tasks] == list(Source)


class TestReasoner:
    CPU = evidence(
        "cart", indicator="cpu", statement="cart cpu rose", score=9.0, metric_kind="cpu"
    ).model_copy(update={"direction": 1})

    async def ranked(self, answer: Any, round_: int = 1) -> Any:
        model = ScriptedModel({"ReasonerOutput": lambda _: answer})
        context = context_with(model)
        state = state_for(context, evidence=(self.CPU,), gathered=(f"{round_}:{self.CPU.event_id}",))
        return await rank(state, context), model

    def cause(self, **changes: Any) -> dict[str, Any]:
        base = {
            "service": "cart",
            "indicator": None,
            "kind": "cpu_hog",
            "statement": "cart is busy",
            "evidence_ids": ["E1", "E7"],
            "confidence": 0.6,
        }
        return {**base, **changes}

    async def test_its_labels_become_ids_and_made_up_ones_stay_for_verify_to_reject(self) -> None:
        delta, _ = await self.ranked(
            {"causes": [self.cause()], "ruled_out": [], "missing": ["Did it restart?"]}
        )
        told, own = delta["ranked"].claims
        assert (told.author, told.service, told.confidence) == ("gpt-4o", "cart", 0.6)
        assert told.evidence_ids == (self.CPU.event_id, "E7")
        assert own.author == "statistics"
        assert delta["ranked"].questions == ("Did it restart?",)
        assert len(delta["costs"]) == 1

    @pytest.mark.parametrize(
        ("slug", "kind"),
        [
            ("cpu_hog", "cpu"),
            ("CPU", "cpu"),
            ("memory-leak", "memory"),
            ("bad_deploy", "deploy"),
            ("slow_latency", "latency"),
            ("gremlins", "unknown"),
            ("cpus", "unknown"),
        ],
    )
    async def test_its_slug_is_read_as_one_of_our_kinds(self, slug: str, kind: str) -> None:
        delta, _ = await self.ranked({"causes": [self.cause(kind=slug)], "ruled_out": [], "missing": []})
        assert delta["ranked"].claims[0].kind == kind

    async def test_where_nothing_is_abnormal_no_model_is_asked(self) -> None:
        model = ScriptedModel({"ReasonerOutput": lambda _: {"causes": []}})
        context = context_with(model)
        delta = await rank(state_for(context), context)
        assert model.prompts == []
        assert not delta["ranked"].abnormal
        assert "costs" not in delta

    async def test_without_an_answer_the_statistics_stand(self) -> None:
        context = context_with(ScriptedModel())
        state = state_for(context, evidence=(self.CPU,), gathered=(f"1:{self.CPU.event_id}",))
        delta = await rank(state, context)
        assert [claim.author for claim in delta["ranked"].claims] == ["statistics"]
        assert delta["ranked"].questions == ()
        assert [cost.outcome for cost in delta["costs"]] == ["bad_request"]
