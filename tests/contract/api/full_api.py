"""An API with something behind every route, served over HTTP from a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvicorn

from api.app import create_app
from api.http.cost_views import CostGroupView
from api.http.views import AlarmView, ConsumerLag, DecisionView, InvestigationView, TopicView
from api.read_ports import CostAnswer
from infra.cli.compose.api_ports import StoredAnswers, TriageRules
from infra.runtime.clock import SystemClock
from infra.runtime.redis import open_redis
from infra.runtime.sql import ControlStore, open_database
from infra.runtime.sql.documents import SqlDocuments
from schemas.control import Matcher, Policy, Runbook, ServiceTopology, Silence, Tenant
from schemas.events import Decision, InvestigationState, Verdict
from schemas.events.base import Record
from tests.fakes.api import Bucket, FakeApi, FakeProbe, make_api
from tests.fakes.api_reads import Said, SpokenFeed, SpokenSubscription, TablesInMemory, make_reads
from tests.fakes.full_events import AWKWARD, alarm, at, evidence, incident, report, request

__all__ = ["ServedApi", "full_api", "served"]

_ENDED = {
    "state": InvestigationState.COMPLETED,
    "progress": 1.0,
    "verdict": Verdict.CAUSE_FOUND,
    "cost_nano_usd": 7,
}


class _Over(SpokenSubscription):
    async def next(self) -> None:
        """A listener that is sent away: every stream ends by itself."""
        return


class _OverFeed(SpokenFeed):
    @contextmanager
    def subscribe(self, investigation_id: str) -> Iterator[SpokenSubscription]:
        yield _Over(tuple(self.recent))


def full_api(tenant: str = "acme", **changed: Any) -> FakeApi:
    """Return an API in which this tenant has one of everything. Call it in the loop that serves it."""
    asked = [request(tenant, f"inv_{number}") for number in (1, 2)]
    queued = InvestigationView.queued(asked[1])
    ended = InvestigationView.queued(asked[0]).model_copy(update=_ENDED)
    found = [evidence(tenant, finding=str(number)) for number in range(3)]
    tables = TablesInMemory(
        incident_rows=[incident(tenant, f"inc_{number}") for number in range(3)],
        investigation_rows={tenant: [ended, queued]},
        requests=asked,
        said=[Said("evidence", number, one) for number, one in enumerate(found)],
        evidence_rows=found,
        report_rows=[report(tenant)],
        alarm_rows={tenant: [_alarm(tenant)]},
        cost_answer=CostAnswer((_COST,), _COST, truncated=False, sql="SELECT 1"),
    )
    values: dict[str, Any] = {
        "reads": make_reads(tables, _OverFeed(), (_TOPIC,)),
        "limiter": Bucket(10**9),
        "probes": [FakeProbe()],
    }
    return make_api(**(values | changed))


def _alarm(tenant: str) -> AlarmView:
    raw = alarm(tenant)
    shared = {name: getattr(raw, name) for name in AlarmView.model_fields if hasattr(raw, name)}
    decided = DecisionView(decided_at=at(2), decision=Decision.OPENED, reason=AWKWARD)
    return AlarmView.model_validate(shared | {"messages": 2, "decisions": [decided]})


_COST = CostGroupView(
    key="=cart",
    entries=2,
    unpriced=1,
    cost_nano_usd=None,
    tokens={"input_uncached": 3, "output": None},
    rows_read=None,
    duration_ms=5,
)
_TOPIC = TopicView(
    topic="alarms.raw",
    name_on_broker="test.alarms.raw",
    key="tenant|fingerprint",
    event_type="io.tocsin.alarm",
    partitions=4,
    retention_s=None,
    compacted=False,
    subject="alarms.raw-value",
    schema_id=1,
    exists=True,
    messages=7,
    consumers=(ConsumerLag(group="g", lag=1),),
)


@dataclass(frozen=True, slots=True)
class ServedApi:
    """Answers at `url` to keys of the form `<tenant>.<role>[+<role>]`."""

    url: str
    api: FakeApi


@contextmanager
def served(redis_url: str, folder: Path) -> Iterator[ServedApi]:
    """Serve a full API over HTTP while the context lasts, in a thread of its own.

    What it writes it keeps as the product does: in SQLite under `folder`, and in Redis.
    """
    begun: Future[tuple[ServedApi, uvicorn.Server]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(begun, redis_url, folder)), name="served-api")
    thread.start()
    running, server = begun.result(timeout=30)
    try:
        yield running
    finally:
        server.should_exit = True
        thread.join(timeout=30)


async def _configure(documents: SqlDocuments, tenant: str = "acme") -> None:
    """Keep a few of each kind of configuration, named `a` to `d`."""
    matchers = (Matcher(field="service", value="cart"),)
    made: list[tuple[str, str, Record]] = [
        ("topology", "topology", ServiceTopology(tenant=tenant, calls={"web": ("cart",)})),
    ]
    for name in "abcd":
        silence = Silence(silence_id=name, tenant=tenant, matchers=matchers, starts_at=at(0), ends_at=at(60))
        made += [
            ("silence", name, silence),
            ("policy", name, Policy(policy_id=name, tenant=tenant)),
            ("runbook", name, Runbook(runbook_id=name, tenant=tenant, title=AWKWARD, body=AWKWARD)),
        ]
        await documents.create("tenant", name, name, 1, Tenant(tenant=name).model_dump_json())
    for kind, name, value in made:
        await documents.create(kind, tenant, name, 1, value.model_dump_json())


async def _serve(begun: Future[tuple[ServedApi, uvicorn.Server]], redis_url: str, folder: Path) -> None:
    async with (
        open_redis(redis_url) as redis,
        open_database(folder / "control.sqlite") as database,
    ):
        with socket.socket(proto=socket.IPPROTO_TCP) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            await _configure(SqlDocuments(database))
            api = full_api(
                documents=SqlDocuments(database),
                tenants=ControlStore(database),
                rules=TriageRules(),
                home="acme",
                idempotency=StoredAnswers.over(redis, f"test-{uuid4().hex}"),
                clock=SystemClock(),
            )
            app = create_app(api.options, api.deps)
            server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, ws="none"))
            begun.set_result((ServedApi(f"http://127.0.0.1:{listener.getsockname()[1]}", api), server))
            await server.serve([listener])
