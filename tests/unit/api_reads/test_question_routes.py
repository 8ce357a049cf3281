"""Questions over ASGI in memory: who may ask, what is put on record, what is answered."""

from __future__ import annotations

import pytest

from schemas.access import PERMISSIONS, Permission, Role
from schemas.errors import UnavailableError
from schemas.events import Audit
from tests.fakes.api import FakeApi, client_of, make_api
from tests.fakes.api_reads import ScriptedAnswers, TablesInMemory, make_reads
from tests.fakes.full_events import report

_PATH = "/v1/investigations/inv_1/questions"


def _api(answers: ScriptedAnswers | None = None) -> FakeApi:
    return make_api(reads=make_reads(TablesInMemory(report_rows=[report("acme")]), answers=answers))


async def test_a_question_is_answered_and_put_on_record() -> None:
    answers = ScriptedAnswers()
    api = _api(answers)
    async with client_of(api, "acme.sre") as client:
        answer = await client.post(_PATH, json={"question": "  why not the database? "})
    assert answer.status_code == 200
    assert answer.json()["sentences"] == [
        {"text": "You asked: why not the database?", "evidence_ids": ["ev_1"], "query": ""}
    ]
    assert answers.asked == [("acme", "inv_1", "why not the database?")]
    (audit,) = api.publisher.events
    assert isinstance(audit, Audit)
    assert (audit.action, audit.resource, audit.principal) == ("investigation.ask", "inv_1", "key:acme.sre")
    assert (audit.allowed, audit.reason) == (True, "why not the database?")


@pytest.mark.parametrize(
    "body", [{}, {"question": ""}, {"question": "   "}, {"question": "x" * 1_001}, {"question": 4}]
)
async def test_what_is_no_question_is_refused(body: dict[str, object]) -> None:
    answers = ScriptedAnswers()
    async with client_of(_api(answers)) as client:
        assert (await client.post(_PATH, json=body)).status_code == 422
    assert answers.asked == []


@pytest.mark.parametrize("role", Role)
async def test_who_may_investigate_may_ask(role: Role) -> None:
    async with client_of(_api(), f"acme.{role.value}") as client:
        status = (await client.post(_PATH, json={"question": "why?"})).status_code
    assert status == (200 if Permission.INVESTIGATE in PERMISSIONS[role] else 403)


async def test_of_what_is_not_ours_nothing_is_answered() -> None:
    answers = ScriptedAnswers()
    async with client_of(_api(answers), "other.admin") as client:
        assert (await client.post(_PATH, json={"question": "why?"})).status_code == 404
    assert answers.asked == []


async def test_sent_again_under_its_key_it_is_answered_once() -> None:
    answers = ScriptedAnswers()
    async with client_of(_api(answers)) as client:
        sent = [
            await client.post(_PATH, json={"question": "why?"}, headers={"Idempotency-Key": "k"})
            for _ in range(2)
        ]
    assert sent[0].json() == sent[1].json()
    assert len(answers.asked) == 1


async def test_a_question_that_cannot_be_put_on_record_is_not_answered() -> None:
    answers = ScriptedAnswers()
    api = _api(answers)
    api.publisher.failure = UnavailableError("no broker")
    async with client_of(api) as client:
        assert (await client.post(_PATH, json={"question": "why?"})).status_code == 503
    assert answers.asked == []


async def test_while_the_tables_are_away_it_can_be_tried_again() -> None:
    answers = ScriptedAnswers(failure=UnavailableError("secret host name"))
    async with client_of(_api(answers)) as client:
        answer = await client.post(_PATH, json={"question": "why?"})
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert "secret" not in answer.text


async def test_a_question_is_within_the_rate_of_its_key() -> None:
    api = _api()
    api.limiter.left = 1
    async with client_of(api) as client:
        statuses = [(await client.post(_PATH, json={"question": "why?"})).status_code for _ in range(2)]
    assert statuses == [200, 429]
