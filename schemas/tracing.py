"""Spans across Kafka: their names and attributes, in one place, and the port through which they are opened.

Code opens spans through a `Tracing`; infra.runtime binds it to OpenTelemetry, tests to memory. A span's identity travels
as W3C `traceparent` in the message's headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Final, Protocol

__all__ = ["HTTP_METHOD", "INCIDENT", "TENANT", "TOPIC", "NullTracing", "SpanName", "Tracing", "trace_id_of"]

TOPIC: Final = "messaging.destination.name"
"""OpenTelemetry's messaging convention: the topic that is written, or read, by its bare name."""
TENANT: Final = "tocsin.tenant"
HTTP_METHOD: Final = "http.request.method"
"""OpenTelemetry's HTTP convention."""
INCIDENT: Final = "tocsin.incident"


class SpanName(StrEnum):
    """What a span is about. `request` (of a client over HTTP) and `publish` begin a trace, `land` stands by itself, the others continue their message's."""

    REQUEST = "request"
    PUBLISH = "publish"
    INTAKE = "intake"
    CORRELATE = "correlate"
    TRIGGER = "trigger"
    INVESTIGATE = "investigate"
    LAND = "land"


class Tracing(Protocol):
    """Opens spans. Does not block and does not raise."""

    def span(
        self, name: SpanName, traceparent: str = "", attributes: Mapping[str, str] | None = None
    ) -> AbstractContextManager[str]:
        """Run in a span that continues `traceparent`, or begins a trace where that is empty.

        Yields:
            The `traceparent` for whatever the span brings about.
        """
        ...


class NullTracing:
    """No spans: what came in is passed on, and nothing begins."""

    def span(
        self, name: SpanName, traceparent: str = "", attributes: Mapping[str, str] | None = None
    ) -> AbstractContextManager[str]:
        del name, attributes
        return nullcontext(traceparent)


def trace_id_of(traceparent: str) -> str:
    """Return the trace's id, 32 hexadecimal digits, of a valid `traceparent`; empty for an empty one."""
    return traceparent[3:35]
