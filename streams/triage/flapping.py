"""Flapping: an alarm that changes its state too often to be worth telling each time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from streams.triage.settings import FlappingRules

__all__ = ["is_flapping", "with_change"]


def with_change(changes: Sequence[datetime], at: datetime, rules: FlappingRules) -> tuple[datetime, ...]:
    """The times of the last changes of state, with one more; no more of them than the rules can use."""
    return tuple(sorted([*changes, at])[-rules.changes :])


def is_flapping(changes: Sequence[datetime], at: datetime, rules: FlappingRules) -> bool:
    """Whether, at event time `at`, the last `rules.changes` changes all lie within the window."""
    return len(changes) >= rules.changes and changes[-rules.changes] > at - rules.window
