"""An evaluation as a value: what was asked, answered, right and spent. `report.json` is this, `version` counts its form."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agents.evaluation.calibration import Calibration
from agents.evaluation.judging import Check, Criterion
from agents.evaluation.truth import Accuracy
from schemas.events import Verdict
from schemas.events.base import Instant, Record

__all__ = [
    "About",
    "CaseResult",
    "CriterionScore",
    "DatasetScore",
    "EvaluationReport",
    "FeedbackScore",
    "GroupScore",
    "NamedCause",
    "Reliability",
    "ScenarioResult",
    "Spent",
    "Totals",
]


class About(Record):
    """What makes two evaluations comparable."""

    made_at: Instant
    command: str
    machine: str = ""
    model: str = "deterministic"
    seeds: tuple[int, ...] = ()
    late_s: float = 0.0
    interrupted: bool = False
    """Somebody ended it before everything was asked."""


class NamedCause(Record):
    service: str
    kind: str
    indicator: str = ""
    confidence: float | None = None


class Spent(Record):
    """What one answer took. Attempts, tokens and claims are a model's; `cost_nano_usd` None is unpriced, never free."""

    steps: int
    seconds: float
    attempts: int = 0
    failed_attempts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano_usd: int | None = 0
    claims: int = 0
    """Causes that a model claimed."""
    published_claims: int = 0
    """Those of them that passed verification."""
    capped_claims: int = 0
    """Those whose service is named, with less confidence than the model claimed."""
    queries: int = 0
    """What it asked of the data."""
    refused_queries: int = 0
    """Those of them that were not put: about nobody we know, asked before, or beyond the limits."""


class ScenarioResult(Record):
    """One simulated incident. With an `error` it was not answered, and is no failure."""

    name: str
    group: str
    title: str
    seed: int
    truth: str = ""
    """Who it was, in words."""
    verdict: Verdict | None = None
    confidence: float | None = None
    headline: str = ""
    causes: tuple[NamedCause, ...] = ()
    checks: tuple[Check, ...] = ()
    correct: bool | None = None
    """Whether what it is sure of is true; None where it is not sure of anything."""
    spent: Spent | None = None
    page: str = ""
    """The incident's own report, relative to this one."""
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether it was answered, and every criterion is met."""
        return not self.error and all(check.met for check in self.checks)


class CaseResult(Record):
    """One recorded incident; ranks are places from 1, None where the truth was not among the guesses."""

    case: str
    dataset: str
    verdict: Verdict | None = None
    confidence: float | None = None
    services: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    scored: bool = False
    truth: str = ""
    rank: int | None = None
    indicator_scored: bool = False
    indicator_rank: int | None = None
    spent: Spent | None = None
    page: str = ""
    error: str = ""


class GroupScore(Record):
    group: str
    incidents: int
    passed: int
    failed: int
    errors: int


class CriterionScore(Record):
    criterion: Criterion
    met: int
    asked: int


class DatasetScore(Record):
    """A set of recorded cases; `service` and `indicator` are None where nothing is labelled or scored."""

    dataset: str
    cases: int
    errors: int
    verdicts: dict[str, int]
    median_seconds: float | None
    service: Accuracy | None = None
    indicator: Accuracy | None = None


class Reliability(Record):
    """How well confidence fits the truth; `of` says which answers."""

    of: str
    calibration: Calibration


class FeedbackScore(Record):
    """What people said of reports of one tenant, model, verdict and kind of fault: would acting on them have fixed it?"""

    tenant: str
    model: str
    verdict: str = ""
    kind: str
    answers: Annotated[int, Field(ge=1)]
    mean: Annotated[float, Field(ge=0, le=100)]
    """100 is yes, 0 no, or led astray."""
    fixed: Annotated[int, Field(ge=0)] = 0
    """Answers of 100."""
    wrong: Annotated[int, Field(ge=0)] = 0
    """Answers of 0."""


class Totals(Record):
    incidents: int
    passed: int
    failed: int
    errors: int
    median_seconds: float | None
    slowest_seconds: float | None
    attempts: int
    failed_attempts: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int | None
    claims: int
    published_claims: int
    capped_claims: int = 0
    queries: int = 0
    refused_queries: int = 0


class EvaluationReport(Record):
    version: Literal[1] = 1
    about: About
    totals: Totals
    groups: tuple[GroupScore, ...] = ()
    criteria: tuple[CriterionScore, ...] = ()
    datasets: tuple[DatasetScore, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    feedback: tuple[FeedbackScore, ...] = ()
    scenarios: tuple[ScenarioResult, ...] = ()
    cases: tuple[CaseResult, ...] = ()

    @property
    def said(self) -> float | None:
        """Mean of what people said, 0 to 100, each answer counted once; None where nobody said anything."""
        answers = sum(one.answers for one in self.feedback)
        return sum(one.mean * one.answers for one in self.feedback) / answers if answers else None

    @property
    def share(self) -> float | None:
        """How much of it is right, 0 to 1: incidents, or else what people said; None where there is neither."""
        if self.totals.incidents:
            return self.totals.passed / self.totals.incidents
        return None if self.said is None else self.said / 100
