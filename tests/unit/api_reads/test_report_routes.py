"""Reports over ASGI in memory: two forms, three formats, and the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from schemas.access import PERMISSIONS, Permission, Role
from schemas.events import Feedback, Report
from schemas.pages import figure_svg, sketch_svg
from tests.fakes.api import FakeApi, client_of, make_api
from tests.fakes.api_reads import TablesInMemory, make_reads
from tests.fakes.full_events import evidence, feedback, report
from tests.fakes.html_reading import read_page, read_svg


def _api(told: Report | None = None, said: Sequence[Feedback] = ()) -> FakeApi:
    found = evidence("acme", event_id="ev_1", investigation_id="inv_1")
    tables = TablesInMemory(
        report_rows=[told or report("acme")], evidence_rows=[found], feedback_rows=list(said)
    )
    return make_api(reads=make_reads(tables))


async def _ask(path: str, key: str = "acme.sre", told: Report | None = None, **headers: str) -> Any:
    async with client_of(_api(told), key) as client:
        return await client.get(path, headers=headers)


@pytest.mark.parametrize(
    ("question", "accept", "media_type", "begins"),
    [
        ("", "*/*", "application/json", "{"),
        ("", "text/html", "text/html", "<!DOCTYPE html>"),
        ("", "text/markdown", "text/markdown", "# it"),
        ("?format=html", "application/json", "text/html", "<!DOCTYPE html>"),
        ("?form=postmortem", "*/*", "text/markdown", "# Postmortem, draft, 2026-11-20"),
        ("?form=postmortem", "text/html", "text/html", "<!DOCTYPE html>"),
        ("?form=postmortem", "application/json", "application/json", "{"),
        ("?form=postmortem&format=html", "*/*", "text/html", "<!DOCTYPE html>"),
        ("?form=report&format=markdown", "*/*", "text/markdown", "# it"),
    ],
)
async def test_a_report_has_two_forms_and_three_formats(
    question: str, accept: str, media_type: str, begins: str
) -> None:
    told = report("acme", markdown="# it was the cart\n")
    answer = await _ask(f"/v1/reports/inv_1{question}", told=told, Accept=accept)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media_type)
    assert answer.headers["vary"] == "Accept"
    assert answer.text.startswith(begins)


async def test_a_page_loads_and_runs_nothing() -> None:
    answer = await _ask("/v1/reports/inv_1?format=html")

    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "script" not in read_page(answer.text).tags


async def test_findings_lead_to_their_own_address_from_where_the_page_is() -> None:
    page = (await _ask("/v1/reports/inv_1?format=html")).text

    assert '<a href="../evidence/ev_1"><code>ev_1</code></a>' in page
    assert '<a href="#e1">E1</a>' in page


async def test_a_report_that_kept_no_page_gets_one() -> None:
    answer = await _ask("/v1/reports/inv_1?format=markdown", told=report("acme", markdown=""))

    assert answer.text.startswith("# Cause found, 80 % sure: ")


@pytest.mark.parametrize("wanted", ["html", "markdown"])
async def test_what_people_said_of_a_report_is_told_with_it(wanted: str) -> None:
    said = [feedback("acme", score=0, actual_service="db"), feedback("other", comment="not yours")]
    told = report("acme", markdown="# as it was written")
    async with client_of(_api(told, said), "acme.sre") as client:
        text = (await client.get(f"/v1/reports/inv_1?format={wanted}")).text
        elsewhere = (await client.get(f"/v1/reports/inv_1?format={wanted}&form=postmortem")).text

    for page in (text, elsewhere):
        assert "What people said of it" in page
        assert "0 of 100" in page
        assert "not yours" not in page
    assert "Said of it" in text


async def test_who_may_not_read_evidence_is_shown_none() -> None:
    roles = [role for role in Role if _may(role, Permission.REPORT) and not _may(role, Permission.EVIDENCE)]
    for role in roles:
        page = (await _ask("/v1/reports/inv_1?format=html", f"acme.{role.value}")).text
        assert "../evidence/" not in page
        assert "<h2>Evidence</h2>" not in page


def _may(role: Role, permission: Permission) -> bool:
    return permission in PERMISSIONS[role]


async def test_pictures_are_files_of_their_own_where_the_markdown_looks_for_them() -> None:
    told = report("acme")
    text = (await _ask("/v1/reports/inv_1?form=postmortem")).text
    figure = await _ask("/v1/reports/inv_1/figures/1.svg")
    sketch = await _ask("/v1/reports/inv_1/topology.svg")

    assert "(inv_1/figures/1.svg)" in text
    assert "(inv_1/topology.svg)" in text
    assert figure.text == figure_svg(told.figures[0], 1)
    assert sketch.text == sketch_svg(told)
    for answer in (figure, sketch):
        assert answer.headers["content-type"].startswith("image/svg+xml")
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        read_svg(answer.text)


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/v1/reports/inv_1/figures/2.svg", "acme.sre", 404),
        ("/v1/reports/inv_1/figures/0.svg", "acme.sre", 422),
        ("/v1/reports/inv_1/figures/one.svg", "acme.sre", 422),
        ("/v1/reports/inv_9/figures/1.svg", "acme.sre", 404),
        ("/v1/reports/inv_1/figures/1.svg", "other.sre", 404),
        ("/v1/reports/inv_1/topology.svg", "other.sre", 404),
        ("/v1/reports/inv_1/figures/1.svg", "acme.viewer", 403),
        ("/v1/reports/inv_1/topology.svg", "acme.viewer", 403),
        ("/v1/reports/inv_1?form=poem", "acme.sre", 422),
    ],
)
async def test_what_is_not_there_or_not_theirs_is_not_drawn(path: str, key: str, status: int) -> None:
    assert (await _ask(path, key)).status_code == status


async def test_the_forms_and_the_pictures_are_in_the_document() -> None:
    document = (await _ask("/openapi.json")).json()

    asked = {
        one["name"]: one for one in document["paths"]["/v1/reports/{investigation_id}"]["get"]["parameters"]
    }
    assert asked["form"]["description"]
    assert "/v1/reports/{investigation_id}/figures/{number}.svg" in document["paths"]
    drawn = document["paths"]["/v1/reports/{investigation_id}/topology.svg"]["get"]["responses"]["200"]
    assert list(drawn["content"]) == ["image/svg+xml"]
