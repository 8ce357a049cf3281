from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import InvalidEventError
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.native import array_of, block_of, keywords, numbers, repeated
from sinks.clickhouse.query import Query

pytestmark = pytest.mark.clickhouse

_RUNS = st.lists(
    st.tuples(st.text(max_size=300), st.integers(-(2**63), 2**63 - 1), st.integers(1, 3)),
    min_size=1,
    max_size=20,
)


async def _stored(clickhouse: ClickHouse, table: str) -> list[dict[str, object]]:
    found = await clickhouse.query(Query("stored", f"SELECT * FROM {table} ORDER BY place"))  # noqa: S608 - the test's own table
    return [dict(row) for row in found.rows]


@pytest.fixture
async def table(clickhouse: ClickHouse, tenant: str) -> str:
    name = f"native_{tenant.replace('-', '_')}"
    await clickhouse.execute(
        f"CREATE TABLE {name} (place UInt32, word LowCardinality(String), number Int64) "
        "ENGINE = MergeTree ORDER BY place"
    )
    return name


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=_RUNS)
async def test_runs_come_back_as_rows(
    runs: list[tuple[str, int, int]], clickhouse: ClickHouse, table: str
) -> None:
    counts = np.array([count for _, _, count in runs], dtype=np.int64)
    rows = int(counts.sum())
    block = block_of(
        [
            numbers("place", "UInt32", np.arange(rows, dtype=np.uint32)),
            keywords("word", [word for word, _, _ in runs], counts),
            repeated("number", "Int64", np.int64, [number for _, number, _ in runs], counts),
        ],
        rows,
    )
    await clickhouse.execute(f"TRUNCATE TABLE {table}")

    await clickhouse.insert(table, block, f"{table}-{runs!r}"[:1000])

    expected = [(word, number) for word, number, count in runs for _ in range(count)]
    stored = await _stored(clickhouse, table)
    assert [(row["word"], row["number"]) for row in stored] == expected
    assert [row["place"] for row in stored] == list(range(rows))


@pytest.mark.parametrize("distinct", [1, 255, 256, 257, 65_536, 65_537])
async def test_dictionaries_of_every_width(distinct: int, clickhouse: ClickHouse, table: str) -> None:
    counts = np.ones(distinct, dtype=np.int64)
    block = block_of(
        [
            numbers("place", "UInt32", np.arange(distinct, dtype=np.uint32)),
            keywords("word", [f"word-{number}" for number in range(distinct)], counts),
            repeated("number", "Int64", np.int64, list(range(distinct)), counts),
        ],
        distinct,
    )

    await clickhouse.insert(table, block, "width")

    check = f"SELECT count() AS rows, countIf(word != concat('word-', toString(place)) OR number != place) AS wrong FROM {table}"  # noqa: S608 - the test's own table
    (row,) = (await clickhouse.query(Query("check", check))).rows
    assert row == {"rows": distinct, "wrong": 0}


@pytest.mark.parametrize(("value", "dtype"), [(2**63, np.int64), (-(2**63) - 1, np.int64), (2**31, np.int32)])
def test_a_number_that_does_not_fit_is_refused(value: int, dtype: type[np.signedinteger]) -> None:
    with pytest.raises(InvalidEventError) as caught:
        array_of([value], dtype, 1)

    assert caught.value.reason == "not_landable"
