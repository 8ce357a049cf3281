"""What is kept of an answered call, and the journal in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from pydantic import JsonValue

from agents.llm.attempt import LlmAttempt
from schemas.events.base import Record

__all__ = ["InMemoryJournal", "JournalEntry", "prompt_hash"]


class JournalEntry(Record):
    """An answered call: the answer as it came, still masked, and the attempts that it took."""

    answer: JsonValue
    provider: str
    model: str
    attempts: tuple[LlmAttempt, ...]


def prompt_hash(*parts: str) -> str:
    """Return the SHA-256 hex of the parts, length-prefixed, so that their borders count."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


@dataclass(slots=True)
class InMemoryJournal:
    """`CallJournal` over a dict: survives a retried node, not a crash."""

    _answers: dict[tuple[str, str, str], str] = field(default_factory=dict, init=False)

    async def get(self, investigation_id: str, step: str, prompt_hash: str) -> str | None:
        return self._answers.get((investigation_id, step, prompt_hash))

    async def put(self, investigation_id: str, step: str, prompt_hash: str, answer: str) -> None:
        self._answers.setdefault((investigation_id, step, prompt_hash), answer)
