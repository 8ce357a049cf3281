from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Sequence

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import create_app
from api.http.readiness import Readiness
from schemas.errors import UnavailableError
from tests.fakes.api import FakeProbe, ManualClock, client_of, make_api


async def test_alive_is_alive_whatever_is_away() -> None:
    probe = FakeProbe(outcome=UnavailableError("gone"))
    api = make_api([probe])
    async with client_of(api, "") as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": "0.0.0-test"})
    assert probe.asked == 0


async def test_ready_needs_every_part_and_says_which_is_missing() -> None:
    broker, redis = FakeProbe("broker"), FakeProbe("redis")
    api = make_api([broker, redis])
    async with client_of(api, "") as client:
        assert (await client.get("/ready")).json() == {
            "status": "ready",
            "parts": {"broker": True, "redis": True},
        }
        redis.outcome = UnavailableError("10.0.0.7 refuses")
        api.clock.pass_s(1.5)
        answer = await client.get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not_ready", "parts": {"broker": True, "redis": False}}


async def test_what_is_wrong_is_told_to_whom_it_may() -> None:
    api = make_api([FakeProbe("redis", UnavailableError("10.0.0.7 refuses")), FakeProbe("sql", "answers")])
    for key, details in (
        ("", ["ask with a key that may operate", ""]),
        ("acme.viewer", ["ask with a key that may operate", ""]),
        ("acme.sre", ["10.0.0.7 refuses", "answers"]),
    ):
        async with client_of(api, key) as client:
            answer = await client.get("/health/detailed")
        assert answer.status_code == 503
        assert [part["detail"] for part in answer.json()["parts"].values()] == details


async def test_a_process_that_stops_is_not_ready() -> None:
    api = make_api([FakeProbe()])
    api.deps.stopping.set()
    async with client_of(api, "") as client:
        answer = await client.get("/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "stopping")
        assert (await client.get("/health")).status_code == 200


async def test_probes_are_asked_once_for_all_who_ask_within_a_second() -> None:
    clock, probe = ManualClock(), FakeProbe()
    readiness = Readiness([probe], clock, timeout_s=1.0, keep_s=1.0)
    await asyncio.gather(*(readiness.look() for _ in range(20)))
    assert probe.asked == 1
    clock.pass_s(1.0)
    await readiness.look()
    assert probe.asked == 2


async def test_a_probe_that_hangs_is_given_up_and_holds_nobody_up() -> None:
    readiness = Readiness(
        [FakeProbe("slow", hangs=True), FakeProbe("quick")], ManualClock(), timeout_s=0.05, keep_s=1.0
    )
    slow, quick = await readiness.look()
    assert (slow.ready, slow.detail) == (False, "no answer within 0.05 s")
    assert (quick.ready, quick.detail) == (True, "fine")


async def test_metrics_want_a_key_that_may_operate() -> None:
    api = make_api()
    for key, status in (("acme.sre", 200), ("acme.viewer", 403)):
        async with client_of(api, key) as client:
            answer = await client.get("/metrics")
        assert answer.status_code == status
    async with client_of(api) as client:
        answer = await client.get("/metrics")
    assert (answer.text, answer.headers["content-type"][:25]) == (
        "tocsin_up 1\n",
        "text/plain; version=1.0.0",
    )


async def test_the_document_is_openapi_3_1_and_whole() -> None:
    api = make_api()
    async with client_of(api) as client:
        document = (await client.get("/openapi.json")).json()
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")
    operations = {
        (path, method): operation
        for path, of_path in document["paths"].items()
        for method, operation in of_path.items()
    }
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names) >= 25
    for (path, method), operation in operations.items():
        if not path.startswith("/v1"):
            continue
        for status in ("401", "403", "429", "500", "503"):
            content = operation["responses"][status]["content"]
            assert list(content) == ["application/problem+json"], (path, method, status)
        if method == "post":
            assert "Idempotency-Key" in {one["name"] for one in operation.get("parameters", ())}, path
        if path.startswith(("/v1/silences", "/v1/policies", "/v1/runbooks", "/v1/topology")):
            wants_tag = method in {"put", "delete"}
            assert ("428" in operation["responses"]) == wants_tag, (path, method)
    assert document["security"] == [{"bearer": []}, {"apiKey": []}]
    assert {path for (path, _), one in operations.items() if one.get("security") == []} == {
        "/health",
        "/ready",
    }


async def test_every_route_is_ours_and_names_its_path_in_full() -> None:
    api = make_api()
    app = create_app(api.options, api.deps)
    document = app.openapi()
    for path in document["paths"]:
        assert path.startswith(("/v1/", "/health", "/ready", "/metrics", "/registry/"))
    assert not [one for one in app.routes if isinstance(one, APIRoute) and one.path.startswith("/docs")]


@pytest.mark.parametrize(
    ("accept", "kind"), [("text/markdown", "text/markdown"), ("*/*", "application/json")]
)
async def test_the_format_that_is_wanted(accept: str, kind: str) -> None:
    from starlette.requests import Request  # noqa: PLC0415 - only here

    from api.http.negotiation import choose  # noqa: PLC0415 - as above

    request = Request({"type": "http", "headers": [(b"accept", accept.encode())]})
    assert choose(request, ("application/json", "text/markdown", "text/html")) == kind


async def test_no_dependency_is_run_in_a_thread() -> None:
    api = make_api()
    app = create_app(api.options, api.deps)
    called = [one for route in _api_routes(app.routes) for one in _dependencies(route.dependant)]
    assert len(called) > 50
    assert {one.__name__ for one in called if not inspect.iscoroutinefunction(one)} == set()


def _api_routes(routes: Sequence[object]) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        elif (included := getattr(route, "original_router", None)) is not None:
            yield from _api_routes(included.routes)


def _dependencies(dependant: Dependant) -> Iterator[Callable[..., object]]:
    for inner in dependant.dependencies:
        assert inner.call is not None
        yield inner.call
        yield from _dependencies(inner)
