"""The control plane's values: what people configure per tenant. Kept in SQL, read by triage and investigations."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.events.base import Instant, Name, Record, Text

__all__ = [
    "DEFAULT_POLICY",
    "TIERS",
    "MatchOperator",
    "Matcher",
    "Policy",
    "PolicyAction",
    "Runbook",
    "ServiceTopology",
    "Silence",
    "Tenant",
    "TenantLimits",
    "Tier",
]


class MatchOperator(StrEnum):
    """As in Alertmanager's matchers."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


class Matcher(Record):
    """A condition on an alarm: `field` is name, service, severity, entity, host, source, indicator or a label."""

    field: Name
    operator: MatchOperator = MatchOperator.EQUAL
    value: str


class Silence(Record):
    """A maintenance window: alarms that match all matchers between the two instants are recorded, not raised."""

    silence_id: str
    tenant: Name
    matchers: Annotated[tuple[Matcher, ...], Field(min_length=1)]
    starts_at: Instant
    ends_at: Instant
    comment: Text = ""
    created_by: str = ""


class PolicyAction(StrEnum):
    INVESTIGATE = "investigate"
    ATTACH = "attach"
    IGNORE = "ignore"
    DEFER = "defer"


class Policy(Record):
    """A rule about incidents: the first enabled policy, in order of `rank`, whose condition holds decides.

    `condition` is an expression in a small CEL-like language over the incident; empty always holds.
    """

    policy_id: Name
    tenant: Name
    version: Annotated[int, Field(ge=1)] = 1
    rank: int = 100
    enabled: bool = True
    condition: Text = ""
    action: PolicyAction = PolicyAction.INVESTIGATE
    priority: Annotated[int, Field(ge=0, le=100)] = 50
    observe_s: Annotated[float, Field(ge=0)] = 20.0
    """How much event time after the first alarm the investigation waits for and looks at, in seconds."""
    baseline_s: Annotated[float, Field(gt=0)] | None = None
    """How much normal time to compare with, in seconds: more where samples are minutes apart. None: the worker's own."""
    lead_s: Annotated[float, Field(ge=0)] | None = None
    """How long before its first alarm a fault may have begun, in seconds. None: the worker's own."""
    cooldown_s: Annotated[float, Field(ge=0)] = 3600.0
    """A recurrence within this time is answered from memory."""
    defer_s: Annotated[float, Field(ge=0)] = 0.0
    """For `defer`: how much later to try."""


DEFAULT_POLICY = Policy(policy_id="default", tenant="*", rank=1_000_000)
"""What holds where a tenant has said nothing: investigate everything that no other policy decides."""


class ServiceTopology(Record):
    """Who calls whom, and what runs where. `calls[a]` are the services that a calls."""

    tenant: Name
    version: Annotated[int, Field(ge=1)] = 1
    calls: dict[str, tuple[str, ...]] = {}
    hosts: dict[str, str] = {}
    """Service or entity to host."""


class Runbook(Record):
    runbook_id: Name
    tenant: Name
    title: Text
    body: Text
    services: tuple[str, ...] = ()
    url: str = ""


class Tier(StrEnum):
    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class TenantLimits(Record):
    """What a tenant may use. Money in integer 10^-9 USD."""

    investigations_per_day: Annotated[int, Field(ge=0)]
    concurrent_investigations: Annotated[int, Field(ge=1)]
    retention_days: Annotated[int, Field(ge=1)]
    monthly_budget_nano_usd: Annotated[int, Field(ge=0)]


_USD = 1_000_000_000

TIERS: dict[Tier, TenantLimits] = {
    Tier.FREE: TenantLimits(
        investigations_per_day=10,
        concurrent_investigations=1,
        retention_days=7,
        monthly_budget_nano_usd=10 * _USD,
    ),
    Tier.PRO: TenantLimits(
        investigations_per_day=100,
        concurrent_investigations=5,
        retention_days=30,
        monthly_budget_nano_usd=500 * _USD,
    ),
    Tier.ENTERPRISE: TenantLimits(
        investigations_per_day=1000,
        concurrent_investigations=20,
        retention_days=90,
        monthly_budget_nano_usd=5000 * _USD,
    ),
}


_NOTHING = {"investigations_per_day": 0, "monthly_budget_nano_usd": 0}


class Tenant(Record):
    """A customer. `limits` overrides the tier's."""

    tenant: Name
    tier: Tier = Tier.ENTERPRISE
    limits: TenantLimits | None = None
    disabled: bool = False
    """Its keys prove nobody, nothing is investigated for it, and no money is spent; what it has is kept."""

    @property
    def effective_limits(self) -> TenantLimits:
        own = self.limits or TIERS[self.tier]
        return own.model_copy(update=_NOTHING) if self.disabled else own
