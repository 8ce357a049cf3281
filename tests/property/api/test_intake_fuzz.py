from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from structlog.testing import capture_logs

from api.app import create_app
from api.intake.proto import remote_write_v1_pb2 as v1
from api.intake.remote_write import STALE
from schemas.codec import decode, encode
from schemas.events import AlarmRaw, ChangeRaw, DeadLetter, Event, KpiBatch, LogBatch
from tests.fakes.api import FakeApi, make_api
from tests.property.api.mutations import Mutated, mutated
from tests.unit.api.intake.sent import REQUESTS, Sent

BODIES = 10_000
EACH = -(-BODIES // len(REQUESTS))
LARGEST = 1_000_000


class Sender:
    """Speaks ASGI to the application directly: ten thousand requests need no client's comfort."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self._app = create_app(api.options, api.deps)

    async def post(self, path: str, sent: Mutated) -> tuple[int, dict[str, str], bytes]:
        headers = {"authorization": "Bearer acme.ingest", **sent.headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("api", 80),
        }
        said: list[Any] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": sent.body, "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        await self._app(scope, receive, send)
        told = {name.decode(): value.decode() for name, value in said[0]["headers"]}
        return said[0]["status"], told, b"".join(one.get("body", b"") for one in said[1:])


def check_answer(status: int, headers: dict[str, str], body: bytes) -> None:
    assert status < 500, body
    if status >= 400:
        assert headers["content-type"] == "application/problem+json"
        document = json.loads(body)
        assert document["type"].startswith("urn:tocsin:problem:"), document
        assert document["detail"], document


def check_published(events: Iterable[Event]) -> None:
    """Each can be sent: it is its tenant's, fits a message, and comes back as it was."""
    for event in events:
        assert event.tenant == "acme"
        message = encode(event)
        assert len(message) < LARGEST
        assert decode(event.TOPIC, message).event_id == event.event_id


def marks_published(events: Iterable[Event]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for event in events:
        match event:
            case AlarmRaw():
                found["alarm", event.name] += 1
            case ChangeRaw():
                found["change", event.title] += 1
            case KpiBatch():
                found.update(("kpi", one.metric) for one in event.series for _ in one.times_ms)
            case LogBatch():
                found.update(("log", line.message) for line in event.records)
    return found


def rows_sent(sent: Sent, plain: bytes, kind: str) -> list[Any] | None:
    """What the body says, read independently; None where it is nothing that this test can read."""
    try:
        if "ndjson" in kind:
            return [json.loads(line) for line in plain.splitlines() if line.strip()]
        value = json.loads(plain)
    except (ValueError, RecursionError):
        return None
    if sent.path.endswith(("alertmanager", "grafana")):
        return list(value["alerts"])
    return value if isinstance(value, list) else [value]


_PATHS = {
    "io.tocsin.alarm.raw": "alarms",
    "io.tocsin.kpi.batch": "kpis",
    "io.tocsin.log.batch": "logs",
    "io.tocsin.change.raw": "changes",
}


def marks_of(sent: Sent, row: Any) -> Iterator[tuple[str, str]]:
    """What must be published of a row that was taken."""
    path = sent.path.rpartition("/")[2]
    if path == "cloudevents":
        path = _PATHS.get(row.get("type", "io.tocsin.change.raw"), "")
        row = row.get("data", row)
    if path in {"alertmanager", "grafana"}:
        yield "alarm", row.get("labels", {}).get("alertname", "")[:256] or "unnamed"
    elif path == "alarms":
        yield "alarm", row["name"]
    elif path == "changes":
        yield "change", row["title"]
    elif path == "logs":
        yield from (("log", one["message"]) for one in row.get("records", [row]))
    elif path == "kpis":
        for one in row.get("series", [row]):
            yield from [("kpi", one["metric"])] * len(one.get("times_ms", [0]))


def check_rows(sent: Sent, body: Mutated, answer: dict[str, Any], events: list[Event]) -> None:
    rows = rows_sent(sent, body.plain or b"", body.headers["content-type"])
    if rows is None:
        return
    refused = {one["index"] for one in answer["rejected"]}
    assert answer["accepted"] + answer["rejected_count"] == len(rows)
    wanted = Counter(
        mark for index, row in enumerate(rows) if index not in refused for mark in marks_of(sent, row)
    )
    assert wanted <= marks_published(events)
    kept = [one for one in events if isinstance(one, DeadLetter)]
    lost = [one for one in answer["rejected"] if one["reason"] not in {"unsupported", "too_large"}]
    assert len(kept) == len(lost)


def check_samples(body: Mutated, headers: dict[str, str], status: int, events: list[Event]) -> None:
    """Of remote write 1.0: every sample that was written and is a gauge's is published at its time."""
    written = int(headers.get("x-prometheus-remote-write-samples-written", "0"))
    request = v1.WriteRequest.FromString(body.plain or b"")
    sent = sum(len(one.samples) for one in request.timeseries)
    assert written <= sent
    if status != 204:
        return
    assert written == sent
    published = Counter(
        (one.metric, at)
        for event in events
        if isinstance(event, KpiBatch)
        for one in event.series
        for at in one.times_ms
    )
    wanted: Counter[tuple[str, int]] = Counter()
    for series in request.timeseries:
        metric = next(one.value for one in series.labels if one.name == "__name__")
        if not metric.endswith(("_total", "_count", "_sum", "_bucket")):
            ended = v1.Sample.FromString(b"\x09" + STALE).SerializeToString()
            wanted.update(
                (metric, one.timestamp)
                for one in series.samples
                if v1.Sample(value=one.value).SerializeToString() != ended
            )
    assert wanted == published


def check_records(body: Mutated, answer: bytes, events: list[Event]) -> None:
    """Of OTLP logs: every record that was not rejected is published."""
    request = ExportLogsServiceRequest.FromString(body.plain or b"")
    sent = [
        record
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
    rejected = ExportLogsServiceResponse.FromString(answer).partial_success.rejected_log_records
    published = [line for event in events if isinstance(event, LogBatch) for line in event.records]
    assert len(published) == len(sent) - rejected


def check_taken(
    name: str, body: Mutated, answered: tuple[int, dict[str, str], bytes], events: list[Event]
) -> None:
    """What the answer says was taken is published."""
    status, headers, answer = answered
    if status == 202:
        check_rows(REQUESTS[name], body, json.loads(answer), events)
    elif name == "otlp logs protobuf" and status == 200:
        check_records(body, answer, events)
    elif name == "remote write 1.0" and "x-prometheus-remote-write-samples-written" in headers:
        check_samples(body, headers, status, events)


@pytest.mark.parametrize("name", REQUESTS)
async def test_whatever_comes_is_taken_or_refused_with_a_problem_and_nothing_that_was_taken_is_lost(
    name: str,
) -> None:
    sent, dice = REQUESTS[name], random.Random(name)
    statuses: Counter[int] = Counter()
    with capture_logs():
        api = make_api()
        api.limiter.left = EACH
        sender = Sender(api)
        for _ in range(EACH):
            api.publisher.events.clear()
            body = mutated(sent, dice)
            status, headers, answer = await sender.post(sent.path, body)
            statuses[status] += 1
            check_answer(status, headers, answer)
            check_published(api.publisher.events)
            if body.plain is not None:
                check_taken(name, body, (status, headers, answer), api.publisher.events)
    taken = sum(count for status, count in statuses.items() if status < 300)
    assert taken > EACH // 20, statuses
    assert sum(statuses.values()) - taken > EACH // 20, statuses
