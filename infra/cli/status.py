"""`tocsin status`: what runs on this machine, and where."""

from __future__ import annotations

from infra.cli.console import emit, out, table
from infra.cli.context import load_settings
from infra.cli.options import AsJson, DataDir
from infra.local.shown import shown_addresses
from infra.local.state import StackState, read_state
from schemas.errors import UnavailableError

__all__ = ["show_state", "status"]


def status(data: DataDir = None, as_json: AsJson = False) -> None:
    """Show what runs, where, and since when. Passwords are not shown; `state.json` in the data folder has them."""
    settings = load_settings(data)
    state = read_state(settings.data_dir)
    if state is None or not state.is_running():
        raise UnavailableError(f"nothing runs from {settings.data_dir}", cure="Start it with `tocsin up`.")
    if as_json:
        emit(state.model_copy(update={"addresses": shown_addresses(state.addresses)}))
    else:
        show_state(state)


def show_state(state: StackState) -> None:
    """Print the processes and the addresses as two tables."""
    rows = [
        (one.name, one.status, one.pid or "", ", ".join(map(str, one.ports)), one.restarts, one.log_file)
        for one in state.processes
    ]
    out.print(table("Processes", ("name", "state", "pid", "ports", "restarts", "log"), rows))
    where = shown_addresses(state.addresses)
    servers = (
        *((("API", where.api_url),) if where.api_url else ()),
        ("Kafka", where.kafka),
        ("ClickHouse", where.clickhouse_url),
        ("Redis", where.redis_url.partition("://")[2]),
        ("PostgreSQL", where.postgres_url) if where.postgres_url else ("SQLite", where.sqlite_path),
    )
    out.print(table("\nAddresses", ("part", "where"), servers))
