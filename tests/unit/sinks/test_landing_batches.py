"""What landing sends: one insert a batch, under its token, with each row's origin and expiry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from schemas.errors import InvalidRequestError, RateLimitedError, UnavailableError
from schemas.metrics import LANDED_ROWS
from sinks.clickhouse.client import Columns
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from sinks.clickhouse.native import NativeBlock
from tests.fakes.clickhouse_answers import AnsweringClickHouse
from tests.fakes.full_events import alarm, kpis, logs
from tests.fakes.incident_ports import ListRecorder
from tests.integration.sinks.samples import FixedClock, messages

NOW = datetime(2026, 1, 1, 0, 0, 0, 750_600, tzinfo=UTC)
SECOND = 1_767_225_600


class ByTenant:
    """Retention that remembers whom it was asked about."""

    def __init__(self, days: Mapping[str, int]) -> None:
        self._days = days
        self.asked: list[str] = []

    async def days(self, tenant: str) -> int:
        self.asked.append(tenant)
        return self._days[tenant]


def landing(
    clickhouse: AnsweringClickHouse,
    retention: ByTenant | FixedRetention | None = None,
    *,
    recorder: ListRecorder | None = None,
    epoch: str = "",
) -> ClickHouseLanding:
    keep = retention or FixedRetention(7)
    return ClickHouseLanding(clickhouse, keep, FixedClock(NOW), recorder=recorder, epoch=epoch)


def rows(clickhouse: AnsweringClickHouse) -> dict[str, list[object]]:
    (insert,) = clickhouse.inserts
    assert isinstance(insert.columns, Columns)
    return {name: list(data) for name, data in zip(insert.columns.names, insert.columns.data, strict=True)}


async def test_a_batch_is_one_insert_under_its_token() -> None:
    clickhouse = AnsweringClickHouse()
    batch = messages([alarm("acme"), alarm("acme", fingerprint="other")], first=5, partition=3)
    await landing(clickhouse).insert("alarms.raw", batch, "alarms.raw:3:5-6")
    (insert,) = clickhouse.inserts
    assert (insert.table, insert.token) == ("alarms", "alarms.raw:3:5-6")
    columns = rows(clickhouse)
    assert columns["_topic"] == ["alarms.raw"] * 2
    assert columns["_partition"] == [3, 3]
    assert columns["_offset"] == [5, 6]
    assert columns["_epoch"] == ["", ""]


async def test_another_incarnation_of_the_log_has_other_tokens() -> None:
    clickhouse = AnsweringClickHouse()
    await landing(clickhouse, epoch="e2").insert("alarms.raw", messages([alarm("acme")]), "alarms.raw:0:0-0")
    assert clickhouse.inserts[0].token == "e2/alarms.raw:0:0-0"
    assert rows(clickhouse)["_epoch"] == ["e2"]


async def test_rows_say_when_they_landed_to_the_millisecond_and_when_they_expire() -> None:
    clickhouse = AnsweringClickHouse()
    await landing(clickhouse).insert("alarms.raw", messages([alarm("acme")]), "t")
    assert rows(clickhouse)["landed_at"] == [SECOND * 1000 + 751]
    assert rows(clickhouse)["expires_at"] == [SECOND + 7 * 86_400]


async def test_each_tenant_has_its_own_retention_and_is_asked_about_once() -> None:
    clickhouse, retention = AnsweringClickHouse(), ByTenant({"a": 1, "b": 30})
    batch = messages([alarm("a"), alarm("b"), alarm("a", fingerprint="again")])
    await landing(clickhouse, retention).insert("alarms.raw", batch, "t")
    day = 86_400
    assert rows(clickhouse)["expires_at"] == [SECOND + day, SECOND + 30 * day, SECOND + day]
    assert sorted(retention.asked) == ["a", "b"]


async def test_for_ever_is_as_long_as_the_column_can_hold() -> None:
    clickhouse = AnsweringClickHouse()
    await landing(clickhouse, FixedRetention(10**9)).insert("alarms.raw", messages([alarm("acme")]), "t")
    assert rows(clickhouse)["expires_at"] == [2**32 - 1]


async def test_a_batch_becomes_a_row_a_line_or_sample_and_is_counted() -> None:
    clickhouse, recorder = AnsweringClickHouse(), ListRecorder()
    lands = landing(clickhouse, recorder=recorder)
    await lands.insert("logs.raw", messages([logs("acme"), logs("acme")]), "l")
    await lands.insert("kpis.raw", messages([kpis("acme")]), "k")
    assert recorder.kept == [
        (LANDED_ROWS.name, 4, {"table": "logs"}),
        (LANDED_ROWS.name, 3, {"table": "kpis"}),
    ]
    assert isinstance(clickhouse.inserts[1].columns, NativeBlock)


@pytest.mark.parametrize("topic", ["", "alarms", "nobody.knows"])
async def test_a_topic_without_a_table_is_refused(topic: str) -> None:
    with pytest.raises(InvalidRequestError, match="nothing can be landed"):
        await landing(AnsweringClickHouse()).insert(topic, messages([alarm("acme")]), "t")


async def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="0 messages"):
        await landing(AnsweringClickHouse()).insert("alarms.raw", [], "t")


async def test_what_did_not_land_is_not_counted() -> None:
    clickhouse, recorder = AnsweringClickHouse(refuse=lambda _: RateLimitedError("parts")), ListRecorder()
    with pytest.raises(RateLimitedError):
        await landing(clickhouse, recorder=recorder).insert("alarms.raw", messages([alarm("acme")]), "t")
    assert recorder.kept == []


async def test_where_retention_cannot_be_told_nothing_lands() -> None:
    class Away:
        async def days(self, tenant: str) -> int:
            raise UnavailableError("no SQL")

    clickhouse = AnsweringClickHouse()
    lands = ClickHouseLanding(clickhouse, Away(), FixedClock(NOW))
    with pytest.raises(UnavailableError):
        await lands.insert("alarms.raw", messages([alarm("acme")]), "t")
    assert clickhouse.inserts == []
