"""An answer: sentences that each say what they rest on, and what is not known."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.events.base import Record, Text
from schemas.events.report import NextStep

__all__ = ["DO_NOT_KNOW", "Reply", "Sentence", "said"]

DO_NOT_KNOW = "I do not know from this evidence"
_CITED = 12


class Sentence(Record):
    """One sentence, and what it rests on: evidence, or, for money, the query over the ledger."""

    text: Annotated[Text, Field(min_length=1)]
    evidence_ids: tuple[str, ...] = ()
    query: Text = ""


class Reply(Record):
    """An answer to one question. `unknown` is empty where all of the question is covered."""

    investigation_id: str
    question: Text
    sentences: tuple[Sentence, ...] = ()
    unknown: Text = ""
    next_steps: tuple[NextStep, ...] = ()
    """What would tell more, where something is not known."""
    mode: str = "deterministic"
    """`deterministic`, or the model whose sentences these are."""
    why_no_model: str = ""
    """Why no model's sentences are here, where one was to be asked."""
    removed: Annotated[int, Field(ge=0)] = 0
    """Sentences of a model that the evidence does not bear out."""
    cost_nano_usd: int | None = 0
    """What answering cost, in integer 10^-9 USD; None where a part has no known price."""

    @property
    def known(self) -> bool:
        return bool(self.sentences)


def said(text: str, *evidence_ids: str, query: str = "") -> Sentence:
    """Return the sentence, ended by a full stop."""
    line = " ".join(text.split())
    ended = line if line.endswith((".", "!", "?")) else f"{line}."
    return Sentence(text=ended, evidence_ids=tuple(dict.fromkeys(evidence_ids))[:_CITED], query=query)
