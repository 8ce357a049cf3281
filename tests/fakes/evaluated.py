"""Results of evaluations, made up."""

from __future__ import annotations

from datetime import UTC, datetime

from agents.evaluation.judging import Check, Criterion
from agents.evaluation.results import About, CaseResult, ScenarioResult, Spent
from schemas.events import Verdict

__all__ = ["ABOUT", "BY_A_MODEL", "case", "check", "scenario", "spent"]

ABOUT = About(made_at=datetime(2026, 11, 21, tzinfo=UTC), command="tocsin eval scenarios", seeds=(1,))


def check(criterion: Criterion = Criterion.CAUSE, *, met: bool = True) -> Check:
    return Check(criterion=criterion, met=met, expected="cart", said="cart" if met else "web")


def spent(seconds: float = 0.1, cost: int | None = 10, **changes: int) -> Spent:
    return Spent(steps=12, seconds=seconds, cost_nano_usd=cost, **changes)


BY_A_MODEL = spent(
    attempts=4,
    failed_attempts=1,
    input_tokens=1_200,
    output_tokens=34,
    claims=4,
    published_claims=1,
    capped_claims=3,
    queries=5,
    refused_queries=2,
)
"""What an answer took for which a model was asked."""


def scenario(name: str = "one", group: str = "g", *checks: Check, **changes: object) -> ScenarioResult:
    """A cause that was found, unless the changes say otherwise."""
    fields = {"title": "t", "seed": 1, "verdict": Verdict.CAUSE_FOUND, "spent": spent(), **changes}
    return ScenarioResult.model_validate({"name": name, "group": group, "checks": checks, **fields})


def case(name: str, rank: int | None = 1, **changes: object) -> CaseResult:
    """A case with its label, whose truth was at this place."""
    fields = {"dataset": "d", "scored": True, "rank": rank, "verdict": Verdict.CAUSE_FOUND, "confidence": 0.8}
    return CaseResult.model_validate({"case": name, "spent": spent(), **fields, **changes})
