"""What intake remembers of one alarm between its messages. A value: written whole, safe to write twice."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from schemas.events import AlarmRaw, AlarmStatus, Record, Severity
from schemas.events.base import Instant
from schemas.ids import stable_id

__all__ = ["REMEMBERED_IDS", "AlarmState", "alarm_key", "state_of", "token_of"]

REMEMBERED_IDS = 16
"""How many alarm event ids of one alarm are known to be decided; an older one is out of order anyway."""

_TOKEN_LENGTH = 10
_RECENT = 16_384
"""So many alarms that are told again and again need not be looked up anew."""


class AlarmState(Record):
    """The newest state of an alarm, and what was last told of it."""

    status: AlarmStatus
    severity: Severity
    """Of the last firing."""
    started_at: Instant
    """Start of the newest firing known."""
    as_of: Instant
    """Event time of the newest message."""
    seen_at: Instant
    """Event or arrival time of the last mention, whichever is later; may lag by an eighth of the memory's length."""
    told: AlarmStatus | None = None
    """What the later stages believe; None when they know nothing."""
    told_severity: Severity | None = None
    changes: tuple[Instant, ...] = ()
    """Event times of the last changes of status."""
    decided: tuple[str, ...] = ()
    """Tokens of the last ids that have a decision."""
    held: AlarmRaw | None = None
    """The newest state, while it is held back by a silence or by flapping and so differs from what was told."""

    def knows(self, alarm: AlarmRaw) -> bool:
        return token_of(alarm) in self.decided

    def seen(self, seen_at: datetime) -> datetime:
        return max(self.seen_at, seen_at)


@lru_cache(_RECENT)
def state_of(value: bytes) -> AlarmState:
    """What was remembered, from the JSON bytes in the store."""
    return AlarmState.model_validate_json(value)


@lru_cache(_RECENT)
def alarm_key(tenant: str, source: str, fingerprint: str) -> bytes:
    """The key under which an alarm is remembered."""
    return stable_id("a", tenant, source, fingerprint).encode()


def token_of(alarm: AlarmRaw) -> str:
    """A short stand-in for the alarm event's id: 50 bits of its hash."""
    return alarm.event_id[-_TOKEN_LENGTH:]
