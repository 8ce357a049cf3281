"""Ids as functions of their cause: whatever is repeated has the same name, so at-least-once delivery is invisible.

An id is a short prefix that says what it names, an underscore, and 26 characters of base32 (130 bits of SHA-256
over the length-prefixed UTF-8 parts, so that ("ab", "c") and ("a", "bc") differ).
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from functools import lru_cache

__all__ = [
    "alarm_event_id",
    "cost_entry_id",
    "dead_letter_id",
    "decision_id",
    "evidence_id",
    "incident_event_id",
    "incident_id",
    "investigation_id",
    "report_id",
    "stable_id",
    "status_id",
]

_LENGTH = 26
_BYTES = 20
"""As many of the hash as make whole base32 groups and at least that length."""
_RECENT = 65_536
"""So many alarms that are told again and again need not be hashed again."""


def stable_id(prefix: str, *parts: str | int) -> str:
    """Return `prefix_` and the hash of the parts, in order."""
    named = bytearray()
    for part in parts:
        data = str(part).encode()
        named += len(data).to_bytes(4, "big") + data
    digest = hashlib.sha256(named).digest()[:_BYTES]
    return f"{prefix}_{base64.b32encode(digest).decode().lower()[:_LENGTH]}"


@lru_cache(_RECENT)
def alarm_event_id(tenant: str, source: str, fingerprint: str, status: str, started_at: datetime) -> str:
    """Name one state of one alarm: a repeat from the source has the same name."""
    return stable_id("alm", tenant, source, fingerprint, status, _instant(started_at))


def decision_id(alarm_event: str, decision: str) -> str:
    """Name the decision taken on an alarm event."""
    return stable_id("dec", alarm_event, decision)


def incident_id(first_alarm_event: str) -> str:
    """Name the incident that the alarm event opened."""
    return stable_id("inc", first_alarm_event)


def incident_event_id(incident: str, revision: int, transition: str) -> str:
    """Name one step in an incident's life."""
    return stable_id("ice", incident, revision, transition)


def investigation_id(incident: str, trigger_revision: int) -> str:
    """Name the investigation that this revision of the incident triggered."""
    return stable_id("inv", incident, trigger_revision)


def evidence_id(investigation: str, step: str, subject: str) -> str:
    """Name one finding of one step."""
    return stable_id("ev", investigation, step, subject)


def report_id(investigation: str, revision: int) -> str:
    """Name one revision of an investigation's report."""
    return stable_id("rep", investigation, revision)


def cost_entry_id(investigation: str, step: str, attempt: int) -> str:
    """Name one ledger entry."""
    return stable_id("cost", investigation, step, attempt)


def status_id(investigation: str, state: str, step: str, attempt: int) -> str:
    """Name one progress message."""
    return stable_id("st", investigation, state, step, attempt)


def dead_letter_id(topic: str, partition: int, offset: int, stage: str) -> str:
    """Name the dead letter of one message at one stage."""
    return stable_id("dl", topic, partition, offset, stage)


def _instant(at: datetime) -> int:
    """Return unix microseconds, exactly."""
    return round(at.timestamp() * 1_000_000)
