from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from api.intake import cloudevents
from api.intake.parsed import Arrival, Parsed
from api.intake.refusal import ItemReason, RefusalKind, RefusedError
from schemas.events import AlarmRaw, ChangeRaw, KpiBatch, LogBatch
from tests.unit.api.intake.sent import ARRIVAL, REQUESTS, sample

STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
CHANGE = {"service": "cart", "title": "cart 2"}


def envelope(**changed: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "/ci",
        "type": "io.tocsin.change.raw",
        "data": CHANGE,
        **changed,
    }


def one(event: object) -> Parsed:
    return cloudevents.parse(json.dumps(event).encode(), STRUCTURED, ARRIVAL)


def test_binary_structured_and_batch_say_the_same() -> None:
    headers = {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": "1",
        "ce-source": "/ci",
        "ce-type": "io.tocsin.change.raw",
        "ce-time": "2026-03-01T11:00:00Z",
    }
    binary = cloudevents.parse(json.dumps(CHANGE).encode(), headers, ARRIVAL)
    structured = one(envelope(time="2026-03-01T11:00:00Z"))
    batch = cloudevents.parse(json.dumps([envelope(time="2026-03-01T11:00:00Z")]).encode(), BATCH, ARRIVAL)
    assert binary == structured == batch
    (change,) = binary.events
    assert isinstance(change, ChangeRaw)
    assert (change.source, change.occurred_at) == ("/ci", datetime(2026, 3, 1, 11, tzinfo=UTC))


def test_golden_events() -> None:
    (change,) = cloudevents.parse(sample("cloudevents_structured.json"), STRUCTURED, ARRIVAL).events
    assert isinstance(change, ChangeRaw)
    assert change.version == "2.3.1"
    found = cloudevents.parse(sample("cloudevents_batch.json"), BATCH, ARRIVAL)
    alarm, kpis, logs = found.events
    assert isinstance(alarm, AlarmRaw)
    assert isinstance(kpis, KpiBatch)
    assert isinstance(logs, LogBatch)
    assert found.accepted == 3
    assert {alarm.source, kpis.source, logs.source} == {"/probes/eu"}
    assert kpis.series[0].values == (0.2, 2.4)


def test_what_the_data_says_goes_before_what_the_envelope_says() -> None:
    data = {**CHANGE, "source": "argo", "time": "2026-03-01T10:00:00Z"}
    (change,) = one(envelope(time="2026-03-01T11:00:00Z", data=data)).events
    assert isinstance(change, ChangeRaw)
    assert (change.source, change.occurred_at.hour) == ("argo", 10)


def test_data_in_base64() -> None:
    event = envelope(data_base64=base64.b64encode(json.dumps(CHANGE).encode()).decode())
    del event["data"]
    assert one(event).accepted == 1


@pytest.mark.parametrize(
    ("changed", "pointer", "reason"),
    [
        ({"specversion": "0.3"}, "/specversion", ItemReason.INVALID_VALUE),
        ({"specversion": None}, "/specversion", ItemReason.MISSING_FIELD),
        ({"id": ""}, "/id", ItemReason.MISSING_FIELD),
        ({"source": 5}, "/source", ItemReason.MISSING_FIELD),
        ({"type": "com.example.other"}, "/type", ItemReason.UNKNOWN_TYPE),
        ({"data": None}, "/data", ItemReason.NOT_AN_OBJECT),
        ({"data": [CHANGE]}, "/data", ItemReason.NOT_AN_OBJECT),
        ({"data": {"service": "cart"}}, "/title", ItemReason.MISSING_FIELD),
        ({"data": {**CHANGE, "tenant": "globex"}}, "/tenant", ItemReason.FOREIGN_TENANT),
        ({"datacontenttype": "text/xml"}, "/datacontenttype", ItemReason.UNSUPPORTED),
        ({"data": None, "data_base64": "!!"}, "/data_base64", ItemReason.INVALID_VALUE),
        ({"data": None, "data_base64": "bm90"}, "/data_base64", ItemReason.INVALID_VALUE),
        (
            {"data": None, "data_base64": base64.b64encode(b"[" * 99 + b"]" * 99).decode()},
            "/data_base64",
            ItemReason.TOO_DEEP,
        ),
        ({"time": "soon"}, "/time", ItemReason.INVALID_VALUE),
    ],
)
def test_a_bad_event_is_named(changed: dict[str, Any], pointer: str, reason: ItemReason) -> None:
    found = cloudevents.parse(json.dumps([envelope(), envelope(**changed), 5]).encode(), BATCH, ARRIVAL)
    assert found.accepted == 1
    first, second = found.problems
    assert (first.pointer, first.reason) == (f"/1{pointer}", reason)
    assert (second.index, second.reason) == (2, ItemReason.NOT_AN_OBJECT)
    assert (first.raw is None) is (reason is ItemReason.UNSUPPORTED)


@pytest.mark.parametrize(
    ("headers", "body", "kind"),
    [
        ({"content-type": "text/plain", "ce-specversion": "1.0"}, b"{}", RefusalKind.MEDIA_TYPE),
        ({"content-type": "application/cloudevents+avro"}, b"{}", RefusalKind.MEDIA_TYPE),
        ({}, b"{}", RefusalKind.MEDIA_TYPE),
        ({"content-type": "application/json"}, b"{}", RefusalKind.INVALID),
        (STRUCTURED, b"{", RefusalKind.MALFORMED),
        (BATCH, b"{}", RefusalKind.INVALID),
        (BATCH, b"[[[" * 20 + b"]]]" * 20, RefusalKind.TOO_DEEP),
    ],
)
def test_what_is_no_cloudevent_is_refused(headers: Mapping[str, str], body: bytes, kind: RefusalKind) -> None:
    with pytest.raises(RefusedError) as refused:
        cloudevents.parse(body, headers, ARRIVAL)
    assert refused.value.kind is kind


def test_a_long_source_is_cut() -> None:
    sent = REQUESTS["cloudevents binary"]
    found = cloudevents.parse(
        sent.plain,
        {**sent.headers, "ce-source": "/" * 300},
        Arrival(tenant="acme", source="x", at=ARRIVAL.at),
    )
    (change,) = found.events
    assert isinstance(change, ChangeRaw)
    assert len(change.source) == 256
