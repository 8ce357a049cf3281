"""What holds for every request: who may come in, how errors look, what is told of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog

from api.app import create_app
from api.http.route import api_router
from schemas.errors import (
    BudgetExceededError,
    ConfigurationError,
    IntegrityError,
    InvalidEventError,
    InvalidRequestError,
    LeaseLostError,
    NotFoundError,
    RateLimitedError,
    TerminalError,
    TocsinError,
    UnavailableError,
)
from tests.fakes.api import TRACE, FakeApi, client_of, make_api

SILENCE: dict[str, Any] = {
    "matchers": [{"field": "service", "value": "cart"}],
    "starts_at": "2026-03-01T10:00:00Z",
    "ends_at": "2026-03-01T12:00:00Z",
}


@pytest.fixture
async def api() -> FakeApi:
    return make_api()


@pytest.fixture
async def client(api: FakeApi) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api) as client:
        yield client


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """Return the document, which must be one, of this kind."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert (document["type"], document["status"]) == (f"urn:tocsin:problem:{slug}", status)
    assert document["title"]
    assert document["instance"] == f"urn:tocsin:request:{answer.headers['x-request-id']}"
    assert re.fullmatch(r"[0-9a-f]{32}", document["trace_id"])
    return document


PATHS = ["/v1/silences", "/v1/me", "/metrics", "/openapi.json", "/nothing", "/v1/policies/x", "/docs"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"X-API-Key": ""}])
async def test_nothing_is_open_without_a_key(api: FakeApi, path: str, headers: dict[str, str]) -> None:
    async with client_of(api, "") as stranger:
        answer = await stranger.get(path, headers=headers)
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_wrong_key_is_no_key_also_where_none_is_needed(api: FakeApi) -> None:
    async with client_of(api, "nonsense") as stranger:
        problem(await stranger.get("/v1/silences"), 401, "unauthenticated")
        problem(await stranger.get("/health/detailed"), 401, "unauthenticated")


async def test_a_key_may_come_in_either_header(api: FakeApi) -> None:
    async with client_of(api, "") as client:
        for headers in ({"X-API-Key": "acme.viewer"}, {"Authorization": "bearer acme.viewer"}):
            assert (await client.get("/v1/me", headers=headers)).json()["tenant"] == "acme"


async def test_an_unread_body_of_a_stranger_is_not_parsed(api: FakeApi) -> None:
    async with client_of(api, "") as stranger:
        problem(await stranger.post("/v1/silences", content=b"{not json"), 401, "unauthenticated")


