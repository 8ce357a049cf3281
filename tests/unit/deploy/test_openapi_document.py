from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from docs import openapi


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return dict(asyncio.run(openapi.document("1.2.3")))


def test_the_document_is_valid_openapi_3_1(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1")
    assert described["info"]["version"] == "1.2.3"
    assert [error.message for error in OpenAPIV31SpecValidator(described).iter_errors()] == []


def test_the_validator_sees_what_is_broken(described: dict[str, Any]) -> None:
    broken = json.loads(json.dumps(described))
    del broken["info"]["title"]
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


def test_the_address_that_the_image_is_asked_for_its_health_is_in_it(described: dict[str, Any]) -> None:
    assert "get" in described["paths"]["/health"]
    assert described["paths"]["/health"]["get"]["security"] == []


def test_the_registry_that_asyncapi_names_is_in_it(described: dict[str, Any]) -> None:
    assert {"/registry/subjects", "/registry/schemas/ids/{schema_id}"} <= set(described["paths"])


def test_operations_have_names_of_their_own(described: dict[str, Any]) -> None:
    names = [
        one["operationId"]
        for operations in described["paths"].values()
        for method, one in operations.items()
        if method in {"get", "put", "post", "delete", "patch"}
    ]
    assert len(names) == len(set(names)) > 20


def test_the_files_written_hold_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = (tmp_path / "build" / "openapi.json", tmp_path / "site" / "openapi.json")
    monkeypatch.setattr(openapi, "_WRITTEN_TO", targets)
    openapi.main()
    read = [json.loads(path.read_text(encoding="utf-8")) for path in targets]
    assert read[0] == read[1]
    assert read[0]["openapi"].startswith("3.1")
