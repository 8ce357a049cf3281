"""What a right answer to one incident looks like."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agents.analysis.findings import CauseKind, FindingKind, Source
from schemas.events.base import Record
from schemas.events.report import Verdict

__all__ = ["AcceptedCause", "Expectation", "ForbiddenClaim", "RequiredEvidence"]


class AcceptedCause(Record):
    """A service that may be named first; without `kinds` any kind will do."""

    service: str
    kinds: frozenset[CauseKind] = frozenset()


class RequiredEvidence(Record):
    """A finding that a right answer rests on. What is empty is not looked at."""

    source: Source | None = None
    service: str = ""
    kinds: frozenset[FindingKind] = frozenset()
    cited: bool = True
    """The first cause must cite it; otherwise it is enough that it was found."""


class ForbiddenClaim(Record):
    """A service that must not be accused: neither named first, nor called a cause with some confidence."""

    service: str
    because: str = ""


class Expectation(Record):
    """An answer is right when all of it holds. Where another verdict than `cause_found` will do too, none of the accepted
    causes need be named."""  # noqa: D205, D209 - one thought

    verdicts: frozenset[Verdict] = frozenset({Verdict.CAUSE_FOUND})
    causes: tuple[AcceptedCause, ...] = ()
    """Who may be named first; empty: nobody."""
    also: tuple[str, ...] = ()
    """Services that must be among the causes too: there is more than one fault."""
    evidence: tuple[RequiredEvidence, ...] = ()
    forbidden: tuple[ForbiddenClaim, ...] = ()
    forbidden_words: tuple[str, ...] = ()
    """Texts that must not occur in what the report says in words of its own: its headline, summary and advice."""
    cleared: tuple[str, ...] = ()
    """Services with symptoms that must be ruled out, with a reason."""
    missing: bool = False
    """The report must say that something was not there."""
    max_steps: Annotated[int, Field(ge=1)] = 24

    @property
    def healthy(self) -> bool:
        """Whether nothing was wrong."""
        return not self.causes and Verdict.BENIGN in self.verdicts
