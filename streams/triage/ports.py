"""What triage needs from outside, beyond streams.ports. Everything may raise RetryableError unless it says otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.control import Policy, ServiceTopology, Silence
from schemas.events import Incident

__all__ = ["Admission", "Admitted", "ControlPlane", "OverLimit", "StateStore", "Verdict"]


class ControlPlane(Protocol):
    """What people configured for a tenant. Asked at most once per refresh interval and tenant."""

    async def silences(self, tenant: str) -> Sequence[Silence]:
        """Those that have not ended."""
        ...

    async def policies(self, tenant: str) -> Sequence[Policy]:
        """The tenant's own, in any order, enabled or not."""
        ...

    async def topology(self, tenant: str) -> ServiceTopology | None: ...


@dataclass(frozen=True, slots=True)
class Admitted:
    """The tenant may investigate now."""


@dataclass(frozen=True, slots=True)
class OverLimit:
    """Not before `until`."""

    until: datetime
    reason: str


Verdict = Admitted | OverLimit


class Admission(Protocol):
    """The tenant's limits."""

    async def admit(self, tenant: str, incident: Incident) -> Verdict:
        """Decide about one investigation. Idempotent by `incident.incident_id`: a repeat counts nothing twice."""
        ...


class StateStore(Protocol):
    """Durable state by key, owned by partition. `read` and `write` do not block and do not raise RetryableError."""

    def read(self, key: bytes) -> bytes | None: ...

    def write(self, partition: int, changes: Mapping[bytes, bytes | None]) -> None:
        """Set, in order, or delete (None)."""
        ...

    async def settle(self) -> None:
        """Return once everything written is durable."""
        ...

    def entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Partition, key, value of all that is owned here."""
        ...
