"""What a tenant's policies say about an incident. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import structlog

from schemas.control import DEFAULT_POLICY, Policy
from schemas.errors import InvalidRequestError
from schemas.events import Incident, Severity
from streams.triage.conditions import Facts, compile_condition

__all__ = ["FACT_NAMES", "decide", "facts_of", "name_of"]

_log = structlog.get_logger(__name__)

FACT_NAMES = frozenset(
    {
        "tenant",
        "title",
        "severity",
        "severity_level",
        "services",
        "alarms",
        "entities",
        "hosts",
        "indicators",
        "alarm_count",
        "active_count",
        "transition",
        "age_s",
    }
)
"""What a condition may speak of; `severity_level` is 4 for critical, 3 major, 2 minor, 1 warning."""

_LEVELS = {
    Severity.CRITICAL: 4,
    Severity.MAJOR: 3,
    Severity.MINOR: 2,
    Severity.WARNING: 1,
    Severity.CLEARED: 0,
}


def facts_of(incident: Incident) -> Facts:
    """The facts of an incident under the names of FACT_NAMES; lists without repeats, in order of the alarms."""
    age: timedelta = incident.occurred_at - incident.opened_at
    return {
        "tenant": incident.tenant,
        "title": incident.title,
        "severity": incident.severity.value,
        "severity_level": _LEVELS[incident.severity],
        "services": incident.services,
        "alarms": tuple(dict.fromkeys(one.name for one in incident.alarms)),
        "entities": tuple(dict.fromkeys(one.entity for one in incident.alarms if one.entity)),
        "hosts": tuple(dict.fromkeys(one.host for one in incident.alarms if one.host)),
        "indicators": tuple(dict.fromkeys(one.indicator for one in incident.alarms if one.indicator)),
        "alarm_count": incident.alarm_count,
        "active_count": incident.active_count,
        "transition": incident.transition.value,
        "age_s": age.total_seconds(),
    }


def decide(incident: Incident, policies: Sequence[Policy]) -> Policy:
    """The first enabled policy by rank whose condition holds, else the default. A broken condition holds nowhere."""
    facts = facts_of(incident)
    enabled = [one for one in policies if one.enabled]
    ordered = sorted([*enabled, DEFAULT_POLICY], key=lambda one: (one.rank, one.policy_id))
    return next((one for one in ordered if _holds(one, facts)), DEFAULT_POLICY)


def name_of(policy: Policy) -> str:
    """`policy@version`, within the length of a name."""
    suffix = f"@{policy.version}"
    return policy.policy_id[: 256 - len(suffix)] + suffix


def _holds(policy: Policy, facts: Facts) -> bool:
    try:
        return compile_condition(policy.condition, FACT_NAMES).holds(facts)
    except InvalidRequestError as error:
        _log.warning("policy_condition_broken", policy=name_of(policy), error=str(error))
        return False
