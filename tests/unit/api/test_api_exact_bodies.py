"""What callers send is taken as it is documented, and what an address takes is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.fakes.api import FakeApi, client_of, make_api

SILENCE: dict[str, Any] = {
    "matchers": [{"field": "service", "value": "cart"}],
    "starts_at": "2026-03-01T10:00:00Z",
    "ends_at": "2026-03-01T12:00:00+01:00",
}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    api: FakeApi = make_api()
    async with client_of(api) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/policies", {"policy_id": "a", "rank": True}),
        ("/v1/policies", {"policy_id": "a", "rank": "1"}),
        ("/v1/policies", {"policy_id": "a", "enabled": 1}),
        ("/v1/policies", {"policy_id": "a", "enabled": "yes"}),
        ("/v1/policies", {"policy_id": "a", "defer_s": False}),
        ("/v1/policies", {"policy_id": "a", "cooldown_s": "60"}),
        ("/v1/silences", SILENCE | {"starts_at": 0}),
        ("/v1/silences", SILENCE | {"starts_at": "0"}),
        ("/v1/silences", SILENCE | {"starts_at": "2026-03-01"}),
        ("/v1/silences", SILENCE | {"starts_at": "2026-03-01T10:00:00"}),
        ("/v1/investigations", {"service": "cart", "at": 1772366220}),
    ],
)
async def test_what_only_looks_like_it_is_refused(
    client: httpx.AsyncClient, path: str, body: dict[str, Any]
) -> None:
    answer = await client.post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


async def test_a_number_beyond_all_numbers_is_refused(client: httpx.AsyncClient) -> None:
    text = '{"policy_id": "a", "cooldown_s": 1e400}'
    answer = await client.post("/v1/policies", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}, answer.text


async def test_a_whole_number_is_a_number_of_seconds(client: httpx.AsyncClient) -> None:
    made = await client.post("/v1/policies", json={"policy_id": "a", "defer_s": 3, "lead_s": None})
    assert (made.status_code, made.json()["defer_s"], made.json()["lead_s"]) == (201, 3.0, None)


async def test_an_instant_is_kept_in_utc(client: httpx.AsyncClient) -> None:
    made = await client.post("/v1/silences", json=SILENCE)
    assert (made.status_code, made.json()["ends_at"]) == (201, "2026-03-01T11:00:00Z")


@pytest.mark.parametrize("start", ["0.5", "1772366220", "yesterday", "2026-03-01T10:00:00"])
async def test_a_range_is_told_by_instants(client: httpx.AsyncClient, start: str) -> None:
    answer = await client.get("/v1/incidents", params={"start": start})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "start"
    assert (await client.get("/v1/incidents", params={"start": "2026-03-01T10:00:00Z"})).status_code == 200


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/silences", "GET, POST"),
        ("/v1/silences/a", "GET, PUT, DELETE"),
        ("/v1/topology", "GET, PUT, DELETE"),
        ("/registry/subjects/a/versions", "GET, POST"),
        ("/v1/me", "GET"),
        ("/openapi.json", "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_there_tells_those_that_are(
    client: httpx.AsyncClient, path: str, allowed: str
) -> None:
    for method in ("PATCH", "BREW"):
        answer = await client.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.headers["content-type"] == "application/problem+json"
