"""Requests for investigations, and taking them back. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from schemas.control import Policy, PolicyAction
from schemas.events import Incident, InvestigationRequested, RequestKind
from schemas.ids import investigation_id
from streams.triage.cooldown import Request
from streams.triage.policies import name_of
from streams.triage.ports import Admitted, OverLimit, Verdict

__all__ = ["cancellation", "request_of"]


def request_of(  # noqa: PLR0913 - what the request is made of
    incident: Incident,
    policy: Policy,
    verdict: Verdict,
    now: datetime,
    *,
    recurrence_of: str,
    looked_until: datetime | None = None,
) -> InvestigationRequested:
    """Ask for an investigation that this revision of the incident triggers; deferred where over a limit or told to."""
    not_before, reason = _waiting(policy, verdict, now)
    return InvestigationRequested(
        tenant=incident.tenant,
        occurred_at=incident.occurred_at,
        investigation_id=investigation_id(incident.incident_id, incident.revision),
        incident=incident,
        kind=RequestKind.RECURRENCE if recurrence_of else RequestKind.TRIGGER,
        policy=name_of(policy),
        reason=reason,
        priority=policy.priority,
        observe_s=policy.observe_s,
        baseline_s=policy.baseline_s,
        lead_s=policy.lead_s,
        looked_until=looked_until,
        not_before=not_before,
        recurrence_of=recurrence_of,
        requested_at=now,
    )


def cancellation(incident: Incident, request: Request, now: datetime) -> InvestigationRequested:
    """Take a request back, because its incident is over."""
    into = f" into {incident.merged_into}" if incident.merged_into else ""
    return InvestigationRequested(
        tenant=incident.tenant,
        occurred_at=incident.occurred_at,
        investigation_id=request.investigation_id,
        incident=incident,
        kind=RequestKind.CANCEL,
        policy=request.policy,
        reason=f"the incident {incident.transition.value}{into}",
        requested_at=now,
    )


def _waiting(policy: Policy, verdict: Verdict, now: datetime) -> tuple[datetime | None, str]:
    deferred = now + timedelta(seconds=policy.defer_s) if policy.action is PolicyAction.DEFER else None
    match verdict:
        case Admitted():
            return deferred, "deferred by policy" if deferred else ""
        case OverLimit(until, reason):
            return max(until, deferred or until), reason
        case _:
            assert_never(verdict)
