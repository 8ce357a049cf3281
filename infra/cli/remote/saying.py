"""What people say and ask of an investigation, over HTTP: feedback and questions."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from infra.cli.remote.client import ApiClient

__all__ = ["answer_to", "feedback_of", "give_feedback"]

Row = dict[str, Any]


async def give_feedback(api: ApiClient, investigation: str, said: Row) -> Row:
    """Say whether acting on the report would have fixed it; `said` as `FeedbackDraft` has it. Raises NotFoundError."""
    return await api.send("POST", _of(investigation, "feedback"), said)


async def feedback_of(api: ApiClient, investigation: str) -> Row:
    """Return what everybody last said of a report. Raises NotFoundError."""
    return await api.get(_of(investigation, "feedback"))


async def answer_to(api: ApiClient, investigation: str, question: str) -> Row:
    """Ask about an investigation; takes seconds where a model answers. Raises NotFoundError."""
    return await api.send("POST", _of(investigation, "questions"), {"question": question})


def _of(investigation: str, what: str) -> str:
    return f"/v1/investigations/{quote(investigation, safe='')}/{what}"
