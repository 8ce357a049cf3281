"""Whose clock is ahead: nothing lands before it was taken, so what did was stamped by a clock that is ahead.

The least delayed tells the offset best: the minimum filter of NTP (RFC 5905, section 10). That a clock is behind cannot
be told from a slow way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from agents.analysis.findings import Source
from agents.ports import Delay
from schemas.events.base import Record

__all__ = ["Ahead", "clocks_ahead"]

# Clocks that somebody keeps agree within a second, the landers' own included; and an order of seconds is nothing that causes
# are told from their effects by. An interval that is stamped by its end before that is over is less than a step ahead.
_LEAST_S: Final = 10.0


class Ahead(Record):
    """The clock that stamps one source of one service is ahead."""

    source: Source
    service: str
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]


def clocks_ahead(delays: Sequence[Delay]) -> tuple[Ahead, ...]:
    """Return who is provably ahead, and by how much, by source and name.

    Time itself is as the typical service tells it, of its KPIs or of its lines, whichever is behind: where all are ahead
    alike (a replay, a lander's clock that is behind) nobody is.
    """
    now = min(0.0, max(_typical([d for d in delays if d.source is s]) for s in Source))
    return tuple(
        Ahead(source=one.source, service=one.service, seconds=round(now - one.least_s, 1))
        for one in sorted(delays, key=lambda one: (one.source, one.service))
        if now - one.least_s > max(_LEAST_S, one.step_s)
    )


def _typical(delays: Sequence[Delay]) -> float:
    """The median of the least delays, of two the one that claims less; of none there is nothing to claim by."""
    least = sorted(one.least_s for one in delays)
    return least[len(least) // 2] if least else float("-inf")
