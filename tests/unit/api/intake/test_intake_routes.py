from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from schemas.errors import UnavailableError
from schemas.events import AlarmRaw, Audit, DeadLetter, KpiBatch
from tests.fakes.api import FakeApi, client_of, make_api
from tests.unit.api.intake.sent import NOW_MS, REQUESTS, snappy, v1_body, v2_body

CPU = {"__name__": "cpu_usage_ratio", "job": "cart"}
TOTAL = {"__name__": "http_requests_total", "job": "cart"}
WRITE = "/v1/intake/prometheus/write"
PROTOBUF = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
ALARM = {"name": "X", "service": "cart"}
EVERY = pytest.mark.parametrize("name", REQUESTS)


@pytest.fixture
async def api() -> FakeApi:
    return make_api()


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api, "acme.ingest") as client:
        yield client


async def post(client: httpx.AsyncClient, name: str) -> httpx.Response:
    sent = REQUESTS[name]
    return await client.post(sent.path, content=sent.body, headers=sent.headers)


def written(api: FakeApi, seconds: int, value: float) -> bytes:
    return snappy(v1_body((TOTAL, ((NOW_MS + 1000 * seconds, value),))))


@EVERY
async def test_a_golden_request_of_each_format_is_published_before_it_is_answered(
    api: FakeApi, client: httpx.AsyncClient, name: str
) -> None:
    answer = await post(client, name)
    assert answer.status_code in {200, 202, 204}, answer.text
    assert api.publisher.events
    assert {one.tenant for one in api.publisher.events} == {"acme"}
    assert not [one for one in api.publisher.events if isinstance(one, DeadLetter)]
    assert api.publisher.traceparents[-1].startswith("00-")


@EVERY
async def test_while_the_broker_is_away_nothing_is_accepted(
    api: FakeApi, client: httpx.AsyncClient, name: str
) -> None:
    api.publisher.failure = UnavailableError("gone")
    answer = await post(client, name)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"


@EVERY
async def test_who_may_not_ingest_is_refused_and_it_is_audited(api: FakeApi, name: str) -> None:
    async with client_of(api, "acme.viewer") as viewer:
        assert (await post(viewer, name)).status_code == 403
    async with client_of(api, "") as nobody:
        assert (await post(nobody, name)).status_code == 401
    assert [type(one) for one in api.publisher.events] == [Audit]


@EVERY
async def test_every_format_comes_compressed_too(api: FakeApi, client: httpx.AsyncClient, name: str) -> None:
    sent = REQUESTS[name]
    headers = {**sent.headers, "content-encoding": "gzip"}
    answer = await client.post(sent.path, content=gzip.compress(sent.plain), headers=headers)
    assert answer.status_code in {200, 202, 204}
    assert api.publisher.events


@EVERY
@pytest.mark.parametrize(
    ("headers", "body", "status", "slug"),
    [
        ({"content-type": "text/plain"}, b"hello", 415, "unsupported-media-type"),
        ({"content-encoding": "br"}, b"hello", 415, "unsupported-encoding"),
        ({"content-encoding": "gzip"}, b"hello", 400, "malformed-body"),
        ({"content-encoding": "gzip"}, gzip.compress(b"\0" * 20_000_000), 413, "too-large"),
        ({"content-encoding": "identity"}, b"x" * 5_000_000, 413, "too-large"),
    ],
    ids=["type", "encoding", "not gzip", "bomb", "long"],
)
async def test_a_body_that_is_refused_is_told_why(  # noqa: PLR0917 - one case
    api: FakeApi,
    client: httpx.AsyncClient,
    name: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
    slug: str,
) -> None:
    sent = REQUESTS[name]
    answer = await client.post(sent.path, content=body, headers={**sent.headers, **headers})
    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:tocsin:problem:{slug}"
    assert api.publisher.events == []


