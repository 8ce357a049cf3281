"""A recorded case's answer beside its label."""

from __future__ import annotations

from collections.abc import Sequence

from agents.evaluation.results import CaseResult
from agents.evaluation.truth import Truth, rank_of

__all__ = ["scored"]


def scored(
    result: CaseResult, services: Sequence[str], indicators: Sequence[str], truth: Truth
) -> CaseResult:
    """Return the result with the ranks of what is true among all guesses. Services that may not be named take no place;
    a case that was not answered is a miss."""  # noqa: D205, D209 - one thought
    allowed = [one for one in services if not truth.candidates or one in truth.candidates]
    return result.model_copy(
        update={
            "dataset": truth.dataset,
            "scored": True,
            "truth": truth.service,
            "rank": rank_of(frozenset({truth.service}), allowed),
            "indicator_scored": bool(truth.indicators),
            "indicator_rank": rank_of(truth.indicators, indicators) if truth.indicators else None,
        }
    )
