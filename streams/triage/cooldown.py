"""What the trigger remembers: per incident what was asked for, per alarm pattern the last investigation. Values."""

from __future__ import annotations

from datetime import timedelta

from schemas.control import Policy
from schemas.events import Incident, Record
from schemas.events.base import Instant
from schemas.ids import stable_id

__all__ = [
    "Memory",
    "Request",
    "alarm_keys",
    "incident_key",
    "outgrown",
    "pattern_key",
    "recurs",
    "service_key",
]


_MAX_ROUNDS = 3


class Request(Record):
    """The investigation asked for on behalf of an incident."""

    investigation_id: str
    root: str
    """The investigation whose answer holds for this pattern: this one, or the one it recurs."""
    policy: str
    revision: int
    """The incident's revision that was last decided about; an older one is delivered again."""
    at: Instant
    """Event time of the incident's transition that triggered."""
    cancelled: bool = False
    seen_until: Instant | None = None
    """Event time up to which the investigation looks; what comes later it has not seen."""
    alarm_count: int = 1
    """Alarms of the incident when it was asked for."""
    rounds: int = 1
    """How often the incident has been asked about."""
    seen_at: Instant
    """Latest event or arrival time of the incident's news."""


class Memory(Record):
    """The last investigation of a pattern or of a service."""

    investigation_id: str
    incident_id: str
    at: Instant
    seen_at: Instant


def incident_key(incident: Incident) -> bytes:
    return stable_id("i", incident.tenant, incident.incident_id).encode()


def pattern_key(incident: Incident) -> bytes:
    """The incident's signature: its alarm names and services, sorted."""
    names = sorted({one.name for one in incident.alarms})
    return stable_id("p", incident.tenant, *names, "", *sorted(incident.services)).encode()


def alarm_keys(incident: Incident) -> tuple[bytes, ...]:
    """Each kind of alarm in the incident by name and service, in order of first appearance."""
    kinds = dict.fromkeys((one.name, one.service) for one in incident.alarms)
    return tuple(stable_id("a", incident.tenant, name, service).encode() for name, service in kinds)


def service_key(tenant: str, service: str) -> bytes:
    return stable_id("s", tenant, service).encode()


def outgrown(incident: Incident, request: Request) -> bool:
    """Whether the incident has become another one since it was looked at.

    Its news lie behind the window of the last look, and there are at least twice the alarms and two more of them.
    An incident is looked at again so often at most; a person may always ask for more.
    """
    if request.seen_until is None or request.rounds >= _MAX_ROUNDS:
        return False
    bigger = incident.alarm_count >= max(2 * request.alarm_count, request.alarm_count + 2)
    return bigger and incident.occurred_at > request.seen_until


def recurs(incident: Incident, memory: Memory | None, policy: Policy) -> bool:
    """Whether another incident of the same kind was investigated within the policy's cooldown before this one."""
    if memory is None or memory.incident_id == incident.incident_id:
        return False
    return incident.occurred_at - memory.at < timedelta(seconds=policy.cooldown_s)
