"""The span of a message, and its log context, for as long as it is worked on.

What is published meanwhile, in this task or one it starts, carries the span unless the publisher is told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

from structlog.contextvars import bound_contextvars

from schemas.envelope import read_envelope
from schemas.events import ChangeRaw, Event, KpiBatch, LogBatch
from schemas.tracing import INCIDENT, TENANT, TOPIC, SpanName, Tracing, trace_id_of
from streams.messages import Message

__all__ = ["handling", "published"]

_current: ContextVar[str] = ContextVar("traceparent", default="")

_TELEMETRY = frozenset({KpiBatch.TOPIC, LogBatch.TOPIC, ChangeRaw.TOPIC})


@contextmanager
def handling(tracing: Tracing, name: SpanName, message: Message, event: Event, **bound: str) -> Iterator[str]:
    """Work on a message in a span that continues the message's trace; yields the span's `traceparent`.

    Args:
        tracing: opens the span.
        name: what is done.
        message: the message, for its headers.
        event: what the message says.
        bound: goes into each log line, next to tenant and trace; what is empty is left out.
    """
    attributes = {TOPIC: event.TOPIC, TENANT: event.tenant}
    if incident := bound.get("incident"):
        attributes[INCIDENT] = incident
    with tracing.span(name, read_envelope(message.headers).traceparent, attributes) as traceparent:
        told = {"tenant": event.tenant, "trace": trace_id_of(traceparent), **bound}
        with bound_contextvars(**{key: value for key, value in told.items() if value}), _inside(traceparent):
            yield traceparent


@contextmanager
def published(tracing: Tracing, events: Sequence[Event], given: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield a `traceparent` for each event: the given one, else the current span's, else that of a trace begun here.

    Each event begins its own, except that telemetry sent together shares one per tenant: an alarm leads to a report,
    a log record to nothing.
    """
    current = _current.get()
    if current or all(given):
        yield [one or current for one in given]
        return
    begun: dict[tuple[str, str, str], str] = {}
    with ExitStack() as spans:
        for event in (event for event, one in zip(events, given, strict=True) if not one):
            if (root := _root_of(event)) not in begun:
                attributes = {TOPIC: event.TOPIC, TENANT: event.tenant}
                begun[root] = spans.enter_context(tracing.span(SpanName.PUBLISH, "", attributes))
        yield [one or begun[_root_of(event)] for event, one in zip(events, given, strict=True)]


def _root_of(event: Event) -> tuple[str, str, str]:
    return (event.TOPIC, event.tenant, "" if event.TOPIC in _TELEMETRY else event.event_id)


@contextmanager
def _inside(traceparent: str) -> Iterator[None]:
    token = _current.set(traceparent)
    try:
        yield
    finally:
        _current.reset(token)
