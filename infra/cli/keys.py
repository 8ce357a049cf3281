"""`tocsin keys`: API keys made, listed and revoked, straight in the control database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Literal

import typer

from infra.cli.console import emit, err, out, table, when
from infra.cli.context import load_kafka, load_settings
from infra.cli.key_ring import Note, open_key_ring
from infra.cli.options import AsJson, DataDir, TenantName
from infra.local.state import read_state
from infra.runtime.settings import Settings
from schemas.access import ApiKey, Role
from schemas.errors import NotFoundError
from schemas.events import Audit
from streams.producer import open_producer

__all__ = ["app"]

app = typer.Typer(help="API keys: make, list, revoke.", no_args_is_help=True)


@app.command()
def create(
    label: Annotated[str, typer.Argument(help="What you call it.", show_default=False)] = "",
    role: Annotated[
        list[Role] | None,
        typer.Option("--role", "-r", help="What it may do; may be repeated.", show_default="viewer"),
    ] = None,
    environment: Annotated[Literal["live", "test"], typer.Option(help="Only a mark in the key.")] = "live",
    expires_days: Annotated[
        int | None, typer.Option(min=1, help="Days until it ends by itself.", show_default="never")
    ] = None,
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and show it, this once. To replace one, make the new one first, then revoke the old."""
    settings = load_settings(data, tenant)
    lasts = timedelta(days=expires_days) if expires_days else None

    async def made() -> tuple[ApiKey, str]:
        async with open_key_ring(settings, _audit(settings)) as ring:
            return await ring.make(
                settings.tenant, role or [Role.VIEWER], label=label, environment=environment, lasts=lasts
            )

    key, text = asyncio.run(made())
    if as_json:
        emit({**_row(key), "key": text})
    else:
        out.print(text, highlight=False, soft_wrap=True)
        err.print(f"{key.key_id} for {key.tenant}: it is not shown again.", highlight=False)


@app.command("list")
def list_keys(tenant: TenantName = None, data: DataDir = None, as_json: AsJson = False) -> None:
    """List the tenant's keys, with those that hold no longer."""
    settings = load_settings(data, tenant)

    async def listed() -> tuple[ApiKey, ...]:
        async with open_key_ring(settings) as ring:
            return await ring.keys.list_of(settings.tenant)

    rows = [_row(key) for key in asyncio.run(listed())]
    if as_json:
        emit(rows)
    else:
        columns = ("key_id", "label", "roles", "environment", "created_at", "expires_at", "revoked_at")
        cells: Iterable[Iterable[object]] = [[row[name] for name in columns] for row in rows]
        out.print(table(f"Keys of {settings.tenant}", columns, cells, whole=("key_id",)))


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `tocsin keys list` shows it.", show_default=False)],
    tenant: TenantName = None,
    data: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let a key hold no longer. The API refuses it within five seconds, also where the audit cannot be told."""
    settings = load_settings(data, tenant)

    async def revoked() -> bool:
        async with open_key_ring(settings, _audit(settings)) as ring:
            return await ring.revoke(settings.tenant, key_id)

    if not asyncio.run(revoked()):
        raise NotFoundError(
            f"{settings.tenant} has no key {key_id} that holds", cure="`tocsin keys list` shows them."
        )
    if as_json:
        emit({"revoked": key_id})
    else:
        out.print(f"revoked {key_id}", highlight=False)


def _audit(settings: Settings) -> Note:
    """Return what sends an event to the broker; where none runs and none is set it says so instead."""
    state = read_state(settings.data_dir)
    running = state.addresses.kafka if state is not None and state.is_running() else ""
    bootstrap = settings.kafka.bootstrap_servers or running

    async def note(event: Audit) -> None:
        if not bootstrap:
            err.print("No broker runs: the audit does not tell of this.", highlight=False)
            return
        async with open_producer(load_kafka(settings, bootstrap), source="/tocsin/keys") as producer:
            await producer.publish(event)

    return note


def _row(key: ApiKey) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "tenant": key.tenant,
        "label": key.label,
        "roles": ", ".join(sorted(key.roles)),
        "environment": key.environment,
        "created_at": when(key.created_at),
        "expires_at": when(key.expires_at) if key.expires_at else None,
        "revoked_at": when(key.revoked_at) if key.revoked_at else None,
    }
