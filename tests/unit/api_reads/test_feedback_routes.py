"""Feedback over ASGI in memory: who may give it, what becomes of it, and how it is shown."""

from __future__ import annotations

import pytest

from schemas.access import PERMISSIONS, Permission, Role
from schemas.errors import UnavailableError
from schemas.events import Audit, Feedback
from tests.fakes.api import FakeApi, client_of, make_api
from tests.fakes.api_reads import TablesInMemory, make_reads
from tests.fakes.full_events import at, feedback, report

_PATH = "/v1/investigations/inv_1/feedback"


def _api(*said: Feedback) -> FakeApi:
    tables = TablesInMemory(report_rows=[report("acme")], feedback_rows=list(said))
    return make_api(reads=make_reads(tables))


async def test_what_a_person_says_is_an_event_of_the_keys_tenant() -> None:
    api = _api()
    body = {"score": 65, "comment": "the deploy", "actual_service": "db"}
    async with client_of(api, "acme.sre") as client:
        answer = await client.post(_PATH, json=body)
    (event,) = api.publisher.events
    assert isinstance(event, Feedback)
    assert answer.status_code == 202
    assert (event.tenant, event.investigation_id, event.score) == ("acme", "inv_1", 65)
    assert (event.comment, event.actual_service, event.by) == ("the deploy", "db", "key:acme.sre")
    assert answer.json() == {
        "feedback_id": event.event_id,
        "investigation_id": "inv_1",
        "score": 65,
        "comment": "the deploy",
        "actual_service": "db",
        "by": "key:acme.sre",
        "at": event.occurred_at.isoformat().replace("+00:00", "Z"),
    }


async def test_an_author_is_told_apart_within_the_key_and_cannot_speak_for_another() -> None:
    api = _api()
    async with client_of(api, "acme.sre") as client:
        await client.post(_PATH, json={"score": 0, "author": "ann"})
        await client.post(_PATH, json={"score": 100, "author": "key:acme.admin"})
    assert [getattr(one, "by", "") for one in api.publisher.events] == [
        "key:acme.sre/ann",
        "key:acme.sre/key:acme.admin",
    ]


@pytest.mark.parametrize("score", [1, 50, 99, -1, 101, "65", 65.5, None, True])
async def test_only_the_four_scores_are_scores(score: object) -> None:
    api = _api()
    async with client_of(api) as client:
        answer = await client.post(_PATH, json={"score": score})
    assert answer.status_code == 422
    assert api.publisher.events == []


@pytest.mark.parametrize(
    "change", [{"comment": "x" * 32_769}, {"actual_service": "x" * 257}, {"author": "x" * 129}, {"more": 1}]
)
async def test_what_is_too_long_or_unknown_is_refused(change: dict[str, object]) -> None:
    async with client_of(_api()) as client:
        assert (await client.post(_PATH, json={"score": 0, **change})).status_code == 422


async def test_of_what_is_not_there_or_not_ours_nothing_is_said() -> None:
    api = _api()
    async with client_of(api, "other.admin") as client:
        assert (await client.post(_PATH, json={"score": 0})).status_code == 404
        assert (await client.get(_PATH)).status_code == 404
    assert api.publisher.events == []


@pytest.mark.parametrize("role", Role)
async def test_who_may_read_the_report_may_judge_it(role: Role) -> None:
    async with client_of(_api(), f"acme.{role.value}") as client:
        posted = await client.post(_PATH, json={"score": 100})
        read = await client.get(_PATH)
    allowed = Permission.REPORT in PERMISSIONS[role]
    assert (posted.status_code, read.status_code) == ((202, 200) if allowed else (403, 403))


async def test_a_refusal_is_audited() -> None:
    api = _api()
    async with client_of(api, "acme.viewer") as client:
        await client.post(_PATH, json={"score": 100})
    (refusal,) = api.publisher.events
    assert isinstance(refusal, Audit)
    assert (refusal.allowed, refusal.principal) == (False, "key:acme.viewer")


async def test_sent_again_under_its_key_it_is_said_once() -> None:
    api = _api()
    async with client_of(api) as client:
        first = await client.post(_PATH, json={"score": 35}, headers={"Idempotency-Key": "k1"})
        again = await client.post(_PATH, json={"score": 35}, headers={"Idempotency-Key": "k1"})
        other = await client.post(_PATH, json={"score": 65}, headers={"Idempotency-Key": "k1"})
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 422
    assert len(api.publisher.events) == 1


async def test_a_key_names_the_event_even_when_the_store_has_forgotten_it() -> None:
    api = _api()
    async with client_of(api) as client:
        await client.post(_PATH, json={"score": 35}, headers={"Idempotency-Key": "k1"})
        api.requests.kept.clear()
        api.clock.pass_s(100)
        await client.post(_PATH, json={"score": 35}, headers={"Idempotency-Key": "k1"})
    first, again = api.publisher.events
    assert first.event_id == again.event_id


async def test_what_the_broker_does_not_take_is_not_said() -> None:
    api = _api()
    api.publisher.failure = UnavailableError("no broker")
    async with client_of(api) as client:
        answer = await client.post(_PATH, json={"score": 35}, headers={"Idempotency-Key": "k1"})
    assert answer.status_code == 503
    assert api.requests.kept == {}


async def test_what_was_said_is_shown_with_its_mean() -> None:
    ann, bob = feedback("acme", score=100), feedback("acme", by="bob", score=35, occurred_at=at(50))
    async with client_of(_api(ann, bob)) as client:
        told = (await client.get(_PATH)).json()
    assert (told["investigation_id"], told["mean_score"]) == ("inv_1", 67.5)
    assert [(one["by"], one["score"]) for one in told["items"]] == [("ann", 100), ("bob", 35)]


async def test_where_nobody_has_said_anything_there_is_no_score() -> None:
    async with client_of(_api()) as client:
        told = (await client.get(_PATH)).json()
    assert told == {"investigation_id": "inv_1", "mean_score": None, "items": []}
