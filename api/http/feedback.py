# ruff: noqa: PLR0913, PLR0917 - a handler's arguments are what FastAPI injects
"""Feedback: would acting on the report have fixed it? An event, for the evaluation, and for whoever recalls the report."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path
from pydantic import ConfigDict, Field

from api.http.deps import DepsOf, Traceparent
from api.http.idempotency import IdempotencyKey
from api.http.principal import ReportReader
from api.http.reads import Reads
from api.http.route import api_router, problems
from schemas import ids
from schemas.events import Feedback
from schemas.events.base import Instant, Name, Record, Text

__all__ = ["FeedbackDraft", "FeedbackOfReport", "FeedbackView", "router"]

router = api_router("/investigations", "feedback")

_Investigation = Annotated[str, Path(max_length=256)]


class FeedbackDraft(Record):
    """What a person says of a report."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"score": 65, "comment": "right service, the deploy was yesterday's", "author": "ann"}
        }
    )

    score: Literal[100, 65, 35, 0]
    """Would acting on it have fixed it: 100 yes; 65 mostly, it led there; 35 a little; 0 no, or it led astray."""
    comment: Text = ""
    actual_service: Annotated[str, Field(max_length=256)] = ""
    """The service that was the cause after all, where it is known."""
    author: Annotated[str, Field(max_length=128)] = ""
    """Who says so, where several people share a key."""


class FeedbackView(Record):
    """Feedback as it is told."""

    feedback_id: str
    investigation_id: str
    score: Annotated[int, Field(ge=0, le=100)]
    comment: Text
    actual_service: str
    by: Name
    """The key, and the author where one was named. The last word of each counts."""
    at: Instant

    @classmethod
    def of(cls, event: Feedback) -> FeedbackView:
        return cls(
            feedback_id=event.event_id,
            investigation_id=event.investigation_id,
            score=event.score,
            comment=event.comment,
            actual_service=event.actual_service,
            by=event.by,
            at=event.occurred_at,
        )


class FeedbackOfReport(Record):
    """What everybody last said of one report."""

    investigation_id: str
    mean_score: Annotated[float, Field(ge=0, le=100)] | None
    """Null where nobody has said anything."""
    items: tuple[FeedbackView, ...]


@router.post("/{investigation_id}/feedback", status_code=202, responses=problems(404, 409, 415))
async def give_feedback(
    investigation_id: _Investigation,
    draft: FeedbackDraft,
    by: ReportReader,
    reads: Reads,
    deps: DepsOf,
    traceparent: Traceparent,
    key: IdempotencyKey = None,
) -> FeedbackView:
    """Say whether acting on a report would have fixed it. Said again, the later word counts; accepted once it is durable."""
    report = await reads.tables.report(by.tenant, investigation_id, 0)
    said = Feedback(
        event_id=ids.stable_id("fb", by.tenant, key) if key else "",
        tenant=by.tenant,
        occurred_at=deps.clock.now(),
        investigation_id=report.investigation_id,
        score=draft.score,
        comment=draft.comment,
        actual_service=draft.actual_service,
        by=f"{by.name}/{draft.author}" if draft.author else by.name,
    )
    await deps.publisher.publish(said, traceparent=traceparent)
    return FeedbackView.of(said)


@router.get("/{investigation_id}/feedback", responses=problems(404))
async def get_feedback(investigation_id: _Investigation, by: ReportReader, reads: Reads) -> FeedbackOfReport:
    """Return what everybody last said of a report, the newest first."""
    report = await reads.tables.report(by.tenant, investigation_id, 0)
    said = await reads.tables.feedback(by.tenant, report.investigation_id)
    scores = [one.score for one in said]
    return FeedbackOfReport(
        investigation_id=report.investigation_id,
        mean_score=sum(scores) / len(scores) if scores else None,
        items=tuple(map(FeedbackView.of, said)),
    )
