from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel

from schemas.events import DeadLetter, Event, Incident, InvestigationRequested, KpiBatch, LogBatch, Report
from schemas.topics import CATALOGUE
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from sinks.clickhouse.query import Query
from sinks.clickhouse.writers import WRITERS, Stamp
from tests.fakes.full_events import LABELS, dead_letter, everything, kpis, logs, report
from tests.integration.sinks.samples import FixedClock, land, messages

pytestmark = pytest.mark.clickhouse

_STAMP = Stamp(landed_at_ms=0, expires_at={"t": 0})
_HEX = """(SELECT *, hex(message_value) AS value_hex, hex(message_key) AS key_hex,
  arrayMap(value -> hex(value), header_values) AS headers_hex FROM dead_letters)"""


async def _rows(clickhouse: ClickHouse, table: str, tenant: str) -> list[Mapping[str, Any]]:
    query = Query(
        "rows",
        f"SELECT * FROM {table} WHERE tenant = {{tenant:String}} ORDER BY _offset, _index",  # noqa: S608 - the tests' own tables
        {"tenant": tenant},
    )
    return list((await clickhouse.query(query)).rows)


def _as_stored(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def test_every_topic_has_its_table() -> None:
    assert WRITERS.keys() == CATALOGUE.keys()
    assert len({writer.table for writer in WRITERS.values()}) == len(CATALOGUE)


@pytest.mark.parametrize("topic", sorted(CATALOGUE.keys() - {"kpis.raw", "logs.raw", "dead-letters"}))
async def test_an_event_comes_back_field_by_field(
    topic: str, clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    (event,) = (one for one in everything(tenant) if topic == one.TOPIC)

    await land(landing, event, first=41, partition=2)

    (row,) = await _rows(clickhouse, WRITERS[topic].table, tenant)
    assert (row["_topic"], row["_partition"], row["_offset"], row["_index"]) == (topic, 2, 41, 0)
    for name in type(event).model_fields:
        if name in row:
            assert row[name] == _as_stored(getattr(event, name)), name


@pytest.mark.parametrize("event_class", [Incident, InvestigationRequested, Report])
async def test_events_with_a_document_come_back_whole(
    event_class: type[Event], clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    (event,) = (one for one in everything(tenant) if isinstance(one, event_class))

    await land(landing, event)

    (row,) = await _rows(clickhouse, WRITERS[event_class.TOPIC].table, tenant)
    assert event_class.model_validate_json(row["document"]) == event


def test_every_field_has_a_column_or_is_in_the_document() -> None:
    nested = {"usage", "series", "records", "headers", "event_id", "occurred_at"}
    for event in everything("t"):
        writer = WRITERS[event.TOPIC]
        names = set(writer.columns(messages([event]), _STAMP).names)
        absent = set() if "document" in names else set(type(event).model_fields) - names - nested
        assert not absent, f"{writer.table}: {absent}"


async def test_dead_letters_keep_their_bytes(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    letter = dead_letter(tenant)
    empty = dead_letter(tenant, source_offset=1, message_key=None, message_value=None, headers=())

    await land(landing, empty, letter)

    first, second = await _rows(clickhouse, _HEX, tenant)
    assert (first["value_hex"], first["key_hex"], first["header_names"]) == (None, None, [])
    assert isinstance(letter, DeadLetter)
    assert bytes.fromhex(second["value_hex"]) == letter.message_value
    assert bytes.fromhex(second["key_hex"]) == letter.message_key
    assert second["header_names"] == ["ce_id", "gone"]
    assert second["headers_hex"] == ["FF00", None]


async def test_a_kpi_batch_becomes_a_row_per_sample(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    batch: KpiBatch = kpis(tenant)

    await land(landing, batch, first=5)

    rows = await _rows(clickhouse, "(SELECT *, labels FROM kpis)", tenant)
    assert [row["_index"] for row in rows] == [0, 1, 2]
    assert {row["_offset"] for row in rows} == {5}
    assert [row["metric"] for row in rows] == ["cpu", "cpu", "rps"]
    assert [row["time"] for row in rows] == [datetime.fromtimestamp(s, UTC) for s in (1, 2, 1)]
    assert [row["value"] for row in rows[:2]] == [0.5, 0.75]
    assert math.isnan(rows[2]["value"])
    assert [row["unit"] for row in rows] == ["1", "1", "1/s"]
    assert json.loads(rows[0]["labels_json"]) == LABELS == rows[0]["labels"]
    assert rows[2]["labels"] == {}


async def test_a_log_batch_becomes_a_row_per_line(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    batch: LogBatch = logs(tenant)

    await land(landing, batch)

    rows = await _rows(clickhouse, "logs", tenant)
    for number, (row, line) in enumerate(zip(rows, batch.records, strict=True)):
        assert (row["_index"], row["event_id"], row["service"]) == (number, batch.event_id, "cart")
        for name in type(line).model_fields:
            assert row[name] == _as_stored(getattr(line, name)), name


async def test_a_report_names_the_evidence_it_cites(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    await land(landing, report(tenant))

    (row,) = await _rows(clickhouse, "reports", tenant)
    assert row["evidence_ids"] == ["ev_1", "ev_2", "ev_3", "ev_4"]
    assert row["cause_services"] == ["cart", "db"]
    assert row["cause_confidences"] == [0.9, None]


async def test_the_largest_numbers_of_the_schemas_fit(
    clickhouse: ClickHouse, landing: ClickHouseLanding, tenant: str
) -> None:
    huge = 2**63 - 1
    changes: dict[type[BaseModel], dict[str, object]] = {}
    for event in everything(tenant):
        numbers: dict[str, object] = {
            name: huge
            for name, info in type(event).model_fields.items()
            if info.annotation in (int, int | None) and name not in {"priority", "score", "direction"}
        }
        changes[type(event)] = numbers
        await land(landing, type(event).model_validate({**event.model_dump(), **numbers}))

    assert any(changes.values())
    for event in everything(tenant):
        for row in await _rows(clickhouse, WRITERS[event.TOPIC].table, tenant):
            # What has no column of its own is in the document.
            assert all(row[name] == huge for name in changes[type(event)] if name in row)


async def test_rows_expire_by_their_tenants_retention(
    clickhouse: ClickHouse, clock: FixedClock, tenant: str
) -> None:
    class ByTenant:
        async def days(self, tenant: str) -> int:
            return 90 if tenant.endswith("-big") else 7

    big = f"{tenant}-big"
    landing = ClickHouseLanding(clickhouse, ByTenant(), clock, epoch=tenant)

    await land(landing, kpis(tenant), kpis(big))

    for who, days in ((tenant, 7), (big, 90)):
        rows = await _rows(clickhouse, "kpis", who)
        assert {row["expires_at"] for row in rows} == {
            clock.time.replace(microsecond=0) + timedelta(days=days)
        }


async def test_what_has_expired_is_deleted(clickhouse: ClickHouse, clock: FixedClock, tenant: str) -> None:
    past = FixedClock(clock.time - timedelta(days=8))
    await land(ClickHouseLanding(clickhouse, FixedRetention(7), past, epoch="past"), logs(f"{tenant}-old"))
    await land(ClickHouseLanding(clickhouse, FixedRetention(30), past, epoch=tenant), logs(tenant))

    await clickhouse.execute("OPTIMIZE TABLE logs FINAL")

    assert await _rows(clickhouse, "logs", f"{tenant}-old") == []
    assert len(await _rows(clickhouse, "logs", tenant)) == 2


async def test_a_retention_without_end_does_not_overflow(
    clickhouse: ClickHouse, clock: FixedClock, tenant: str
) -> None:
    await land(ClickHouseLanding(clickhouse, FixedRetention(10**6), clock, epoch=tenant), logs(tenant))

    assert {row["expires_at"].year for row in await _rows(clickhouse, "logs", tenant)} == {2106}
