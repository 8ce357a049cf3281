"""What people said of an installation's own reports, added up for an evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from agents.evaluation.results import FeedbackScore
from infra.cli.remote.here import ask_here
from infra.runtime.settings import Settings
from schemas.errors import NotFoundError
from sinks.clickhouse.queries.conditions import WideScope
from sinks.clickhouse.queries.feedback import FeedbackGroup, feedback_groups

__all__ = ["feedback_scores", "said_of_reports"]

_GROUPS = 10_000


def said_of_reports(
    settings: Settings, tenant: str | None, start: datetime, end: datetime
) -> tuple[FeedbackScore, ...]:
    """Return what was said in [start, end] of the reports of a tenant, or of all for None. Blocks.

    Raises:
        UnavailableError: the tables do not answer.
        NotFoundError: nobody has said anything.
    """
    scope = WideScope(None if tenant is None else (tenant,), start, end)
    found = ask_here(settings, lambda tables: feedback_groups(tables, scope, limit=_GROUPS))
    if not found.rows:
        raise NotFoundError(
            "nobody has said anything of a report in this time",
            cure="`tocsin feedback INVESTIGATION SCORE` says it; --since looks further back.",
        )
    return feedback_scores(found.rows)


def feedback_scores(groups: Iterable[FeedbackGroup]) -> tuple[FeedbackScore, ...]:
    """Return the same as an evaluation has it. What is not known of a report that is gone is said so."""
    return tuple(
        FeedbackScore(
            tenant=one.tenant,
            model=one.model or "unknown",
            verdict=one.verdict.replace("_", " ") or "unknown",
            kind=one.cause_kind or "none named",
            answers=one.answers,
            mean=one.mean_score,
            fixed=one.fixed,
            wrong=one.wrong,
        )
        for one in groups
    )
