"""A parameter that a route does not know is refused, so that a misspelt filter cannot pass for an answer."""

from __future__ import annotations

import pytest

from tests.fakes.api import client_of, make_api


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/v1/costs?group_by=step", "group_by"),
        ("/v1/incidents?sevrity=critical&limit=1", "sevrity"),
        ("/v1/silences?x=1&y=2", "x, y"),
        ("/health?verbose", None),
    ],
)
async def test_it_is_named_with_those_that_are_known(path: str, named: str | None) -> None:
    async with client_of(make_api(), "acme.admin") as client:
        answer = await client.get(path)
    assert answer.status_code == (422 if named else 200), answer.text
    if named:
        problem = answer.json()
        assert problem["type"] == "urn:tocsin:problem:unknown-parameter"
        assert problem["detail"] == f"There is no parameter {named} here."
        assert problem["cure"].startswith("Known are: ")


async def test_parameters_of_what_a_route_depends_on_are_known() -> None:
    async with client_of(make_api(), "acme.admin") as client:
        answer = await client.get("/v1/incidents?limit=1&order=asc&sort=opened")
    assert answer.json().get("type") != "urn:tocsin:problem:unknown-parameter"


async def test_a_route_without_parameters_says_so() -> None:
    async with client_of(make_api(), "acme.admin") as client:
        answer = await client.get("/v1/me?all=1")
    assert answer.status_code == 422
    assert answer.json()["cure"] == "This address takes none."
