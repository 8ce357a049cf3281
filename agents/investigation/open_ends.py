"""What a model would have seen or asked, and was not given: told only as far as code can vouch for the words."""

from __future__ import annotations

from agents.investigation.figures import Figures, unsupported
from agents.investigation.inquiries.asking import told
from agents.investigation.publishable import denies, named, unfit
from agents.investigation.state import RankedState
from agents.investigation.support import Findings

__all__ = ["not_looked_at", "open_questions"]

_MOST = 3


def not_looked_at(ranked: RankedState) -> tuple[str, ...]:
    """Return what a model asked of the data and was not answered any more, as sentences of ours."""
    return tuple(f"Not looked at any more: {told(one)}" for one in ranked.unanswered)


def open_questions(ranked: RankedState, findings: Findings) -> tuple[str, ...]:
    """Return what is to be looked at next: its typed queries, then those of its questions that are about a known service.

    A question is its own words, to be read by a person: it says nothing that claims may not say.
    """
    looks = [f"Look at {told(one)}" for one in ranked.unanswered]
    figures = Figures(findings.evidence)
    shown = "\n".join(one.statement for one in findings.evidence)
    asked = [
        one
        for one in ranked.questions
        if one.rstrip().endswith("?")
        and named(one, findings.services)
        and not (unfit(one, shown) or denies(one) or unsupported(one, figures))
    ]
    return tuple([*looks, *asked][:_MOST])
