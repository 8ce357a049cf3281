"""What a sender of ours is told: how many items were taken, which were not, and why."""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from api.http.problem import FieldProblem, Problem
from api.intake.parsed import ItemProblem, Parsed

__all__ = ["Accepted", "RejectedItem", "accepted_of", "body_of"]

_TOLD: Final = 1_000
_PROTOBUF: Final = "application/x-protobuf"
_LINES: Final = "application/x-ndjson"
_BATCH: Final = "application/cloudevents-batch+json"


class RejectedItem(BaseModel):
    """An item that was not taken. It is kept with the dead letters, unless the reason is `unsupported` or `too_large`."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    index: int
    """Which item, from 0."""
    pointer: str
    """JSON pointer (RFC 6901) into the body; of lines, the number of the line stands first."""
    reason: str
    """A short stable slug."""
    detail: str


class Accepted(BaseModel):
    """What the broker now has."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    accepted: int
    """Items taken."""
    events: int
    """Messages that they were published in: many samples make one."""
    rejected: tuple[RejectedItem, ...] = Field(default=(), max_length=_TOLD)
    """At most the first 1,000."""
    rejected_count: int = 0
    truncated: int = 0
    """Items that the sender says it has left out itself."""


def accepted_of(parsed: Parsed) -> Accepted:
    """Return the answer. Raises a 422 Problem where there were items and none was taken."""
    if parsed.problems and not parsed.accepted:
        raise Problem(
            422,
            "nothing-accepted",
            f"None of the {len(parsed.problems)} items could be taken.",
            cure="Correct the items; they are kept with the dead letters, unless they are unsupported or too large.",
            errors=[
                FieldProblem(detail=f"{one.reason}: {one.detail}", pointer=f"#{one.pointer}", item=one.index)
                for one in parsed.problems[:100]
            ],
        )
    return Accepted(
        accepted=parsed.accepted,
        events=len(parsed.events),
        rejected=tuple(_rejected(one) for one in parsed.problems[:_TOLD]),
        rejected_count=len(parsed.problems),
        truncated=parsed.truncated,
    )


def _rejected(problem: ItemProblem) -> RejectedItem:
    return RejectedItem(
        index=problem.index, pointer=problem.pointer, reason=problem.reason.value, detail=problem.detail
    )


def body_of(*media_types: str, example: object = None) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that reads its body itself; `example` is one item as JSON."""
    content = {name: _content(name, example) for name in media_types}
    return {"requestBody": {"required": True, "content": content}}


def _content(media_type: str, example: object) -> dict[str, Any]:
    if media_type == _PROTOBUF:
        return {"schema": {"type": "string", "format": "binary"}}
    shown = {_LINES: json.dumps(example) + "\n", _BATCH: [example]}.get(media_type, example)
    return {"schema": {}, "example": shown}
