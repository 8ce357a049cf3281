from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.intake import generic
from api.intake.generic import Kind
from api.intake.limits import Limits
from api.intake.parsed import Arrival, Parsed
from api.intake.refusal import ItemReason, RefusalKind, RefusedError
from infra.cli import rows as sent_by_hand
from schemas.codec import encode
from schemas.events import AlarmRaw, AlarmStatus, ChangeKind, ChangeRaw, KpiBatch, LogBatch, LogSeverity
from tests.unit.api.intake.sent import ARRIVAL, NOW, NOW_MS, sample

JSON, LINES = "application/json", "application/x-ndjson"


def parsed(kind: Kind, value: object) -> Parsed:
    return generic.parse(kind, json.dumps(value).encode(), JSON, ARRIVAL)


def test_alarms() -> None:
    found = generic.parse(Kind.ALARMS, sample("alarms.json"), JSON, ARRIVAL)
    firing, cleared = found.events
    assert isinstance(firing, AlarmRaw)
    assert isinstance(cleared, AlarmRaw)
    assert (found.accepted, found.problems) == (2, ())
    assert (firing.source, firing.tenant, firing.received_at) == ("test", "acme", NOW)
    assert firing.fingerprint == cleared.fingerprint == "DiskFull/orders/orders-0"
    assert firing.labels == cleared.labels == {"mount": "/data"}
    assert cleared.status is AlarmStatus.CLEARED
    assert cleared.started_at == firing.started_at == datetime(2026, 3, 1, 11, 57, tzinfo=UTC)
    assert cleared.occurred_at == NOW


def test_samples_become_columns_by_service() -> None:
    found = generic.parse(Kind.KPIS, sample("kpis.ndjson"), LINES, ARRIVAL)
    (batch,) = found.events
    assert isinstance(batch, KpiBatch)
    assert found.accepted == 3
    latency, queue = batch.series
    assert (latency.metric, latency.unit, latency.labels) == ("latency_p95", "s", {"instance": "cart-0"})
    assert latency.times_ms == (NOW_MS - 60_000, NOW_MS - 44_500)
    assert latency.values == (0.41, 0.44)
    assert (queue.metric, queue.values) == ("queue", (3, 9))
    assert batch.occurred_at == datetime(2026, 3, 1, 11, 59, 15, 500_000, UTC)


def test_log_records_become_batches_by_service() -> None:
    found = generic.parse(Kind.LOGS, sample("logs.ndjson"), LINES, ARRIVAL)
    (batch,) = found.events
    assert isinstance(batch, LogBatch)
    first, second = batch.records
    assert (first.severity, first.entity, first.attributes) == (LogSeverity.ERROR, "cart-0", {"pool": "db"})
    assert (second.severity, second.message) == (LogSeverity.INFO, "retrying")
    assert batch.occurred_at == second.at


def test_changes() -> None:
    (change,) = generic.parse(Kind.CHANGES, sample("changes.json"), JSON, ARRIVAL).events
    assert isinstance(change, ChangeRaw)
    assert (change.kind, change.version, change.labels) == (ChangeKind.DEPLOY, "2.3.1", {"region": "eu"})


def test_whole_events_as_others_export_them_are_taken_and_named_anew() -> None:
    alarm = AlarmRaw(
        tenant="acme",
        source="theirs",
        name="X",
        service="cart",
        fingerprint="f",
        started_at=NOW,
        occurred_at=NOW,
        received_at=NOW,
    )
    change = ChangeRaw(tenant="acme", source="ci", service="cart", title="t", occurred_at=NOW)
    (same,) = parsed(Kind.ALARMS, alarm.model_dump(mode="json")).events
    assert same == alarm
    (again,) = parsed(Kind.CHANGES, {**change.model_dump(mode="json"), "event_id": "chg_mine"}).events
    assert again == change


def test_samples_in_any_order_of_any_number_are_in_messages_that_fit() -> None:
    rows = [
        {"service": "cart", "metric": f"m{n % 7}", "value": n, "time": n % 997, "labels": {"l": "x" * 900}}
        for n in range(3000)
    ]
    found = parsed(Kind.KPIS, rows)
    assert found.accepted == 3000
    batches = [one for one in found.events if isinstance(one, KpiBatch)]
    assert sum(len(one.times_ms) for batch in batches for one in batch.series) == 3000
    many = [{**row, "labels": {"l": "\U0001f514" * 900, "n": str(n)}} for n, row in enumerate(rows)]
    wide = parsed(Kind.KPIS, many).events
    assert len(wide) > 10
    assert max(len(encode(one)) for one in wide) < 1_000_000


