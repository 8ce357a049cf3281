"""The control plane's documents: tenants, policies, silences, topology, runbooks, each whole, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeVar

from infra.runtime.sql.database import Database
from schemas.control import DEFAULT_POLICY, Policy, Runbook, ServiceTopology, Silence, Tenant
from schemas.events.base import Record

__all__ = ["ControlStore"]

_R = TypeVar("_R", bound=Record)
_TENANT: Final = "tenant"
_POLICY: Final = "policy"
_SILENCE: Final = "silence"
_TOPOLOGY: Final = "topology"
_RUNBOOK: Final = "runbook"


class ControlStore:
    """Reads and writes configuration. Reads are small; callers that ask per event keep what they got for a while."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenant(self, tenant: str) -> Tenant:
        """Return the tenant, with the defaults where nobody has said anything."""
        found = await self._all(_TENANT, Tenant, tenant)
        return found[0] if found else Tenant(tenant=tenant)

    async def put_tenant(self, value: Tenant) -> None:
        await self._put(_TENANT, value.tenant, value.tenant, 1, value)

    async def policies(self, tenant: str) -> tuple[Policy, ...]:
        """Return the tenant's policies in the order in which they are asked, the default last."""
        own = await self._all(_POLICY, Policy, tenant)
        return tuple(sorted([*own, DEFAULT_POLICY], key=lambda one: (one.rank, one.policy_id)))

    async def put_policy(self, value: Policy) -> None:
        await self._put(_POLICY, value.tenant, value.policy_id, value.version, value)

    async def silences(self, tenant: str, since: datetime) -> tuple[Silence, ...]:
        """Return the silences that end after `since`."""
        return tuple(one for one in await self._all(_SILENCE, Silence, tenant) if one.ends_at > since)

    async def put_silence(self, value: Silence) -> None:
        await self._put(_SILENCE, value.tenant, value.silence_id, 1, value)

    async def delete_silence(self, tenant: str, silence_id: str) -> bool:
        """Return whether there was one."""
        return await self._delete(_SILENCE, tenant, silence_id)

    async def topology(self, tenant: str) -> ServiceTopology:
        found = await self._all(_TOPOLOGY, ServiceTopology, tenant)
        return found[0] if found else ServiceTopology(tenant=tenant)

    async def put_topology(self, value: ServiceTopology) -> None:
        await self._put(_TOPOLOGY, value.tenant, "topology", value.version, value)

    async def runbooks(self, tenant: str) -> tuple[Runbook, ...]:
        return tuple(await self._all(_RUNBOOK, Runbook, tenant))

    async def put_runbook(self, value: Runbook) -> None:
        await self._put(_RUNBOOK, value.tenant, value.runbook_id, 1, value)

    async def _all(self, kind: str, model: type[_R], tenant: str) -> list[_R]:
        rows = await self._database.rows(
            "SELECT id, body FROM documents WHERE kind = ? AND tenant = ?", (kind, tenant)
        )
        # Sorted here: in SQL the order of text would be that of the server's locale.
        return [model.model_validate_json(str(body)) for _, body in sorted(rows, key=lambda row: str(row[0]))]

    async def _put(self, kind: str, tenant: str, name: str, version: int, value: Record) -> None:
        await self._database.run(
            "INSERT INTO documents (kind, tenant, id, version, body) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (kind, tenant, id) DO UPDATE SET version = excluded.version, body = excluded.body",
            (kind, tenant, name, version, value.model_dump_json()),
        )

    async def _delete(self, kind: str, tenant: str, name: str) -> bool:
        sql = "DELETE FROM documents WHERE kind = ? AND tenant = ? AND id = ?"
        return await self._database.run(sql, (kind, tenant, name)) > 0
