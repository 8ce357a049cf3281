"""The ClickHouse queries of the dashboards run on the tables, and find what is in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from sinks.clickhouse.client import ClickHouse, Columns
from sinks.clickhouse.query import Query
from tests.fakes.clickhouse_server import ClickHouseServer
from tests.fakes.clickhouse_tables import open_tables
from tests.unit.deploy.monitoring import sql_of_dashboards

pytestmark = pytest.mark.clickhouse
QUERIES = dict(sql_of_dashboards())
DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
TENANTS = "'dash-a','dash-b'"


def as_grafana_sends(sql: str) -> str:
    """What Grafana's ClickHouse plugin makes of the macro and the variable."""
    span = "occurred_at >= toDateTime(1772323200) AND occurred_at <= toDateTime(1772409600)"
    sent = sql.replace("$__timeFilter(occurred_at)", span).replace("${tenant:sqlstring}", TENANTS)
    assert "$" not in sent
    return sent


async def land(clickhouse: ClickHouse) -> None:
    """Two tenants; one entry without a price, one landed twice."""
    entries = [("a1", "dash-a", 2_000_000_000), ("a1", "dash-a", 2_000_000_000), ("a2", "dash-a", None)]
    entries.append(("b1", "dash-b", 500_000_000))
    far = datetime(2099, 1, 1, tzinfo=UTC)
    names = (
        "event_id",
        "tenant",
        "cost_nano_usd",
        "occurred_at",
        "expires_at",
        "investigation_id",
        "kind",
        "output",
    )
    types = (
        *("String", "LowCardinality(String)", "Nullable(Int64)", "DateTime64(6, 'UTC')", "DateTime('UTC')"),
        *("String", "LowCardinality(String)", "Nullable(Int64)"),
    )
    columns = tuple(
        [
            list(one)
            for one in zip(*[(*entry, DAY, far, entry[0][0], "llm", 7) for entry in entries], strict=True)
        ]
    )
    await clickhouse.insert("costs", Columns(names=names, types=types, data=columns), token="dashboards")


@pytest.fixture
async def clickhouse(clickhouse_server: ClickHouseServer) -> AsyncIterator[ClickHouse]:
    async with open_tables(clickhouse_server.url) as client:
        await land(client)
        yield client


async def test_every_query_runs_and_money_adds_up(clickhouse: ClickHouse) -> None:
    for title, sql in QUERIES.items():
        found = (await clickhouse.query(Query("dashboard", as_grafana_sends(sql)))).rows
        assert found, title
        match title:
            case "Cost":
                assert found[0]["usd"] == 2.5
            case "Entries without a price":
                assert found[0]["unpriced"] == 1
            case "Investigations":
                assert found[0]["investigations"] == 2
            case "Cost per investigation":
                assert found[0]["usd"] == 1.25
            case "By tenant":
                by_tenant = {row["tenant"]: (row["usd"], row["entries"], row["unpriced"]) for row in found}
                assert by_tenant == {"dash-a": (2.0, 2, 1), "dash-b": (0.5, 1, 0)}
            case "Tokens by day":
                assert [row["output"] for row in found] == [21]
            case "variable tenant":
                assert {row["tenant"] for row in found} >= {"dash-a", "dash-b"}


async def test_what_has_no_price_is_not_shown_as_free(clickhouse: ClickHouse) -> None:
    sql = as_grafana_sends(QUERIES["By investigation"]).replace(TENANTS, "'dash-a'") + " "
    only_unpriced = sql.replace("FROM v_costs\nWHERE", "FROM v_costs\nWHERE event_id = 'a2' AND")
    (row,) = (await clickhouse.query(Query("dashboard", only_unpriced))).rows
    assert (row["usd"], row["unpriced"]) == (None, 1)
