"""The registry's routes over ASGI in memory; the stock client reads them in tests/integration/api_reads."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from schemas.access import Role
from schemas.registry import builtin_registry
from tests.fakes.api import client_of, make_api

EVIDENCE = builtin_registry().current["evidence"]
MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


async def _get(path: str) -> tuple[int, Any]:
    async with client_of(make_api(), "acme.ingest") as client:
        answer = await client.get(f"/registry{path}")
        assert answer.headers["content-type"] == MEDIA_TYPE
        return answer.status_code, answer.json()


async def _post(path: str, body: Any) -> tuple[int, Any]:
    async with client_of(make_api(), "acme.viewer") as client:
        answer = await client.post(
            f"/registry{path}", content=json.dumps(body), headers={"Content-Type": MEDIA_TYPE}
        )
        assert answer.headers["content-type"] == MEDIA_TYPE
        return answer.status_code, answer.json()


@pytest.mark.parametrize("role", Role)
async def test_every_key_may_read_schemas(role: Role) -> None:
    async with client_of(make_api(), f"acme.{role.value}") as client:
        assert (await client.get("/registry/subjects")).status_code == 200


@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        ("any:acme.viewer", 200),
        ("acme.viewer:", 200),
        ("acme.viewer", 200),
        ("acme.viewer:x", 401),
        (":", 401),
    ],
)
async def test_user_and_password_open_it(credentials: str, status: int) -> None:
    encoded = base64.b64encode(credentials.encode()).decode()
    async with client_of(make_api(), "") as client:
        answer = await client.get("/registry/config", headers={"Authorization": f"Basic {encoded}"})
        broken = await client.get("/registry/config", headers={"Authorization": "Basic ~~~"})

    assert (answer.status_code, broken.status_code) == (status, 401)


async def test_everything_that_is_read_has_the_registrys_form() -> None:
    assert await _get("/schemas/types") == (200, ["AVRO"])
    assert await _get("/config") == (200, {"compatibilityLevel": "BACKWARD"})
    assert await _get("/config/evidence-value") == (200, {"compatibilityLevel": "BACKWARD"})
    assert await _get("/config/x?defaultToGlobal=true") == (200, {"compatibilityLevel": "BACKWARD"})
    assert await _get("/mode") == (200, {"mode": "READONLY"})
    assert await _get("/mode/evidence-value") == (200, {"mode": "READONLY"})
    assert await _get("/subjects?subjectPrefix=evi") == (200, ["evidence-value"])
    assert await _get("/subjects?offset=1&limit=1") == (200, ["alarms.raw-value"])
    assert await _get("/subjects/evidence-value/versions") == (200, [1])
    status, version = await _get("/subjects/evidence-value/versions/latest")
    assert (status, version["id"], version["version"], version["schemaType"]) == (200, EVIDENCE.id, 1, "AVRO")
    assert json.loads(version["schema"]) == EVIDENCE.schema
    assert await _get("/subjects/evidence-value/versions/1/schema") == (200, EVIDENCE.schema)
    status, schema = await _get(f"/schemas/ids/{EVIDENCE.id}?subject=evidence-value&format=")
    assert (status, json.loads(schema["schema"])) == (200, EVIDENCE.schema)
    assert await _get(f"/schemas/ids/{EVIDENCE.id}/schema") == (200, EVIDENCE.schema)
    assert await _get(f"/schemas/ids/{EVIDENCE.id}/versions") == (
        200,
        [{"subject": "evidence-value", "version": 1}],
    )
    assert await _get(f"/schemas/ids/{EVIDENCE.id}/subjects") == (200, ["evidence-value"])


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/subjects/x/versions", 404, 40401),
        ("/subjects/evidence-value/versions/2", 404, 40402),
        ("/subjects/evidence-value/versions/zero", 422, 42202),
        ("/schemas/ids/1", 404, 40403),
        ("/schemas/ids/1/versions", 404, 40403),
        ("/schemas/ids/one", 422, 422),
        ("/config/x", 404, 40408),
        ("/subjects?limit=many", 422, 422),
    ],
)
async def test_refusals_have_the_registrys_form(path: str, status: int, code: int) -> None:
    answered, body = await _get(path)

    assert (answered, body["error_code"]) == (status, code)
    assert set(body) == {"error_code", "message"}


async def test_schemas_are_looked_up_and_compared() -> None:
    whole = {"schema": json.dumps(EVIDENCE.schema), "schemaType": "AVRO", "references": []}
    more = {**EVIDENCE.schema, "fields": [*EVIDENCE.schema["fields"], {"name": "more", "type": "string"}]}
    broken = {"schema": json.dumps(more)}
    compare = "/compatibility/subjects/evidence-value/versions"

    status, found = await _post("/subjects/evidence-value?normalize=False&deleted=False", whole)
    assert (status, found["id"], found["version"]) == (200, EVIDENCE.id, 1)
    assert await _post("/subjects/evidence-value/versions?normalize=False", whole) == (
        200,
        {"id": EVIDENCE.id},
    )
    assert await _post(f"{compare}/latest", whole) == (200, {"is_compatible": True})
    assert await _post(f"{compare}?verbose=true", whole) == (200, {"is_compatible": True, "messages": []})
    status, verdict = await _post(f"{compare}/1?verbose=true", broken)
    assert (status, verdict["is_compatible"]) == (200, False)
    assert verdict["messages"] == ["event.more: added without a default"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/subjects/x", {"schema": "{}"}, 404, 40401),
        ("/subjects/evidence-value", {"schema": "{"}, 422, 42201),
        ("/subjects/evidence-value", {}, 422, 422),
        ("/subjects/evidence-value", {"schema": "{}", "schemaType": "PROTOBUF"}, 422, 422),
        ("/subjects/evidence-value", [], 422, 422),
        ("/subjects/new/versions", {"schema": '{"type":"record","name":"A","fields":[]}'}, 422, 42205),
        ("/compatibility/subjects/x/versions/1", {"schema": "{}"}, 404, 40401),
        ("/compatibility/subjects/evidence-value/versions/9", {"schema": "{}"}, 404, 40402),
    ],
)
async def test_what_is_sent_and_wrong_is_refused_in_its_form(
    path: str, body: Any, status: int, code: int
) -> None:
    answered, refusal = await _post(path, body)

    assert (answered, refusal["error_code"]) == (status, code)
