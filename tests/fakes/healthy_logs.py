"""Log lines of services in which nothing is wrong, drawn anew from each seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from agents.analysis.signals import LogRecord, Window

__all__ = ["START", "WINDOW", "Shop", "healthy_lines"]

START = 1_700_000_000.0
WINDOW = Window(baseline_start=START - 300, start=START - 180, end=START + 120, alarm_at=START)
"""Five minutes before the alarm and two behind it; the incident is looked for in the last three before it."""


@dataclass(frozen=True, slots=True)
class Shop:
    """A chain of `services`; each request begins in the first and goes on to the next with a probability of `on`.

    In each service it writes up to `statements` lines, each with a probability of its own, and an error line with a
    probability of `errors`. Its id stands in the lines where they are `traced`.
    """

    services: int = 6
    statements: int = 10
    requests: int = 150
    errors: float = 0.02
    on: float = 0.8
    traced: bool = True


def healthy_lines(seed: int, shop: Shop) -> list[LogRecord]:
    """Lines in order of time; the requests come evenly over the whole window."""
    rng = Random(seed)
    odds = [
        [rng.choice((0.05, 0.3, 0.6, 0.95, 1.0)) for _ in range(shop.statements)]
        for _ in range(shop.services)
    ]
    lines = [line for _ in range(shop.requests) for line in _request(rng, shop, odds)]
    return sorted((one for one in lines if one.time <= WINDOW.end), key=lambda one: one.time)


def _request(rng: Random, shop: Shop, odds: list[list[float]]) -> Iterator[LogRecord]:
    moment = rng.uniform(WINDOW.baseline_start, WINDOW.end)
    trace = f"{rng.getrandbits(128):032x}" if shop.traced else ""
    for place, own in enumerate(odds):
        service = f"service-{place}"
        for number, probability in enumerate(own):
            if rng.random() < probability:
                moment += rng.uniform(0.001, 0.02)
                text = f"app.Part#{10 + number} did {rng.randrange(1000)} of it"
                yield LogRecord(moment, service, text, "info", trace)
        if rng.random() < shop.errors:
            moment += 0.001
            yield LogRecord(
                moment, service, f"app.Part#99 failed after {rng.randrange(1000)} ms", "error", trace
            )
        if rng.random() >= shop.on:
            return
