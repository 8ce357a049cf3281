"""The whole product on Debian's Redis and PostgreSQL, named by settings and nothing else. The tests run in this order."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from redis import Redis
from typer.testing import CliRunner

from infra.cli.main import app
from tests.e2e.stack import RunningStack, until
from tests.fakes.postgres_server import PASSWORD, PostgresTestServer
from tests.stack.outside import OutsideStack

pytestmark = [pytest.mark.stack, pytest.mark.e2e]

PAST = datetime.now(UTC) - timedelta(minutes=5)
TENANT = "outside"


def _alarm(stack: RunningStack, service: str) -> None:
    stack.tocsin(
        "send", "alarm", "HighLatency", "-s", service, "--time", PAST.isoformat(), "--tenant", TENANT
    )


def _reported(stack: RunningStack, count: int) -> list[dict[str, Any]]:
    def found() -> list[dict[str, Any]]:
        incidents = stack.tocsin("incidents", "--tenant", TENANT)
        return incidents if sum(one["report"] is not None for one in incidents) >= count else []

    incidents: list[dict[str, Any]] = until(found, f"{count} reports", 90)
    return incidents


def _rows(outside: OutsideStack, sql: LiteralString, *values: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(outside.settings["TOCSIN_SQL__URL"]) as connection:
        return connection.execute(sql, values).fetchall()


def _doctor(stack: RunningStack) -> dict[str, Any]:
    """Return what it found, whatever it thinks of the rest of the stack, which may not have caught up yet."""
    done = CliRunner().invoke(app, ["doctor", "--json", "--data", str(stack.data_dir)])
    return {one["check"]: one for one in json.loads(done.stdout)}


def test_nothing_of_it_is_started_here_and_status_says_where_it_is(
    stack: RunningStack, outside: OutsideStack, debian_redis_url: str
) -> None:
    (state,) = stack.tocsin("status")
    names = {one["name"] for one in state["processes"]}
    assert "redis" not in names
    assert {"stream", "detect", "investigate", "land"} <= names
    assert state["addresses"]["redis_url"] == debian_redis_url
    assert state["addresses"]["sqlite_path"] is None
    assert not list(stack.data_dir.rglob("*.sqlite"))


def test_doctor_reaches_all_of_it_and_tells_no_secret(stack: RunningStack, outside: OutsideStack) -> None:
    found = _doctor(stack)
    assert found["redis"]["result"] == found["postgresql"]["result"] == "ok"
    place = urlsplit(outside.settings["TOCSIN_SQL__URL"])
    assert found["postgresql"]["what"] == f"answers at postgresql://127.0.0.1:{place.port}{place.path}"
    assert PASSWORD not in str(found)


def test_an_alarm_becomes_a_report(stack: RunningStack, outside: OutsideStack, debian_redis_url: str) -> None:
    _alarm(stack, "cart")
    (incident,) = _reported(stack, 1)
    assert incident["report"]["verdict"] in {"data_unavailable", "benign", "inconclusive"}
    investigation = incident["report"]["investigation_id"]
    assert _rows(outside, "SELECT done FROM investigation_markers WHERE investigation_id = %s", investigation)
    assert len(_rows(outside, "SELECT 1 FROM checkpoints WHERE thread_id = %s", investigation)) > 5
    with Redis.from_url(debian_redis_url) as redis:
        prefixes = {key.decode().split(":")[0] for key in redis.scan_iter(count=1000)}
    # Other tests write to the same server, each under a prefix of its own.
    assert {one for one in prefixes if not one.startswith("test-")} == {"outside"}


def test_the_roles_name_themselves_and_keep_to_their_connections(
    stack: RunningStack, postgres_server: PostgresTestServer
) -> None:
    for name in ("tocsin-stream", "tocsin-investigate", "tocsin-checkpoints"):
        assert 1 <= postgres_server.connections_of(name) <= 3


def _sql_is_ready(stack: RunningStack) -> bool:
    url = stack.state().addresses.api_url
    parts: dict[str, bool] = httpx.get(f"{url}/ready", timeout=30).json()["parts"]
    return parts["sql"]


def test_what_comes_while_postgresql_is_away_is_reported_when_it_is_back(
    stack: RunningStack, postgres_server: PostgresTestServer
) -> None:
    assert _sql_is_ready(stack)
    with postgres_server.away():
        for number in range(3):
            _alarm(stack, f"away-{number}")
        until(lambda: not _sql_is_ready(stack), "an API that is not ready")
    until(lambda: _sql_is_ready(stack), "an API that is ready again")
    incidents = _reported(stack, 4)
    assert {one["services"][0] for one in incidents} == {"cart", "away-0", "away-1", "away-2"}


def test_nothing_was_lost_or_doubled(stack: RunningStack, outside: OutsideStack) -> None:
    (proof,) = stack.tocsin("verify", "--settle", "90")
    assert proof["holds"], [one for one in proof["checks"] if one["wrong"]]
    assert proof["investigations"]["ended"] == proof["investigations"]["requested"] >= 4
    assert proof["messages"]["dead-letters"] == 0
    assert _rows(outside, "SELECT DISTINCT done FROM investigation_markers") == [(1,)]