def test_long_log_lines_are_in_messages_that_fit() -> None:
    rows = [{"service": "cart", "message": "\U0001f514" * 30_000, "time": n} for n in range(20)]
    found = parsed(Kind.LOGS, rows)
    assert found.accepted == 20
    assert max(len(encode(one)) for one in found.events) < 1_000_000


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-inf"])
def test_what_is_no_finite_number_is_a_missing_sample(value: str) -> None:
    (batch,) = parsed(Kind.KPIS, {"service": "cart", "metric": "m", "value": value}).events
    assert isinstance(batch, KpiBatch)
    assert math.isnan(batch.series[0].values[0])


@pytest.mark.parametrize(
    ("kind", "row", "pointer", "reason"),
    [
        (Kind.ALARMS, {"name": "X"}, "/0/service", ItemReason.MISSING_FIELD),
        (Kind.ALARMS, {"name": "", "service": "s"}, "/0/name", ItemReason.INVALID_VALUE),
        (Kind.ALARMS, {"name": "X", "service": "s", "wat": 1}, "/0/wat", ItemReason.INVALID_VALUE),
        (
            Kind.ALARMS,
            {"name": "X", "service": "s", "tenant": "globex"},
            "/0/tenant",
            ItemReason.FOREIGN_TENANT,
        ),
        (Kind.ALARMS, {"name": "X", "service": "s", "labels": "a"}, "/0/labels", ItemReason.INVALID_VALUE),
        (
            Kind.ALARMS,
            {"name": "X", "service": "s", "started_at": "1600-01-01T00:00:00Z"},
            "/0/started_at",
            ItemReason.TIME_OUT_OF_RANGE,
        ),
        (
            Kind.ALARMS,
            {"name": "X", "service": "s", "started_at": "0001-01-01T00:00:00+05:00"},
            "/0",
            ItemReason.INVALID_VALUE,
        ),
        (Kind.KPIS, {"service": "s", "metric": "m"}, "/0/value", ItemReason.MISSING_FIELD),
        (
            Kind.KPIS,
            {"service": "s", "metric": "m", "value": 1, "time": 1e15},
            "/0/time",
            ItemReason.TIME_OUT_OF_RANGE,
        ),
        (
            Kind.KPIS,
            {"service": "s", "metric": "m", "value": 1, "unit": "u" * 70},
            "/0",
            ItemReason.INVALID_VALUE,
        ),
        (
            Kind.KPIS,
            {"service": "s", "series": [{"metric": "m", "times_ms": [10**15], "values": [1]}]},
            "/0/series/0/times_ms",
            ItemReason.TIME_OUT_OF_RANGE,
        ),
        (
            Kind.KPIS,
            {"service": "s", "series": [{"metric": "m", "times_ms": [2, 1], "values": [1, 1]}]},
            "/0/series/0",
            ItemReason.INVALID_VALUE,
        ),
        (Kind.LOGS, {"service": "s"}, "/0/message", ItemReason.MISSING_FIELD),
        (Kind.LOGS, {"service": "s", "message": "m" * 40_000}, "/0/message", ItemReason.INVALID_VALUE),
        (
            Kind.LOGS,
            {"service": "s", "message": "m", "severity": "loud"},
            "/0/severity",
            ItemReason.INVALID_VALUE,
        ),
        (Kind.CHANGES, {"service": "s"}, "/0/title", ItemReason.MISSING_FIELD),
        (
            Kind.CHANGES,
            {"service": "s", "title": "t", "kind": "magic"},
            "/0/kind",
            ItemReason.INVALID_VALUE,
        ),
        (Kind.CHANGES, "deploy", "/0", ItemReason.NOT_AN_OBJECT),
    ],
)
def test_a_bad_row_is_named(kind: Kind, row: Any, pointer: str, reason: ItemReason) -> None:
    found = parsed(kind, [row])
    assert found.events == ()
    (problem,) = found.problems
    assert (problem.pointer, problem.reason) == (pointer, reason)
    assert problem.raw is not None
    assert json.loads(problem.raw) == row


def test_a_row_is_taken_whole_or_not_at_all() -> None:
    good = {"metric": "a", "times_ms": [NOW_MS], "values": [1]}
    row = {"service": "s", "series": [good, {**good, "times_ms": [-5]}]}
    found = parsed(Kind.KPIS, [row, {"service": "s", "series": [good]}])
    (batch,) = found.events
    assert isinstance(batch, KpiBatch)
    assert [one.times_ms for one in batch.series] == [(NOW_MS,)]