async def test_the_limit_and_the_value_are_named(client: httpx.AsyncClient) -> None:
    body = b"[" + b",".join([b"{}"] * 50_001) + b"]"
    answer = await client.post(
        "/v1/intake/alarms", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413
    told = answer.json()
    assert (told["type"], told["limit"], told["value"]) == (
        "urn:tocsin:problem:too-many-items",
        50_000,
        50_001,
    )


async def test_some_taken_and_some_not_says_which_and_keeps_the_others_verbatim(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    body = b'[{"name":"X","service":"cart"},{"name":"Y"},7]'
    for _ in range(2):
        answer = await client.post(
            "/v1/intake/alarms", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 202
        assert answer.json() == {
            "accepted": 1,
            "events": 1,
            "rejected": [
                {"index": 1, "pointer": "/1/service", "reason": "missing_field", "detail": "Field required"},
                {
                    "index": 2,
                    "pointer": "/2",
                    "reason": "not_an_object",
                    "detail": "an item is a JSON object",
                },
            ],
            "rejected_count": 2,
            "truncated": 0,
        }
    alarm, first, second, *again = api.publisher.events
    assert isinstance(alarm, AlarmRaw)
    assert isinstance(first, DeadLetter)
    assert isinstance(second, DeadLetter)
    assert (first.message_value, second.message_value) == (b'{"name":"Y"}', b"7")
    assert (first.stage, first.reason, first.source_topic) == ("intake", "missing_field", "http/alarms")
    assert first.headers[0].value == b"application/json"
    assert [one.event_id for one in again] == [alarm.event_id, first.event_id, second.event_id]
    assert first.event_id != second.event_id
    counted = [one for one in api.meter.seen if one[0] == "tocsin_dead_letters_total"]
    assert len(counted) == 4


async def test_dead_letters_of_tenants_have_different_names(api: FakeApi) -> None:
    for tenant in ("acme", "globex"):
        async with client_of(api, f"{tenant}.ingest") as client:
            await client.post("/v1/intake/alarms", json={"name": "X"})
    first, second = api.publisher.events
    assert (first.tenant, second.tenant) == ("acme", "globex")
    assert first.event_id != second.event_id


async def test_nothing_taken_is_a_problem_and_kept_all_the_same(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/v1/intake/changes", json={"service": "cart"})
    assert answer.status_code == 422
    told = answer.json()
    assert told["type"] == "urn:tocsin:problem:nothing-accepted"
    assert told["errors"] == [{"detail": "missing_field: Field required", "pointer": "#/title", "item": 0}]
    assert [type(one) for one in api.publisher.events] == [DeadLetter]


async def test_no_items_are_no_mistake(api: FakeApi, client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/intake/alarms", json=[])
    assert (answer.status_code, answer.json()["accepted"], api.publisher.events) == (202, 0, [])
    assert api.publisher.traceparents == []


async def test_an_idempotency_key_makes_a_repeat_the_first_answer(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await client.post("/v1/intake/alarms", json=ALARM, headers=headers)
    again = await client.post("/v1/intake/alarms", json=ALARM, headers=headers)
    assert first.json() == again.json()
    assert len(api.publisher.events) == 1


async def test_a_large_body_is_parsed_beside_the_loop_and_told_the_same(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    rows = [{**ALARM, "name": f"X{number}", "summary": "s" * 200} for number in range(1000)]
    answer = await client.post("/v1/intake/alarms", json=[*rows, {}])
    assert (answer.json()["accepted"], answer.json()["rejected_count"]) == (1000, 1)
    refused = await client.post("/v1/intake/alarms", content=b"{" * 100_000)
    assert refused.status_code == 415


async def test_remote_write_2_is_told_how_much_was_written(api: FakeApi, client: httpx.AsyncClient) -> None:
    body = snappy(v2_body((CPU, ((NOW_MS, 0.1), (NOW_MS + 1, 0.2)))))
    headers = {**PROTOBUF, "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
    answer = await client.post(WRITE, content=body, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["x-prometheus-remote-write-samples-written"] == "2"
    assert answer.headers["x-prometheus-remote-write-histograms-written"] == "0"


async def test_a_partial_write_is_400_with_what_was_written(api: FakeApi, client: httpx.AsyncClient) -> None:
    body = snappy(v1_body((CPU, ((NOW_MS, 0.1), (-1, 0.2))), histograms=1))
    answer = await client.post(WRITE, content=body, headers=PROTOBUF)
    assert answer.status_code == 400
    assert answer.headers["x-prometheus-remote-write-samples-written"] == "1"
    told = answer.json()
    assert (told["type"], told["accepted"], told["rejected_count"]) == (
        "urn:tocsin:problem:partial-write",
        1,
        2,
    )
    assert {one["pointer"] for one in told["errors"]} == {
        "#/timeseries/0/histograms/0",
        "#/timeseries/0/samples/1",
    }
    assert sorted(type(one).__name__ for one in api.publisher.events) == ["DeadLetter", "KpiBatch"]


async def test_a_counter_goes_on_from_one_request_to_the_next(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    await client.post(WRITE, content=written(api, 0, 10.0), headers=PROTOBUF)
    api.publisher.failure = UnavailableError("gone")
    lost = await client.post(WRITE, content=written(api, 10, 60.0), headers=PROTOBUF)
    api.publisher.failure = None
    again = await client.post(WRITE, content=written(api, 10, 60.0), headers=PROTOBUF)
    assert (lost.status_code, again.status_code) == (503, 204)
    (batch,) = api.publisher.events
    assert isinstance(batch, KpiBatch)
    assert batch.series[0].values == (5.0,)


@pytest.mark.parametrize("kind", ["application/json", "application/x-protobuf"])
async def test_otlp_is_answered_in_its_own_encoding(
    api: FakeApi, client: httpx.AsyncClient, kind: str
) -> None:
    name = "json" if "json" in kind else "protobuf"
    answer = await post(client, f"otlp metrics {name}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    if name == "protobuf":
        assert not ExportMetricsServiceResponse.FromString(answer.content).HasField("partial_success")
    else:
        assert answer.json() == {}


async def test_otlp_tells_of_partial_success(api: FakeApi, client: httpx.AsyncClient) -> None:
    record = {"timeUnixNano": str(2**63), "body": {"stringValue": "x"}}
    records = [{"body": {"stringValue": "good"}}, *[record] * 5]
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
    answer = await client.post("/v1/otlp/v1/logs", json=body)
    told = answer.json()["partialSuccess"]
    assert (answer.status_code, told["rejectedLogRecords"]) == (200, "5")
    assert told["errorMessage"].startswith("/resourceLogs/0/scopeLogs/0/logRecords/1/timeUnixNano: time_out")
    assert told["errorMessage"].endswith("and 2 more")
    points = [{"asDouble": 1, "timeUnixNano": "1"}, {"asDouble": 1, "timeUnixNano": str(2**63)}]
    metric = {
        "resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", "gauge": {"dataPoints": points}}]}]}]
    }
    rejected = (await client.post("/v1/otlp/v1/metrics", json=metric)).json()["partialSuccess"]
    assert rejected["rejectedDataPoints"] == "1"
    empty = await client.post(
        "/v1/otlp/v1/logs", content=b"", headers={"content-type": "application/x-protobuf"}
    )
    assert ExportLogsServiceResponse.FromString(empty.content) == ExportLogsServiceResponse()


async def test_a_body_longer_than_it_may_be_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/intake/kpis", content=b" " * 4_200_000, headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:tocsin:problem:too-large")


async def test_the_document_names_what_each_route_takes(client: httpx.AsyncClient, api: FakeApi) -> None:
    from api.app import create_app  # noqa: PLC0415 - only here

    document = json.loads(json.dumps(create_app(api.options, api.deps).openapi()))
    paths = {sent.path for sent in REQUESTS.values()}
    for path in paths:
        body = document["paths"][path]["post"]["requestBody"]["content"]
        assert body
        for sent in REQUESTS.values():
            if sent.path == path:
                assert sent.headers["content-type"].partition(";")[0] in body
