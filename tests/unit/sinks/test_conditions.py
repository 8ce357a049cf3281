from __future__ import annotations

from datetime import UTC, datetime

from sinks.clickhouse.queries.conditions import (
    EVERYTHING,
    Condition,
    Scope,
    WideScope,
    among,
    both,
    bounds,
    equal,
    maybe_equal,
    wide_bounds,
)

_START, _END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def test_a_value_is_a_parameter_and_never_sql() -> None:
    nasty = "' OR 1 = 1 --"

    condition = both(equal("service", nasty), among("name", (nasty,)))

    assert nasty not in condition.sql
    assert condition.parameters == {"service": nasty, "name_among": (nasty,)}


def test_nothing_asked_is_everything() -> None:
    assert both(EVERYTHING, maybe_equal("service", ""), among("name", None)) == Condition("true", {})


def test_an_empty_list_asks_for_no_row() -> None:
    assert among("name", ()).parameters == {"name_among": ()}


def test_an_empty_tenant_is_not_every_tenant() -> None:
    condition = bounds(Scope("", _START, _END), "occurred_at")

    assert "tenant = {tenant:String}" in condition.sql
    assert condition.parameters["tenant"] == ""


def test_no_tenants_are_not_every_tenant() -> None:
    nobody = wide_bounds(WideScope((), _START, _END), "occurred_at")
    everybody = wide_bounds(WideScope(None, _START, _END), "occurred_at")

    assert "tenant IN" in nobody.sql
    assert "tenant" not in everybody.sql


def test_bounds_are_inclusive_on_the_named_column() -> None:
    condition = bounds(Scope("acme", _START, _END), "finished_at")

    assert "finished_at >= {start:DateTime64(6, 'UTC')}" in condition.sql
    assert "finished_at <= {end:DateTime64(6, 'UTC')}" in condition.sql
    assert condition.parameters == {"tenant": "acme", "start": _START, "end": _END}
