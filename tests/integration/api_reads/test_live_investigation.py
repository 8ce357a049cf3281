"""An investigation started, followed, resumed and cancelled over real HTTP, a real broker and real tables."""

from __future__ import annotations

import asyncio

import pytest

from schemas.events import (
    Audit,
    Event,
    InvestigationRequested,
    InvestigationState,
    RequestKind,
)
from sinks.clickhouse.landing import ClickHouseLanding
from streams.kafka import KafkaSettings
from streams.reader import ReadEvent, open_reader
from tests.fakes.full_events import evidence, incident, report, request, status
from tests.integration.api_reads.serving import Served, landed
from tests.integration.api_reads.sse import SseEvent, listening

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]

_PATIENCE_S = 60.0


def _life(tenant: str, name: str) -> list[Event]:
    """What an investigation says from its first step to its end."""
    return [
        status(tenant, name, state=InvestigationState.RUNNING, step="", attempt=1),
        status(tenant, name, step="plan", attempt=1),
        evidence(tenant, name),
        evidence(tenant, name, finding="second"),
        status(tenant, name, step="rank", attempt=1),
        report(tenant, name, evidence_count=2),
        status(tenant, name, state=InvestigationState.COMPLETED, step="", attempt=1, progress=1.0),
    ]


async def _publish(served: Served, *events: Event) -> None:
    assert served.producer is not None
    for event in events:
        await served.producer.publish(event)


async def _followed(served: Served, key: str, name: str, last_id: str = "") -> list[SseEvent]:
    async with (
        asyncio.timeout(_PATIENCE_S),
        served.client(key) as client,
        listening(client, name, last_id) as events,
    ):
        return [event async for event in events]


async def _read(kafka: KafkaSettings, topic: str) -> list[Event]:
    async with open_reader(kafka) as reader:
        return [one.event async for one in reader.events([topic]) if isinstance(one, ReadEvent)]


async def test_an_investigation_is_started_followed_and_found(
    whole_api: Served, landing: ClickHouseLanding, kafka: KafkaSettings, tenant: str
) -> None:
    await landed(landing, incident(tenant))
    async with whole_api.client(f"{tenant}.sre") as client:
        asked = {"incident_id": "inc_1", "reason": "looks odd"}
        headers = {"Idempotency-Key": "k-1"}
        started = await client.post("/v1/investigations", json=asked, headers=headers)
        again = await client.post("/v1/investigations", json=asked, headers=headers)
        name = started.json()["investigation_id"]
        # The request has not landed, and is known all the same.
        queued = await client.get(started.headers["location"])
    following = asyncio.create_task(_followed(whole_api, f"{tenant}.sre", name))
    await _publish(whole_api, *_life(tenant, name))
    told = await following

    assert (started.status_code, again.json()) == (202, started.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert (queued.status_code, queued.json()["state"], queued.json()["reason"]) == (
        200,
        "queued",
        "looks odd",
    )
    (published,) = await _read(kafka, InvestigationRequested.TOPIC)
    assert isinstance(published, InvestigationRequested)
    assert (published.kind, published.tenant, published.investigation_id) == (
        RequestKind.MANUAL,
        tenant,
        name,
    )
    assert published.incident == incident(tenant)
    (audit,) = await _read(kafka, Audit.TOPIC)
    assert isinstance(audit, Audit)
    assert (audit.action, audit.resource, audit.allowed) == ("investigation.start", name, True)
    assert sorted(event.name for event in told) == ["end", "evidence", "evidence", "report", *["status"] * 4]
    assert told[-1].name == "end"
    assert told[-1].data == {"state": "completed"}


async def test_a_stream_is_resumed_at_every_place_without_loss_or_repeat(
    whole_api: Served, tenant: str
) -> None:
    life = _life(tenant, "inv_1")
    await _publish(whole_api, request(tenant), *life)
    whole = await _followed_once_known(whole_api, tenant)

    ids = [event.id for event in whole]
    assert len(set(ids[:-1])) == len(ids) - 1
    for place, event in enumerate(whole[:-2]):
        rest = await _followed(whole_api, f"{tenant}.sre", "inv_1", event.id)
        assert rest == whole[place + 1 :]
    everything = await _followed(whole_api, f"{tenant}.sre", "inv_1", "not an id of ours")
    assert everything == whole


async def _followed_once_known(served: Served, tenant: str) -> list[SseEvent]:
    """The feed hears of the investigation a moment after it was published."""
    async with asyncio.timeout(_PATIENCE_S), served.client(f"{tenant}.sre") as client:
        while (await client.get("/v1/investigations/inv_1")).status_code != 200:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.05)
    return await _followed(served, f"{tenant}.sre", "inv_1")


