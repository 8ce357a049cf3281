"""Follow-up questions: answered from the evidence of the investigation, each sentence with what it rests on."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import ConfigDict, StringConstraints

from api.answer_ports import AnswerView
from api.http.deps import DepsOf, Traceparent
from api.http.idempotency import IdempotencyKey
from api.http.principal import Investigator
from api.http.reads import Reads
from api.http.route import api_router, problems
from schemas.events import Audit
from schemas.events.base import Record

__all__ = ["Question", "router"]

router = api_router("/investigations", "questions")


class Question(Record):
    """What somebody wants to know."""

    model_config = ConfigDict(json_schema_extra={"example": {"question": "why not the database?"}})

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000)]


@router.post("/{investigation_id}/questions", responses=problems(404, 409, 415))
async def ask_question(  # noqa: PLR0913, PLR0917 - what FastAPI injects
    investigation_id: Annotated[str, Path(max_length=256)],
    asked: Question,
    by: Investigator,
    reads: Reads,
    deps: DepsOf,
    traceparent: Traceparent,
    _key: IdempotencyKey = None,
) -> AnswerView:
    """Answer a question about an investigation that has a report. Where a model is configured it may cost money."""
    report = await reads.tables.report(by.tenant, investigation_id, 0)
    audit = Audit(
        tenant=by.tenant,
        occurred_at=deps.clock.now(),
        principal=by.name,
        action="investigation.ask",
        resource=report.investigation_id,
        allowed=True,
        reason=asked.question,
    )
    await deps.publisher.publish(audit, traceparent=traceparent)
    return await reads.answers.answer(by.tenant, report.investigation_id, asked.question)
