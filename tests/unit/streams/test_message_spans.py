from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from infra.runtime.telemetry.otel import OtelTracing
from schemas.events import ChangeKind, ChangeRaw, Event
from schemas.tracing import INCIDENT, TENANT, TOPIC, NullTracing, SpanName, trace_id_of
from streams.spans import handling, published
from tests.fakes.events import EPOCH, alarm
from tests.fakes.triage import message_with

INCOMING = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """A tracing whose spans are kept."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracing = OtelTracing("test", SimpleSpanProcessor(self._exporter))

    @property
    def attributes(self) -> list[dict[str, object]]:
        return [dict(one.attributes or {}) for one in self._exporter.get_finished_spans()]


def change(number: int, tenant: str = "acme") -> ChangeRaw:
    return ChangeRaw(
        tenant=tenant,
        occurred_at=EPOCH,
        service="cart",
        source="ci",
        kind=ChangeKind.DEPLOY,
        title=f"change {number}",
    )


def carried(traced: Traced, events: Sequence[Event], *traceparents: str) -> list[str]:
    with published(traced.tracing, events, traceparents or [""] * len(events)) as given_to:
        return list(given_to)


def test_a_message_is_worked_on_in_its_trace_with_its_log_context() -> None:
    traced, raw = Traced(), alarm()
    message = message_with(raw, trace=INCOMING)
    bound = {"incident": "inc_1", "investigation": ""}
    with handling(traced.tracing, SpanName.TRIGGER, message, raw, **bound) as traceparent:
        context = structlog.contextvars.get_contextvars()
    assert trace_id_of(traceparent) == trace_id_of(INCOMING)
    assert traceparent != INCOMING
    assert context == {"tenant": "acme", "incident": "inc_1", "trace": trace_id_of(INCOMING)}
    assert structlog.contextvars.get_contextvars() == {}
    assert traced.attributes == [{TOPIC: "alarms.raw", TENANT: "acme", INCIDENT: "inc_1"}]


def test_no_trace_is_bound_where_there_is_none() -> None:
    with handling(NullTracing(), SpanName.INTAKE, message_with(alarm()), alarm()) as traceparent:
        assert (traceparent, structlog.contextvars.get_contextvars()) == ("", {"tenant": "acme"})


async def test_what_tasks_publish_while_a_message_is_worked_on_carries_its_span() -> None:
    traced, raw = Traced(), alarm()

    async def publish() -> list[str]:
        await asyncio.sleep(0)
        return carried(traced, [raw, raw], "", INCOMING)

    with handling(traced.tracing, SpanName.INVESTIGATE, message_with(raw), raw) as traceparent:
        inside = await asyncio.create_task(publish())
    assert inside == [traceparent, INCOMING]
    assert carried(traced, [raw])[0] not in (traceparent, "")


def test_each_alarm_begins_a_trace_and_telemetry_shares_one_per_tenant() -> None:
    traced = Traced()
    events = [alarm("a"), alarm("b"), change(1), change(2), change(3, tenant="other")]
    first, second, one, two, other = carried(traced, events)
    assert one == two
    assert len({first, second, one, other}) == 4
    assert {str(each[TENANT]) for each in traced.attributes} == {"acme", "other"}


@given(st.lists(st.sampled_from(["", INCOMING]), max_size=8))
def test_what_is_given_stays_and_the_rest_begins(traceparents: list[str]) -> None:
    traced = Traced()
    events = [alarm(f"a{number}") for number in range(len(traceparents))]
    result = carried(traced, events, *traceparents) if events else []
    for before, after in zip(traceparents, result, strict=True):
        assert after == INCOMING if before else after not in ("", INCOMING)
    assert len(traced.attributes) == traceparents.count("")
