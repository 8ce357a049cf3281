"""Whether the times of an alarm can be true."""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas.errors import InvalidEventError
from schemas.events import AlarmRaw
from streams.triage.settings import IntakeRules

__all__ = ["check_times"]


def check_times(alarm: AlarmRaw, now: datetime, rules: IntakeRules) -> None:
    """Refuse what lies in the future or further back than is kept; an old start of a fresh alarm is fine.

    Raises:
        InvalidEventError: reason `in_future` or `too_old`.
    """
    latest = max(alarm.occurred_at, alarm.started_at)
    if latest > now + timedelta(seconds=rules.max_ahead_s):
        raise InvalidEventError(
            f"{latest.isoformat()} is more than {rules.max_ahead_s:g} s ahead of our clock",
            reason="in_future",
            cure="Check the sender's clock and time zone.",
        )
    if rules.max_age_s is not None and alarm.occurred_at < now - timedelta(seconds=rules.max_age_s):
        raise InvalidEventError(
            f"{alarm.occurred_at.isoformat()} is more than {rules.max_age_s:g} s ago",
            reason="too_old",
            cure="To replay the past, allow any age in the intake's settings.",
        )
