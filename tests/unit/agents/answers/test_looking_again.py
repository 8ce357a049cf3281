"""What is shown again where the evidence does not say: everything of a source, where some query shows that."""

from __future__ import annotations

from agents.analysis.findings import FindingKind, Source
from agents.answers.looking import next_queries
from agents.answers.question import Asked
from schemas.events.evidence import Evidence
from tests.fakes.answer_material import material
from tests.fakes.evidence import evidence


def shown(*rows: Evidence, source: Source = Source.KPIS) -> dict[str, str]:
    asked = Asked(text="which pod?", topics=frozenset(), sources=(source,))
    steps = next_queries(asked, material(evidence=rows))
    return {step.action: step.query for step in steps if step.query}


def one(kind: FindingKind, query: str, step: Source = Source.KPIS, *, score: float = 1.0) -> Evidence:
    said = evidence("cart", kind, step, score=score, statement=f"cart {query}")
    return said.model_copy(update={"query": query})


def test_a_finding_on_everything_has_the_query_that_shows_everything() -> None:
    rows = one(FindingKind.LEVEL_SHIFT, "one metric", score=9.0), one(FindingKind.NORMAL, "all of it")
    assert shown(*rows)["Look through the kpis of that time yourself"] == "all of it"


def test_where_all_findings_have_their_own_the_strongest_is_shown() -> None:
    rows = one(FindingKind.LEVEL_SHIFT, "weak"), one(FindingKind.SPIKE, "strong", score=9.0)
    assert shown(*rows)["Look again at the kpis: cart strong"] == "strong"


def test_calls_between_services_are_not_what_is_meant_by_kpis() -> None:
    calls = one(FindingKind.NO_DATA, "calls").model_copy(update={"finding": "calls||no_data"})
    slow = one(FindingKind.CALL_LATENCY, "slow").model_copy(update={"finding": "cart|calls|call_latency"})
    assert "calls" not in shown(calls, slow).values()
    assert "slow" not in shown(calls, slow).values()


def test_a_source_whose_findings_share_a_query_is_looked_through() -> None:
    rows = (one(FindingKind.RECENT_CHANGE, "changes", Source.CHANGES),)
    assert shown(*rows, source=Source.CHANGES)["Look through the changes of that time yourself"] == "changes"
