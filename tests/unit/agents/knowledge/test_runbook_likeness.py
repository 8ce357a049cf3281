"""How runbooks are compared is given from outside."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from agents.analysis.findings import FindingKind, Source
from agents.investigation.memory import MemoryRunbooks
from agents.investigation.nodes.gather_knowledge import gather_knowledge
from agents.knowledge.runbooks import runbook_findings
from agents.knowledge.similarity import similarities
from agents.ports import Likeness
from schemas.errors import UnavailableError
from tests.fakes.about import about
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import collected, context_for, evidence_in
from tests.fakes.node_orders import order_for
from tests.unit.agents.knowledge.test_knowledge_scores import book, incident

BOOK = book("pool", "Pool exhausted", body="Raise the maximum.")


def all_alike(query: str, documents: Sequence[str], /) -> tuple[float, ...]:
    del query
    return (0.5,) * len(documents)


def broken(query: str, documents: Sequence[str], /) -> tuple[float, ...]:
    raise UnavailableError(f"nothing compares {query!r} with {len(documents)} texts")


def test_a_title_counts_as_much_as_all_the_text() -> None:
    (found,) = runbook_findings(incident(title="pool exhausted"), [BOOK])
    (whole,) = similarities("pool exhausted", ["Pool exhausted Raise the maximum."])
    assert found.score == about((1.0 + whole) / 2)


def test_a_word_in_a_long_text_about_something_else_is_not_told() -> None:
    long = book(
        "long", "Renew a certificate", body="Ask for one, put it in the pool, reload and look at the log."
    )
    assert runbook_findings(incident(title="pool exhausted"), [BOOK, long])[0].data["runbook_id"] == "pool"
    assert len(runbook_findings(incident(title="pool exhausted"), [BOOK, long])) == 1


def test_another_likeness_decides_instead_of_the_words() -> None:
    unlike = incident("web", title="too many clients already")
    assert runbook_findings(unlike, [BOOK]) == ()
    (found,) = runbook_findings(unlike, [BOOK], all_alike)
    assert found.score == 0.5


async def test_an_investigation_compares_by_what_it_was_given_and_in_a_thread() -> None:
    threads: set[int] = set()

    def seen(query: str, documents: Sequence[str], /) -> tuple[float, ...]:
        threads.add(threading.get_ident())
        return all_alike(query, documents)

    assert await _told(similarities) == [FindingKind.NO_DATA]
    assert await _told(seen) == [FindingKind.RUNBOOK]
    assert threads
    assert threading.get_ident() not in threads


async def test_a_likeness_that_cannot_be_had_is_told_as_knowledge_out_of_reach() -> None:
    assert await _told(broken) == [FindingKind.UNREACHABLE]


async def _told(likeness: Likeness) -> list[str]:
    context = context_for(bad_deploy(), runbooks=MemoryRunbooks((BOOK,)), likeness=likeness)
    await gather_knowledge(order_for(context, Source.KNOWLEDGE), context)
    return [one.kind for one in evidence_in(collected(context))]
