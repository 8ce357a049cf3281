"""Sends what a batch decided, each event with the trace of its cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.events import Event
from streams.ports import Publisher

__all__ = ["Outgoing", "send_all"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event to send; without a `traceparent` it begins a trace."""

    event: Event
    traceparent: str = ""


async def send_all(publisher: Publisher, outgoing: Sequence[Outgoing]) -> None:
    """Return once the broker has acknowledged everything, in order within each key. Raises like the publisher."""
    traceparents = [one.traceparent for one in outgoing]
    await publisher.publish_all([one.event for one in outgoing], traceparent=traceparents)