async def test_what_is_not_there_and_what_cannot_be_done_there(client: httpx.AsyncClient) -> None:
    problem(await client.get("/v1/nothing"), 404, "not-found")
    answer = await client.patch("/v1/silences")
    problem(answer, 405, "method-not-allowed")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("content", "media_type", "status", "slug"),
    [
        (b"{", "application/json", 400, "invalid-json"),
        (b"\xff\xfe", "application/json", 400, "invalid-json"),
        (b"{}", "text/plain", 415, "unsupported-media-type"),
        (b"{}", "", 415, "unsupported-media-type"),
        (b"", "application/json", 422, "invalid-request"),
        (b"{}", "application/json", 422, "invalid-request"),
        (b'{"a": ' * 40 + b"1" + b"}" * 40, "application/json", 422, "too-deep"),
        (b"[" * 100_000, "application/json", 400, "invalid-json"),
        (b" " * 5_000_000, "application/json", 413, "too-large"),
    ],
)
async def test_bodies_that_cannot_be_used(
    client: httpx.AsyncClient, content: bytes, media_type: str, status: int, slug: str
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    problem(await client.post("/v1/silences", content=content, headers=headers), status, slug)


async def test_json_of_another_kind_is_json(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/vnd.acme+json; charset=utf-8"}
    assert (await client.post("/v1/silences", json=SILENCE, headers=headers)).status_code == 201


async def test_a_body_is_counted_as_it_comes() -> None:
    api = make_api(max_body=1_000)

    async def dripping() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 100

    async with client_of(api) as client:
        headers = {"Content-Type": "application/json"}
        answer = await client.post("/v1/silences", content=dripping(), headers=headers)
        problem(answer, 413, "too-large")
        assert answer.headers["connection"] == "close"


async def test_each_thing_that_is_wrong_is_pointed_at(client: httpx.AsyncClient) -> None:
    wrong = {
        "matchers": [{"field": ""}, SILENCE["matchers"][0]],
        "starts_at": "yesterday",
        "more/than~this": 1,
    }
    errors = problem(await client.post("/v1/silences", json=wrong), 422, "invalid-request")["errors"]
    assert {one["pointer"] for one in errors} == {
        "#/matchers/0/field",
        "#/matchers/0/value",
        "#/starts_at",
        "#/ends_at",
        "#/more~1than~0this",
    }
    errors = problem(await client.get("/v1/silences", params={"limit": 0}), 422, "invalid-request")["errors"]
    assert [one["parameter"] for one in errors] == ["limit"]


@pytest.mark.parametrize(
    ("error", "status", "slug", "told"),
    [
        (UnavailableError("redis at 10.0.0.1"), 503, "unavailable", False),
        (LeaseLostError("w1"), 503, "unavailable", False),
        (RateLimitedError("slow", retry_after_s=7.2), 503, "unavailable", False),
        (InvalidEventError("bad magic", reason="bad_magic"), 422, "invalid-event", True),
        (InvalidRequestError("from is after to", cure="Swap them."), 422, "invalid-request", True),
        (NotFoundError("no inc_1"), 404, "not-found", True),
        (BudgetExceededError("nothing left"), 429, "budget-exceeded", True),
        (ConfigurationError("no /etc/secret"), 500, "internal", False),
        (IntegrityError("row 7 twice"), 500, "internal", False),
        (TerminalError("broker says no"), 500, "internal", False),
        (TocsinError("anything"), 500, "internal", False),
        (ValueError("a secret"), 500, "internal", False),
        (KeyError("password"), 500, "internal", False),
        (RecursionError("deep"), 500, "internal", False),
    ],
)
async def test_every_error_is_a_problem_and_tells_nothing_internal(
    api: FakeApi, error: Exception, status: int, slug: str, told: bool
) -> None:
    router = api_router("/boom", "tests")

    @router.get("")
    async def boom() -> None:
        raise error

    app = create_app(api.options, api.deps)
    app.include_router(router)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        answer = await client.get("/v1/boom", headers={"X-API-Key": "acme.admin"})
    document = problem(answer, status, slug)
    assert (str(error) == document["detail"]) == told
    assert (str(error.args[0]) in answer.text) == told
    if status == 503:
        assert answer.headers["retry-after"] == ("8" if isinstance(error, RateLimitedError) else "5")
    if isinstance(error, InvalidEventError):
        assert document["reason"] == "bad_magic"
    if isinstance(error, TocsinError) and told:
        assert document.get("cure", "") == error.cure


async def test_what_is_ours_to_repair_is_logged_with_its_trace(api: FakeApi) -> None:
    api.publisher.failure = RuntimeError("unforeseen")
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        async with client_of(api) as client:
            answer = await client.post("/v1/silences", json=SILENCE, headers={"X-Request-Id": "mine-1"})
    problem(answer, 500, "internal")
    (failure,) = [one for one in logged if one["event"] == "request_failed"]
    assert (failure["trace"], failure["request_id"]) == (TRACE, "mine-1")
    assert failure["exc_info"] is api.publisher.failure


async def test_each_request_is_told_and_measured_once(api: FakeApi) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        async with client_of(api) as client:
            await client.get("/v1/silences/sil_1")
            await client.request("BREW", "/v1/silences")
            await client.get("/health")
    told = [(one["route"], one["method"], one["status"], one["tenant"]) for one in logged]
    assert told == [
        ("/v1/silences/{silence_id}", "GET", 404, "acme"),
        ("/v1/silences", "other", 405, "acme"),
        ("/health", "GET", 200, ""),
    ]
    counted = [labels for name, _, labels in api.meter.seen if name == "tocsin_api_requests_total"]
    assert [(one["route"], one["status"]) for one in counted] == [
        ("/v1/silences/{silence_id}", "4xx"),
        ("/v1/silences", "4xx"),
        ("/health", "2xx"),
    ]
    assert sum(name == "tocsin_api_request_seconds" for name, _, _ in api.meter.seen) == 3
    assert structlog.contextvars.get_contextvars() == {}


@pytest.mark.parametrize(
    ("sent", "kept"), [("a.b-c_1", True), ("x" * 65, False), ("a b", False), ("a\tb", False), ("", False)]
)
async def test_a_plain_request_id_is_kept(client: httpx.AsyncClient, sent: str, kept: bool) -> None:
    answer = await client.get("/health", headers={"X-Request-Id": sent})
    assert (answer.headers["x-request-id"] == sent) == kept


async def test_events_are_published_in_the_callers_trace(api: FakeApi, client: httpx.AsyncClient) -> None:
    parent = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    await client.post("/v1/silences", json=SILENCE, headers={"traceparent": parent})
    await client.post("/v1/silences", json=SILENCE, headers={"traceparent": "00-" + "0" * 32 + "-x"})
    assert [one[3:35] for one in api.publisher.traceparents] == ["ab" * 16, TRACE]


async def test_the_rate_is_told_and_held(api: FakeApi, client: httpx.AsyncClient) -> None:
    api.limiter.left = 1
    answer = await client.get("/v1/me")
    assert answer.headers["ratelimit"] == '"key";r=0;t=1'
    assert answer.headers["ratelimit-policy"] == '"key";q=10000;w=60'
    refused = await client.get("/v1/me")
    problem(refused, 429, "rate-limited")
    assert (refused.headers["retry-after"], refused.headers["ratelimit"]) == ("7", '"key";r=0;t=7')
    assert (await client.get("/health")).status_code == 200


async def test_a_repeat_with_its_key_is_answered_as_the_first(
    api: FakeApi, client: httpx.AsyncClient
) -> None:
    key = {"Idempotency-Key": "one"}
    first = await client.post("/v1/silences", json=SILENCE, headers=key)
    again = await client.post("/v1/silences", json=SILENCE, headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert [again.headers[name] for name in ("etag", "location")] == [
        first.headers[name] for name in ("etag", "location")
    ]
    assert len(api.documents.bodies) == len(api.publisher.events) == 1
    other = await client.post("/v1/silences", json=SILENCE | {"comment": "x"}, headers=key)
    problem(other, 422, "idempotency-key-reused")
    problem(await client.post("/v1/runbooks", json=SILENCE, headers=key), 422, "idempotency-key-reused")
    async with client_of(api, "other.admin") as stranger:
        theirs = await stranger.post("/v1/silences", json=SILENCE, headers=key)
        assert theirs.status_code == 201
        assert theirs.json()["silence_id"] != first.json()["silence_id"]


async def test_a_key_is_given_back_when_nothing_was_made(api: FakeApi, client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "one"}
    problem(await client.post("/v1/silences", json={}, headers=key), 422, "invalid-request")
    api.publisher.failure = UnavailableError("away")
    problem(await client.post("/v1/silences", json=SILENCE, headers=key), 503, "unavailable")
    api.publisher.failure = None
    assert (await client.post("/v1/silences", json=SILENCE, headers=key)).status_code == 201


async def test_a_key_at_work_and_one_that_is_none(api: FakeApi, client: httpx.AsyncClient) -> None:
    first = await client.post("/v1/silences", json=SILENCE, headers={"Idempotency-Key": "one"})
    assert first.status_code == 201
    fingerprint, _ = api.requests.kept.pop(("acme", "one"))
    api.requests.running["acme", "one"] = fingerprint
    busy = await client.post("/v1/silences", json=SILENCE, headers={"Idempotency-Key": "one"})
    problem(busy, 409, "request-in-progress")
    assert busy.headers["retry-after"] == "1"
    for bad in ("", "a b", "x" * 256, "\x7f"):
        answer = await client.post("/v1/silences", json=SILENCE, headers={"Idempotency-Key": bad})
        assert problem(answer, 422, "invalid-request")["errors"][0]["parameter"] == "Idempotency-Key"


async def test_an_answer_may_be_kept_by_nobody_else(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/v1/me")).headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
