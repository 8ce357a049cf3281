"""Tenants' limits and configuration as triage and investigations ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from agents import ports as agents_ports
from agents.ports import BudgetLevel
from infra.runtime.clock import SystemClock
from infra.runtime.redis import RedisAdmission, RedisBudget
from infra.runtime.sql import ControlStore
from schemas.control import Policy, Runbook, ServiceTopology, Silence
from schemas.events import Incident, InvestigationRequested, RequestKind
from streams.triage import ports as triage_ports

__all__ = [
    "InvestigationAdmission",
    "StoredRetention",
    "StoredRunbooks",
    "TriageAdmission",
    "TriageControl",
    "monthly_limit",
    "tenant_scope",
]

_LEVELS = ((1.0, BudgetLevel.DETERMINISTIC), (0.9, BudgetLevel.AGGRESSIVE), (0.75, BudgetLevel.MODERATE))
"""From which share of the monthly budget on investigations become frugal."""


def tenant_scope(tenant: str) -> str:
    """Return the name of the tenant's own budget."""
    return f"tenant:{tenant}"


async def monthly_limit(control: ControlStore, scope: str) -> int | None:
    """Return the limit of a scope in nano-USD per month; only tenants have one."""
    kind, _, name = scope.partition(":")
    if kind != "tenant":
        return None
    return (await control.tenant(name)).effective_limits.monthly_budget_nano_usd


class TriageControl:
    """Satisfies streams.triage.ports.ControlPlane."""

    def __init__(self, control: ControlStore, clock: SystemClock) -> None:
        self._control = control
        self._clock = clock

    async def silences(self, tenant: str) -> Sequence[Silence]:
        return await self._control.silences(tenant, self._clock.now() - timedelta(days=1))

    async def policies(self, tenant: str) -> Sequence[Policy]:
        return await self._control.policies(tenant)

    async def topology(self, tenant: str) -> ServiceTopology | None:
        known = await self._control.topology(tenant)
        return known if known.calls or known.hosts else None


class TriageAdmission:
    """Satisfies streams.triage.ports.Admission: so many investigations a day."""

    def __init__(self, control: ControlStore, admission: RedisAdmission, clock: SystemClock) -> None:
        self._control = control
        self._admission = admission
        self._clock = clock

    async def admit(self, tenant: str, incident: Incident) -> triage_ports.Verdict:
        limit = (await self._control.tenant(tenant)).effective_limits.investigations_per_day
        until = await self._admission.admit(tenant, incident.incident_id, limit, self._clock.now())
        if until is None:
            return triage_ports.Admitted()
        return triage_ports.OverLimit(until, f"{tenant} may make {limit} investigations a day")


class InvestigationAdmission:
    """Satisfies agents.ports.Admission. What triage has admitted is not counted again."""

    def __init__(
        self, control: ControlStore, admission: RedisAdmission, budget: RedisBudget, clock: SystemClock
    ) -> None:
        self._control = control
        self._admission = admission
        self._budget = budget
        self._clock = clock

    async def admit(self, request: InvestigationRequested) -> agents_ports.Admitted | agents_ports.Denied:
        """A person who asks by hand is not held up by the day's limit; the money still counts."""
        level = await self.level(request.tenant)
        if request.kind is RequestKind.MANUAL:
            return agents_ports.Admitted(level)
        limit = (await self._control.tenant(request.tenant)).effective_limits.investigations_per_day
        until = await self._admission.admit(
            request.tenant, request.incident.incident_id, limit, self._clock.now()
        )
        if until is not None:
            reason = f"{request.tenant} may make {limit} investigations a day"
            return agents_ports.Denied(reason, until)
        return agents_ports.Admitted(level)

    async def level(self, tenant: str) -> BudgetLevel:
        scope = tenant_scope(tenant)
        limit = await monthly_limit(self._control, scope)
        if not limit:
            return BudgetLevel.DETERMINISTIC if limit == 0 else BudgetLevel.NORMAL
        share = await self._budget.spent(scope, (scope,)) / limit
        return next((level for floor, level in _LEVELS if share >= floor), BudgetLevel.NORMAL)


class StoredRunbooks:
    """Satisfies agents.ports.Runbooks."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    async def runbooks(self, tenant: str) -> tuple[Runbook, ...]:
        return await self._control.runbooks(tenant)


class StoredRetention:
    """Satisfies sinks.ports.Retention."""

    def __init__(self, control: ControlStore) -> None:
        self._control = control

    async def days(self, tenant: str) -> int:
        return (await self._control.tenant(tenant)).effective_limits.retention_days
