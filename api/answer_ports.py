"""What the question route needs from outside: somebody who answers."""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import Field

from schemas.events.base import Record, Text
from schemas.events.report import NextStep

__all__ = ["AnswerView", "AnsweredSentence", "Answers"]


class AnsweredSentence(Record):
    """One sentence of an answer, and what it rests on."""

    text: Text
    evidence_ids: tuple[str, ...] = ()
    """Evidence that says so."""
    query: Text = ""
    """For money: the query over the ledger that shows it; for a step, the query to run."""


class AnswerView(Record):
    """The answer to a question about an investigation, from its own evidence."""

    investigation_id: str
    question: Text
    known: bool
    """Whether the evidence says anything of what was asked."""
    sentences: tuple[AnsweredSentence, ...] = ()
    unknown: Text = ""
    """What the evidence does not cover; empty where it covers all."""
    next_steps: tuple[NextStep, ...] = ()
    """What would tell more, where something is not known."""
    mode: str = "deterministic"
    """`deterministic`, or the model whose sentences these are."""
    why_no_model: str = ""
    """Why no model's sentences are here, where one was asked."""
    removed: Annotated[int, Field(ge=0)] = 0
    """Sentences of the model that the evidence does not bear out, and that are left out therefore."""
    cost_nano_usd: int | None = 0
    """What answering cost, in integer 10^-9 USD; null where a part has no known price."""


class Answers(Protocol):
    async def answer(self, tenant: str, investigation_id: str, question: str) -> AnswerView:
        """Answer from what the tenant's investigation found; may ask a model, and then takes seconds.

        Raises:
            NotFoundError: it has no report, or is another tenant's.
            UnavailableError: the tables do not answer.
        """
        ...