def test_broken_lines_are_named_by_their_number_and_kept_as_they_came() -> None:
    good = b'{"service": "cart", "message": "m"}'
    body = b"\n".join([good, b"{oops", b"", b"[" * 40 + b"]" * 40, b"\xff\xfe", b"7", good])
    found = generic.parse(Kind.LOGS, body, LINES, ARRIVAL)
    assert found.accepted == 2
    assert [(one.index, one.reason, one.raw) for one in found.problems] == [
        (1, ItemReason.MALFORMED_LINE, b"{oops"),
        (2, ItemReason.TOO_DEEP, b"[" * 40 + b"]" * 40),
        (3, ItemReason.MALFORMED_LINE, b"\xff\xfe"),
        (4, ItemReason.NOT_AN_OBJECT, b"7"),
    ]


@pytest.mark.parametrize("kind", ["text/csv", "application/x-www-form-urlencoded", ""])
def test_other_media_types_are_refused(kind: str) -> None:
    with pytest.raises(RefusedError) as refused:
        generic.parse(Kind.ALARMS, b"{}", kind, ARRIVAL)
    assert refused.value.kind is RefusalKind.MEDIA_TYPE


@pytest.mark.parametrize(("body", "media"), [(b"[{}, {}, {}]", JSON), (b"{}\n{}\n{}", LINES)])
def test_too_many_rows_are_refused(body: bytes, media: str) -> None:
    arrival = Arrival(tenant="acme", source="test", at=NOW, limits=Limits(items=2))
    with pytest.raises(RefusedError) as refused:
        generic.parse(Kind.ALARMS, body, media, arrival)
    assert refused.value.kind is RefusalKind.TOO_MANY


def test_no_line_at_all_is_refused() -> None:
    with pytest.raises(RefusedError):
        generic.parse(Kind.ALARMS, b"\n \n", LINES, ARRIVAL)


_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=12)
_TIMES = st.integers(0, 4_000_000_000) | st.just("2026-03-01T12:00:00Z")
_PAIRS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), max_size=2)
_LABELS = _PAIRS | _PAIRS.map(lambda pairs: ",".join(f"{name}={value}" for name, value in pairs.items()))
_ROWS: dict[Kind, st.SearchStrategy[dict[str, object]]] = {
    Kind.ALARMS: st.fixed_dictionaries(
        {"name": _NAMES, "service": _NAMES, "time": _TIMES},
        optional={
            "severity": st.sampled_from(["critical", "minor", "cleared"]),
            "status": st.sampled_from(["firing", "cleared"]),
            "labels": _LABELS,
            "value": st.floats(allow_nan=False, allow_infinity=False),
            "entity": _NAMES,
            "fingerprint": _NAMES,
        },
    ),
    Kind.KPIS: st.fixed_dictionaries(
        {
            "service": _NAMES,
            "metric": _NAMES,
            "time": _TIMES,
            "value": st.floats(allow_nan=False, allow_infinity=False),
        },
        optional={"unit": st.sampled_from(["s", "1"]), "labels": _LABELS},
    ),
    Kind.LOGS: st.fixed_dictionaries(
        {"service": _NAMES, "message": st.text(max_size=20), "time": _TIMES},
        optional={
            "severity": st.sampled_from(["error", "info"]),
            "trace_id": st.just("0af7"),
            "entity": _NAMES,
        },
    ),
    Kind.CHANGES: st.fixed_dictionaries(
        {"service": _NAMES, "title": _NAMES, "time": _TIMES},
        optional={"kind": st.sampled_from(["deploy", "flag"]), "version": _NAMES, "labels": _LABELS},
    ),
}
_BY_HAND = {
    Kind.ALARMS: sent_by_hand.alarms,
    Kind.KPIS: sent_by_hand.kpis,
    Kind.LOGS: sent_by_hand.logs,
    Kind.CHANGES: sent_by_hand.changes,
}


@pytest.mark.parametrize("kind", Kind)
@given(data=st.data())
def test_a_row_means_the_same_over_http_as_from_the_command_line(kind: Kind, data: st.DataObject) -> None:
    rows = data.draw(st.lists(_ROWS[kind], min_size=1, max_size=6))
    by_hand = _BY_HAND[kind](rows, sent_by_hand.Defaults("acme", "test", NOW))
    over_http = parsed(kind, rows)
    assert not over_http.problems
    assert not by_hand.bad
    told = [
        one.model_copy(update={"received_at": None}) if isinstance(one, AlarmRaw) else one
        for one in over_http.events
    ]
    assert _contents(told) == _contents(by_hand.events)


def _contents(events: Any) -> list[object]:
    """Samples and records one by one: how they are batched is each side's own affair."""
    found: list[object] = []
    for event in events:
        match event:
            case KpiBatch():
                found += [
                    (event.source, event.service, one.metric, one.unit, sorted(one.labels.items()), *pair)
                    for one in event.series
                    for pair in zip(one.times_ms, one.values, strict=True)
                ]
            case LogBatch():
                found += [(event.source, event.service, line.model_dump_json()) for line in event.records]
            case _:
                found.append(event.model_dump_json())
    return sorted(found, key=repr)
