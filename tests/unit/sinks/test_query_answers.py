"""What queries ask and what they make of the answer, without a server: bounds, limits, rows as values."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from schemas.errors import NotFoundError
from schemas.events import AlarmStatus, ChangeKind, CostKind, Decision, LogSeverity, Severity
from sinks.clickhouse.client import ClickHouse
from sinks.clickhouse.queries.alarms import alarm_window
from sinks.clickhouse.queries.audit import list_audit
from sinks.clickhouse.queries.conditions import Scope, WideScope
from sinks.clickhouse.queries.costs import CostDimension, CostFilter, costs_by
from sinks.clickhouse.queries.dead_letters import get_dead_letter, list_dead_letters
from sinks.clickhouse.queries.feedback import list_feedback
from sinks.clickhouse.queries.incidents import get_incident, incident_transitions, list_incidents
from sinks.clickhouse.queries.investigations import (
    ENDED,
    evidence_of,
    investigation_statuses,
    list_investigations,
)
from sinks.clickhouse.queries.landed import buried_offsets, existing_evidence, landed_offsets
from sinks.clickhouse.queries.reports import get_report, incident_history, list_reports
from sinks.clickhouse.queries.windows import change_window, kpi_window, log_window, watermark
from sinks.clickhouse.query import Answer, Limit
from tests.fakes.clickhouse_answers import AnsweringClickHouse
from tests.fakes.full_events import dead_letter, incident, report

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
NASTY = "a' OR 1=1 --"
SCOPE, WIDE = Scope(NASTY, START, END), WideScope((NASTY,), START, END)

Ask = Callable[[ClickHouse], Awaitable[Any]]

OF_A_TENANT: dict[str, Ask] = {
    "alarm_window": lambda c: alarm_window(c, SCOPE, services=[NASTY], names=[NASTY]),
    "audit": lambda c: list_audit(c, SCOPE, principal=NASTY, action=NASTY),
    "costs": lambda c: costs_by(c, CostDimension.DAY, WIDE, CostFilter(service=NASTY, kind=CostKind.LLM)),
    "dead_letters": lambda c: list_dead_letters(c, WIDE, reasons=[NASTY]),
    "feedback": lambda c: list_feedback(c, SCOPE, investigation_id=NASTY),
    "incidents": lambda c: list_incidents(c, SCOPE, service=NASTY, open_only=True),
    "transitions": lambda c: incident_transitions(c, tenant=NASTY, incident_id=NASTY),
    "investigations": lambda c: list_investigations(c, SCOPE),
    "statuses": lambda c: investigation_statuses(c, tenant=NASTY, investigation_id=NASTY),
    "evidence": lambda c: evidence_of(c, tenant=NASTY, investigation_id=NASTY, step=NASTY),
    "reports": lambda c: list_reports(c, SCOPE, verdict=NASTY, incident_id=NASTY),
    "history": lambda c: incident_history(c, SCOPE, services=[NASTY], alarm_names=[NASTY]),
    "kpis": lambda c: kpi_window(c, SCOPE, services=[NASTY], metrics=[NASTY]),
    "logs": lambda c: log_window(c, SCOPE, services=[NASTY]),
    "changes": lambda c: change_window(c, SCOPE, services=[NASTY]),
}


@pytest.mark.parametrize("name", OF_A_TENANT)
async def test_a_value_never_becomes_sql_and_every_placeholder_is_filled(name: str) -> None:
    clickhouse = AnsweringClickHouse()
    await OF_A_TENANT[name](clickhouse)
    (query,) = clickhouse.queries
    assert NASTY not in query.sql
    assert "tenant" in query.sql
    assert NASTY in (query.parameters.get("tenant"), *query.parameters.get("tenant_among", ()))  # type: ignore[misc]  # a tuple of texts
    placeholders = set(re.findall(r"\{(\w+):", query.sql))
    assert placeholders == set(query.parameters)
    assert not re.search(r"\{\w+:", query.rendered().replace(NASTY, ""))


@pytest.mark.parametrize("name", [name for name in OF_A_TENANT if name != "costs"])
async def test_nothing_found_is_an_empty_answer_with_the_query_that_found_nothing(name: str) -> None:
    clickhouse = AnsweringClickHouse()
    answer = await OF_A_TENANT[name](clickhouse)
    assert isinstance(answer, Answer)
    assert (answer.rows, answer.truncated) == ((), False)
    assert (answer.info.sql, answer.info.rows_read) == (clickhouse.queries[0].rendered(), 11)


def answering(*rows: Mapping[str, Any]) -> AnsweringClickHouse:
    return AnsweringClickHouse(answer=lambda _: rows)


ALARM = {
    "event_id": "alm_1",
    "occurred_at": START,
    "source": "prom",
    "fingerprint": "f",
    "name": "High",
    "service": "cart",
    "status": "firing",
    "severity": "major",
    "started_at": START,
    "entity": "",
    "host": "",
    "indicator": "cpu",
    "value": None,
    "summary": "",
    "labels": {"a": "b"},
    "messages": 3,
    "decisions": [(START, "opened", "new"), (END, "silenced", "by ann")],
}
LOG = {
    "at": START,
    "service": "cart",
    "severity": "error",
    "message": "m",
    "entity": "",
    "trace_id": "",
    "attributes": {},
    "one_in": 1,
}
CHANGE = {
    "event_id": "chg_1",
    "occurred_at": START,
    "source": "argo",
    "service": "cart",
    "kind": "deploy",
    "title": "t",
    "version": "1",
    "author": "ann",
    "url": "",
    "labels": {},
}


async def test_an_alarm_comes_with_its_decisions_as_values() -> None:
    (row,) = (await alarm_window(answering(ALARM), SCOPE)).rows
    assert (row.status, row.severity, row.messages) == (AlarmStatus.FIRING, Severity.MAJOR, 3)
    assert [(one.decided_at, one.decision, one.reason) for one in row.decisions] == [
        (START, Decision.OPENED, "new"),
        (END, Decision.SILENCED, "by ann"),
    ]


async def test_lines_and_changes_are_values() -> None:
    (line,) = (await log_window(answering(LOG), SCOPE)).rows
    (change,) = (await change_window(answering(CHANGE), SCOPE)).rows
    assert (line.severity, line.message) == (LogSeverity.ERROR, "m")
    assert (change.kind, change.version) == (ChangeKind.DEPLOY, "1")


@pytest.mark.parametrize(("limit", "truncated"), [(1, True), (2, True), (3, False)])
async def test_an_answer_at_its_limit_may_be_cut(limit: int, truncated: bool) -> None:
    asks: Sequence[Awaitable[Answer[Any]]] = (
        change_window(answering(CHANGE, CHANGE), SCOPE, limit=Limit(limit)),
        alarm_window(answering(ALARM, ALARM), SCOPE, limit=Limit(limit)),
    )
    for ask in asks:
        assert (await ask).truncated is truncated


@pytest.mark.parametrize("one_in", [1, 7])
async def test_lines_say_one_of_how_many_they_are(one_in: int) -> None:
    answer = await log_window(answering({**LOG, "one_in": one_in}), SCOPE)
    assert (answer.one_in, answer.truncated) == (one_in, one_in > 1)


@pytest.mark.parametrize("window", [kpi_window, log_window, change_window, alarm_window])
async def test_a_window_passes_its_limits_on(window: Any) -> None:
    clickhouse = AnsweringClickHouse()
    await window(clickhouse, SCOPE, limit=Limit(123, 4.5))
    (query,) = clickhouse.queries
    assert (query.parameters["limit"], query.seconds) == (123, 4.5)
    assert "LIMIT 123" in query.rendered()


def series(**changes: Any) -> dict[str, Any]:
    base = {"service": "cart", "metric": "cpu", "labels_json": '{"host":"n1"}', "unit": "1"}
    return {**base, "times_ms": [1, 2, 3], "values": [0.5, None, 0.7], **changes}


async def test_series_are_arrays_with_gaps() -> None:
    (one,) = (await kpi_window(answering(series(values=[0.5, float("nan"), 0.7])), SCOPE)).rows
    assert one.times_ms.tolist() == [1, 2, 3]
    assert [one.times_ms.dtype.name, one.values.dtype.name] == ["int64", "float64"]
    assert np.isnan(one.values[1])
    assert (one.labels, one.unit) == ({"host": "n1"}, "1")


@pytest.mark.parametrize(("limit", "truncated"), [(6, True), (7, False)])
async def test_a_windows_limit_counts_samples_not_series(limit: int, truncated: bool) -> None:
    both = answering(series(values=[1.0] * 3), series(metric="rps", values=[1.0] * 3))
    assert (await kpi_window(both, SCOPE, limit=Limit(limit))).truncated is truncated


@pytest.mark.parametrize(("landed", "latest"), [(0, None), (3, END)])
async def test_where_nothing_landed_there_is_no_watermark(landed: int, latest: datetime | None) -> None:
    clickhouse = answering({"latest": END, "landed": landed})
    assert await watermark(clickhouse, SCOPE, "kpis") == latest


@pytest.mark.parametrize(
    ("table", "column"),
    [("kpis", "time"), ("logs", "at"), ("changes", "occurred_at"), ("alarms", "occurred_at")],
)
async def test_a_watermark_is_of_event_time(table: Any, column: str) -> None:
    clickhouse = answering({"latest": END, "landed": 1})
    await watermark(clickhouse, SCOPE, table)
    (query,) = clickhouse.queries
    assert query.name == f"watermark_{table}"
    assert f"max({column})" in query.sql
    assert f"{column} <= {{end:" in query.sql


def group(key: str, *, below_all: int = 0, **changes: Any) -> dict[str, Any]:
    tokens = {
        f"{kind}_tokens": None
        for kind in ("input_uncached", "cache_read", "cache_write", "output", "reasoning")
    }
    base = {
        "key": key,
        "below_all": below_all,
        "entries": 1,
        "unpriced": 0,
        "cost_nano_usd": 5,
        "rows_read": 2,
    }
    return {**base, **tokens, "duration_ms": 3, **changes}


async def test_costs_are_groups_and_their_total() -> None:
    told = await costs_by(
        answering(group("a"), group("b", cost_nano_usd=None, unpriced=1), group("", below_all=1, entries=2)),
        CostDimension.SERVICE,
        WIDE,
    )
    assert [(g.key, g.cost_nano_usd, g.unpriced) for g in told.groups] == [("a", 5, 0), ("b", None, 1)]
    assert told.total.entries == 2
    assert told.groups[0].tokens["output"] is None


async def test_no_costs_are_an_unknown_sum_of_nothing() -> None:
    told = await costs_by(answering(), CostDimension.SERVICE, WIDE)
    assert (told.groups, told.total.entries, told.total.cost_nano_usd) == ((), 0, None)


@pytest.mark.parametrize("dimension", list(CostDimension))
async def test_every_dimension_groups_by_a_column_of_its_own(dimension: CostDimension) -> None:
    clickhouse = AnsweringClickHouse()
    await costs_by(clickhouse, dimension, WIDE)
    (query,) = clickhouse.queries
    assert query.name == f"costs_by_{dimension.value}"
    expected = "toString(toDate(occurred_at))" if dimension is CostDimension.DAY else dimension.value
    assert f"SELECT {expected} AS key" in query.sql


async def test_what_is_not_there_is_said_to_be_missing_with_a_cure() -> None:
    for ask in (
        get_incident(answering(), tenant="t", incident_id="inc_9"),
        get_report(answering(), tenant="t", investigation_id="inv_9"),
        get_dead_letter(answering(), "dlq_9"),
    ):
        with pytest.raises(NotFoundError, match="_9") as caught:
            await ask
        assert caught.value.cure


async def test_documents_come_back_whole() -> None:
    told, closed = report("t"), incident("t")
    answer = await get_report(
        answering({"document": told.model_dump_json()}), tenant="t", investigation_id="i"
    )
    assert answer == told
    found = answering({"document": closed.model_dump_json()})
    assert await get_incident(found, tenant="t", incident_id="i") == closed
    past = {"document": told.model_dump_json(), "alarm_names": ["A"], "services": ["cart"]}
    (row,) = (await incident_history(answering(past), SCOPE)).rows
    assert (row.report, row.alarm_names, row.services) == (told, ("A",), ("cart",))


async def test_a_dead_message_comes_back_byte_by_byte() -> None:
    letter = dead_letter("t")
    row = {
        **letter.model_dump(exclude={"message_key", "message_value", "headers"}),
        "key_hex": "00FF206B6579",
        "value_hex": None,
        "header_names": ["ce_id", "gone"],
        "headers_hex": ["FF00", None],
    }
    found = await get_dead_letter(answering(row), letter.event_id)
    assert (found.message_key, found.message_value) == (b"\x00\xff key", None)
    assert [(header.name, header.value) for header in found.headers] == [
        ("ce_id", b"\xff\x00"),
        ("gone", None),
    ]


async def test_places_are_mapped_to_what_happened_there() -> None:
    offsets = await landed_offsets(
        answering({"_partition": 1, "_offset": 7, "rows": 3, "places": 2}), table="logs", topic="t", epoch="e"
    )
    assert [(one.partition, one.offset, one.rows, one.places) for one in offsets] == [(1, 7, 3, 2)]
    buried = answering({"source_partition": 1, "source_offset": 7, "stages": ["land", "intake"]})
    assert await buried_offsets(buried, topic="t", epoch="e") == {(1, 7): {"land", "intake"}}


async def test_many_ids_are_asked_for_in_parts_each_once() -> None:
    clickhouse = AnsweringClickHouse(answer=lambda query: [{"event_id": str(query.parameters["ids"][0])}])  # type: ignore[index]  # a tuple of ids
    found = await existing_evidence(clickhouse, [f"ev_{number:05}" for number in (*range(12_000), 3)])
    sizes = [len(query.parameters["ids"]) for query in clickhouse.queries]  # type: ignore[arg-type]  # as above
    assert sizes == [5_000, 5_000, 2_000]
    assert found == {"ev_00000", "ev_05000", "ev_10000"}
    assert await existing_evidence(AnsweringClickHouse(), []) == frozenset()


def test_an_investigation_that_waits_or_was_deferred_has_not_ended() -> None:
    assert {state.value for state in ENDED} == {"completed", "failed", "cancelled", "refused"}
