"""Sends what a batch decided: each event with the trace of its cause, in order where order matters."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.events import Event
from streams.ports import Publisher

__all__ = ["Outgoing", "send_all"]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event to send. Those of the same `lane` keep their order."""

    event: Event
    lane: str
    traceparent: str = ""


async def send_all(publisher: Publisher, outgoing: Sequence[Outgoing]) -> None:
    """Return once the broker has acknowledged everything. Raises like the publisher."""
    traces = {one.traceparent for one in outgoing}
    if len(traces) <= 1:
        await publisher.publish_all([one.event for one in outgoing], traceparent=next(iter(traces), ""))
        return
    lanes: dict[str, list[Outgoing]] = defaultdict(list)
    for one in outgoing:
        lanes[one.lane].append(one)
    await asyncio.gather(*(_send_lane(publisher, lane) for lane in lanes.values()))


async def _send_lane(publisher: Publisher, lane: Sequence[Outgoing]) -> None:
    for one in lane:
        await publisher.publish(one.event, traceparent=one.traceparent)
