"""Every operation of the document, asked by nobody, with bad keys, and by each role: 401, 403, or let in."""

from __future__ import annotations

import base64
import re
from typing import Any, Final

import httpx
import pytest

from schemas.access import PERMISSIONS, Permission, Role
from schemas.events import Audit
from tests.contract.api.full_api import full_api
from tests.fakes.api import FakeApi, client_of

OPEN: Final = {"/health", "/ready", "/health/detailed"}
ANYBODY: Final = ("/registry", "/v1/me")
NEEDED: Final[tuple[tuple[str, str, Permission], ...]] = (
    ("GET", "/metrics", Permission.OPERATE),
    ("POST", "/v1/intake", Permission.INGEST),
    ("POST", "/v1/otlp", Permission.INGEST),
    ("GET", "/v1/evidence", Permission.EVIDENCE),
    ("GET", "/v1/reports", Permission.REPORT),
    ("GET", "/v1/costs", Permission.COSTS),
    ("(GET|POST)", "/v1/investigations/[^/]+/feedback", Permission.REPORT),
    ("POST", "/v1/investigations", Permission.INVESTIGATE),
    ("GET", "/v1/", Permission.READ),
    ("(POST|PUT|DELETE)", "/v1/(silences|policies|runbooks|topology)", Permission.CONFIGURE),
)
"""The first that fits an operation says what it needs."""

HOME_ONLY: Final = "/v1/tenants"
"""For admins of the installation's own tenant, whatever else they may."""

Operation = tuple[str, str]
IDS: Final = {"investigation_id": "inv_2", "incident_id": "inc_1", "topic": "alarms.raw"}


@pytest.fixture
async def api() -> FakeApi:
    return full_api()


@pytest.fixture
async def operations(api: FakeApi) -> list[Operation]:
    async with client_of(api) as client:
        paths: dict[str, Any] = (await client.get("/openapi.json")).json()["paths"]
    found = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    assert len(found) > 60
    return [one for one in found if one[1] not in OPEN]


def may(role: Role, tenant: str, operation: Operation) -> bool:
    if operation[1].startswith(HOME_ONLY):
        return role is Role.ADMIN and tenant == "default"
    permission = needed(operation)
    return permission is None or permission in PERMISSIONS[role]


def address(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda name: IDS.get(name[1], "x"), path)


def needed(operation: Operation) -> Permission | None:
    """Return what an operation needs, None where any key will do. Whoever adds a route decides it here, too."""
    method, path = operation
    if path.startswith(ANYBODY):
        return None
    for methods, prefix, permission in NEEDED:
        if re.fullmatch(methods, method) and re.match(prefix, path):
            return permission
    pytest.fail(f"nobody has said who may {method} {path}")


def bad_keys() -> list[dict[str, str]]:
    user = base64.b64encode(b"acme:wrong").decode()
    return [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {user}"},
        {"Authorization": "Negotiate acme.admin"},
        {"X-API-Key": "acme.king"},
        {"Cookie": "key=acme.admin"},
    ]


def is_problem(answer: httpx.Response, status: int, slug: str) -> bool:
    told = (answer.status_code, answer.headers["content-type"], answer.json()["type"])
    return told == (status, "application/problem+json", f"urn:tocsin:problem:{slug}")


async def test_without_a_good_key_everything_is_refused(api: FakeApi, operations: list[Operation]) -> None:
    async with client_of(api, "") as client:
        for method, path in operations:
            for headers in bad_keys():
                answer = await client.request(method, address(path), headers=headers)
                assert is_problem(answer, 401, "unauthenticated"), (method, path, headers, answer.text)
                assert answer.headers["www-authenticate"].startswith("Bearer")
            asked = await client.request(method, address(path), params={"api_key": "acme.admin"})
            assert asked.status_code == 401, "a key in an address is in every log"
    assert api.publisher.events == []


@pytest.mark.parametrize("tenant", ["acme", "default"])
@pytest.mark.parametrize("role", Role)
async def test_a_role_is_let_in_where_it_may(
    api: FakeApi, operations: list[Operation], role: Role, tenant: str
) -> None:
    async with client_of(api, f"{tenant}.{role.value}") as client:
        for method, path in operations:
            allowed = may(role, tenant, (method, path))
            before = len(api.publisher.events)
            answer = await client.request(method, address(path), json={})
            if allowed:
                assert answer.status_code not in {401, 403}, (method, path, answer.text)
                continue
            assert is_problem(answer, 403, "forbidden"), (method, path, answer.text)
            told = [one for one in api.publisher.events[before:] if isinstance(one, Audit)]
            assert [one.allowed for one in told] == ([False] if method != "GET" else []), (method, path)


async def test_what_is_another_tenants_is_as_good_as_nothing(
    api: FakeApi, operations: list[Operation]
) -> None:
    """With ids that `acme` has, a stranger finds what everybody finds who asks for nothing."""
    async with client_of(api, "other.admin") as client:
        for method, path in operations:
            answer = await client.request(method, address(path), json={})
            assert "inv_1" not in answer.text or answer.status_code == 404, (method, path)
            if path.startswith(HOME_ONLY):
                assert answer.status_code == 403
            if "_id}" in path and "schema_id" not in path:
                assert answer.status_code in {404, 422}, (method, path, answer.text)


async def test_health_tells_nobody_what_is_wrong_and_hides_from_a_bad_key(api: FakeApi) -> None:
    async with client_of(api, "") as client:
        for path in OPEN:
            assert (await client.get(path)).status_code == 200
        refused = await client.get("/health/detailed", headers={"X-API-Key": "wrong"})
        assert refused.status_code == 401
