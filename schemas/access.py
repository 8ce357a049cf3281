"""Who may do what: roles, the permissions they carry, and the principal that a credential proves."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from schemas.events.base import Instant, Name, Record

__all__ = ["PERMISSIONS", "ApiKey", "KeyEnvironment", "Permission", "Principal", "Role"]

KeyEnvironment = Literal["live", "test"]


class Permission(StrEnum):
    """One kind of thing that a route does."""

    READ = "read"
    """Incidents, investigations, alarms, topics, and the configuration of triage."""
    EVIDENCE = "evidence"
    REPORT = "report"
    INVESTIGATE = "investigate"
    """Start and cancel investigations."""
    COSTS = "costs"
    INGEST = "ingest"
    """Write events."""
    CONFIGURE = "configure"
    """Change silences, policies, topology and runbooks."""
    OPERATE = "operate"
    """See how the installation itself does: metrics, the parts of its health."""


class Role(StrEnum):
    ADMIN = "admin"
    SRE = "sre"
    DEVELOPER = "developer"
    VIEWER = "viewer"
    FINOPS = "finops"
    INGEST = "ingest"


PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.ADMIN: frozenset(Permission),
    Role.SRE: frozenset(
        {
            Permission.READ,
            Permission.EVIDENCE,
            Permission.REPORT,
            Permission.INVESTIGATE,
            Permission.OPERATE,
        }
    ),
    Role.DEVELOPER: frozenset({Permission.READ, Permission.EVIDENCE}),
    Role.VIEWER: frozenset({Permission.READ}),
    Role.FINOPS: frozenset({Permission.COSTS}),
    Role.INGEST: frozenset({Permission.INGEST}),
}
"""What each role may do."""


class Principal(Record):
    """Whoever a credential proves to be. The tenant of all that is asked or written is this one's."""

    name: Name
    """Unique and stable, as the audit names it: `key:<key id>`."""
    tenant: Name
    roles: frozenset[Role]

    def may(self, permission: Permission) -> bool:
        return any(permission in PERMISSIONS[role] for role in self.roles)


class ApiKey(Record):
    """What is kept of an API key; the secret itself is not."""

    key_id: Name
    environment: KeyEnvironment = "live"
    tenant: Name
    label: Annotated[str, Field(max_length=256)] = ""
    """What a person calls it."""
    roles: Annotated[frozenset[Role], Field(min_length=1)]
    created_at: Instant
    expires_at: Instant | None = None
    revoked_at: Instant | None = None

    def principal(self) -> Principal:
        return Principal(name=f"key:{self.key_id}", tenant=self.tenant, roles=self.roles)