async def test_what_landed_is_told_first_and_what_comes_then(
    whole_api: Served, landing: ClickHouseLanding, tenant: str
) -> None:
    """The tables have the beginning, the log only the rest: an investigation older than what the feed remembers."""
    life = _life(tenant, "inv_1")
    await landed(landing, request(tenant), *(event for event in life[:3]))
    async with (
        asyncio.timeout(_PATIENCE_S),
        whole_api.client(f"{tenant}.sre") as client,
        listening(client, "inv_1") as events,
    ):
        first = [await anext(events) for _ in range(3)]
        await _publish(whole_api, *life)
        rest = [event async for event in events]

    told = [str(event.data.get("event_id") or event.data["evidence_id"]) for event in first + rest[:-1]]
    assert sorted(told) == sorted(event.event_id for event in life)
    assert rest[-1].name == "end"


async def test_an_ended_investigation_is_told_from_the_tables_alone(
    tables_api: Served, landing: ClickHouseLanding, tenant: str
) -> None:
    await landed(landing, request(tenant), *_life(tenant, "inv_1"))

    told = await _followed(tables_api, f"{tenant}.sre", "inv_1")
    async with tables_api.client(f"{tenant}.sre") as client:
        headers = {"Last-Event-ID": told[-1].id}
        again = await client.get("/v1/investigations/inv_1/events", headers=headers)

    assert (len(told), told[-1].name) == (8, "end")
    assert again.status_code == 204


async def test_a_viewer_hears_only_of_progress(
    tables_api: Served, landing: ClickHouseLanding, tenant: str
) -> None:
    await landed(landing, request(tenant), *_life(tenant, "inv_1"))

    told = await _followed(tables_api, f"{tenant}.viewer", "inv_1")
    developer = await _followed(tables_api, f"{tenant}.developer", "inv_1")

    assert [event.name for event in told] == ["status"] * 4 + ["end"]
    assert {event.name for event in developer} == {"status", "evidence", "end"}


async def test_an_investigation_is_cancelled_by_hand(
    whole_api: Served, landing: ClickHouseLanding, kafka: KafkaSettings, tenant: str
) -> None:
    await landed(landing, request(tenant), request(tenant, "inv_2"))
    await landed(landing, status(tenant, "inv_2", state=InvestigationState.COMPLETED))
    async with whole_api.client(f"{tenant}.sre") as client:
        cancelled = await client.post("/v1/investigations/inv_1/cancel")
        ended = await client.post("/v1/investigations/inv_2/cancel")
        unknown = await client.post("/v1/investigations/inv_3/cancel")

    assert (cancelled.status_code, ended.status_code, unknown.status_code) == (202, 409, 404)
    (published,) = await _read(kafka, InvestigationRequested.TOPIC)
    assert isinstance(published, InvestigationRequested)
    assert (published.kind, published.investigation_id) == (RequestKind.CANCEL, "inv_1")
    assert published.key == request(tenant).key
    assert published.reason.startswith("cancelled by key:")


async def test_a_stopping_process_lets_its_listeners_go(
    whole_api: Served, landing: ClickHouseLanding, tenant: str
) -> None:
    await landed(landing, request(tenant), status(tenant))
    async with (
        asyncio.timeout(_PATIENCE_S),
        whole_api.client(f"{tenant}.sre") as client,
        listening(client, "inv_1") as events,
    ):
        first = await anext(events)
        whole_api.api.deps.stopping.set()
        rest = [event async for event in events]

    assert (first.name, rest) == ("status", [])


async def test_topics_are_told_with_who_is_behind(whole_api: Served, tenant: str) -> None:
    await _publish(whole_api, evidence(tenant))

    async with whole_api.client(f"{tenant}.viewer") as client:
        topics = (await client.get("/v1/topics")).json()["items"]
        one = (await client.get("/v1/topics/evidence")).json()

    assert len(topics) == 14
    assert (one["messages"], one["exists"], one["key"]) == (1, True, "investigation")
    assert one["subject"] == f"{one['name_on_broker']}-value"
