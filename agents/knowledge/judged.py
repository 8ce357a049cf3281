"""What people said of earlier answers: an answer that fixed nothing is not given again unasked."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.events.report import Feedback, Report

__all__ = ["lineage", "mean_score", "named_instead", "refuted"]

_HELPED = 35.0
"""The lowest score that says an answer led anywhere."""


def lineage(report: Report) -> tuple[str, ...]:
    """Return the investigations whose answer the report gives: its own, and the one it was recalled from."""
    return tuple(filter(None, (report.investigation_id, report.recurrence_of)))


def mean_score(said: Sequence[Feedback]) -> float | None:
    """Return the mean of what each person last said, from 0 to 100; None where nobody has said anything."""
    last = _last_words(said)
    return sum(one.score for one in last) / len(last) if last else None


def refuted(said: Sequence[Feedback]) -> bool:
    """Return whether people found, on the whole, that acting on the answer did not help."""
    score = mean_score(said)
    return score is not None and score < _HELPED


def named_instead(said: Sequence[Feedback]) -> str:
    """Return the service that was the cause after all, by the latest who named one; empty where nobody did."""
    newest = sorted(_last_words(said), key=lambda one: one.occurred_at, reverse=True)
    return next((one.actual_service for one in newest if one.actual_service), "")


def _last_words(said: Sequence[Feedback]) -> tuple[Feedback, ...]:
    in_order = sorted(said, key=lambda one: (one.occurred_at, one.event_id))
    return tuple({one.by: one for one in in_order}.values())
