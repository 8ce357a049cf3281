"""What people said of an answer decides whether it is given again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from agents.analysis.findings import Source
from agents.investigation.memory import MemoryHistory
from agents.investigation.nodes.gather_knowledge import gather_knowledge
from agents.investigation.nodes.recall import recall
from agents.knowledge.judged import lineage, mean_score, named_instead, refuted
from agents.knowledge.past import past_findings
from schemas.errors import UnavailableError
from schemas.events.investigation import RequestKind
from schemas.events.report import Feedback, Report
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import collected, context_for, state_for
from tests.fakes.node_orders import changed, order_for, planned
from tests.unit.agents.investigation.test_recall_node import past
from tests.unit.agents.knowledge.test_knowledge import AT, incident, report


def said(score: int, by: str = "ann", *, of: str = "inv_past", after: float = 0, **more: Any) -> Feedback:
    at = AT + timedelta(seconds=after)
    return Feedback(tenant="local", occurred_at=at, investigation_id=of, score=score, by=by, **more)


class TestScores:
    def test_nobody_has_said_anything(self) -> None:
        assert mean_score(()) is None
        assert not refuted(())
        assert named_instead(()) == ""

    @pytest.mark.parametrize(
        ("scores", "no_help"),
        [((0,), True), ((35,), False), ((65,), False), ((100,), False), ((0, 35), True), ((0, 100), False)],
    )
    def test_an_answer_is_refuted_by_those_it_did_not_help(
        self, scores: tuple[int, ...], no_help: bool
    ) -> None:
        assert refuted([said(score, f"p{number}") for number, score in enumerate(scores)]) is no_help

    def test_the_last_word_of_each_counts_in_whatever_order_they_come(self) -> None:
        words = [said(100, after=9), said(0), said(35, "bob", after=3)]
        assert mean_score(words) == mean_score(words[::-1]) == 67.5

    def test_the_latest_who_named_a_service_is_believed(self) -> None:
        words = [
            said(0, "ann", after=1, actual_service="db"),
            said(0, "bob", after=2, actual_service="cache"),
            said(0, "eve", after=3),
        ]
        assert named_instead(words) == "cache"

    def test_an_answer_from_memory_is_that_of_the_first(self) -> None:
        assert lineage(past()) == ("inv_past",)
        assert lineage(past(recurrence_of="inv_first")) == ("inv_past", "inv_first")


def again(*words: Feedback, report: Report | None = None) -> Any:
    data = bad_deploy()
    plain = context_for(data)
    request = changed(plain.request, kind=RequestKind.RECURRENCE, recurrence_of="inv_past")
    history = MemoryHistory([report or past()], list(words))
    context = context_for(data, request=request, history=history)
    return state_for(context, plan=planned(context)), context


class TestRecall:
    async def test_what_fixed_nothing_is_not_given_again_though_the_data_agree(self) -> None:
        state, context = again(said(0))
        delta = await recall(state, context)
        recalled = delta["recalled"]
        assert not recalled.still_holds
        assert recalled.note == (
            "Not trusted, people found that acting on it did not help (score 0 of 100): cart - out of CPU"
        )
        assert "ranked" not in delta

    async def test_the_evidence_says_why(self) -> None:
        delta = await recall(*again(said(0), said(35, "bob")))
        (memory,) = delta["evidence"]
        assert memory.statement.endswith(
            "cart - out of CPU; people found that acting on it did not help (score 18 of 100)"
        )
        assert '"answers": 2' in memory.data
        assert delta["gathered"] == (f"0:{memory.event_id}",)

    async def test_nothing_else_is_read_for_it(self) -> None:
        state, context = again(said(0))
        await recall(state, context)
        assert {type(one).__name__ for one in collected(context)} == {"Evidence"}

    async def test_what_was_said_of_the_answer_it_came_from_counts(self) -> None:
        from_memory = past(recurrence_of="inv_first")
        state, context = again(said(0, of="inv_first"), report=from_memory)
        assert not (await recall(state, context))["recalled"].still_holds

    @pytest.mark.parametrize(
        "word", [said(35), said(100), said(0, of="inv_other"), said(0).model_copy(update={"tenant": "other"})]
    )
    async def test_an_answer_that_helped_is_checked_as_ever(self, word: Feedback) -> None:
        delta = await recall(*again(word))
        assert delta["recalled"].still_holds
        assert delta["recalled"].note.startswith("Still holds")

    async def test_who_changed_their_mind_is_believed(self) -> None:
        delta = await recall(*again(said(0), said(100, after=1)))
        assert delta["recalled"].still_holds


class TestPastIncidents:
    NEAR = report("inv_past", text="HighErrorRate on frontend, cart is out of CPU")

    def test_what_did_not_help_is_passed_over(self) -> None:
        assert past_findings(incident(), [self.NEAR])
        assert past_findings(incident(), [self.NEAR], [said(0)]) == ()
        assert past_findings(incident(), [self.NEAR], [said(0, of="inv_other")])

    def test_unless_somebody_knows_what_it_was(self) -> None:
        (found,) = past_findings(incident(), [self.NEAR], [said(0, actual_service="db")])
        assert (found.service, found.indicator) == ("db", "")
        assert found.statement.endswith("was laid to cart, but people say it was db")
        assert (found.data["cause_service"], found.data["cause_kind"]) == ("db", "")

    def test_a_better_word_beside_a_helpful_score_changes_nothing(self) -> None:
        plain = past_findings(incident(), [self.NEAR])
        assert past_findings(incident(), [self.NEAR], [said(65, actual_service="db")]) == plain


class _Away(MemoryHistory):
    async def feedback(self, tenant: str, investigation_ids: Any) -> tuple[Feedback, ...]:
        raise UnavailableError("the tables do not answer")


@pytest.mark.parametrize("history", [MemoryHistory, _Away])
async def test_the_knowledge_agent_goes_on_without_what_people_said(history: type[MemoryHistory]) -> None:
    near = report("inv_past", text="frontend cart CPU", services=("frontend",))
    context = context_for(bad_deploy(), history=history([near], [said(0)]))
    delta = await gather_knowledge(order_for(context, Source.KNOWLEDGE), context)
    kinds = {one.kind for one in delta["evidence"]}
    assert ("past_incident" in kinds) is (history is _Away)
