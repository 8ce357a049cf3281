"""The shop as a stream of events, tick by tick."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from infra.local.shop.changes import breaking_change, harmless_changes
from infra.local.shop.episodes import script
from infra.local.shop.faults import Fault
from infra.local.shop.run import Plan, Tick, played

__all__ = ["Shop", "Tick"]


class Shop:
    """A simulated shop. Two with the same arguments tell the same; `start` only shifts the times.

    `history` tells of the time before `start`, `ticks` of the time from then on. The fault begins
    `fault.starts_s` after the start, ends at `heal_at_s` and returns at `again_at_s`; at `harmless_at_s` a short
    peak of traffic raises a warning that means nothing. All in seconds after the start. Does no I/O.
    """

    def __init__(  # noqa: PLR0913 - each is an independent choice of what to simulate
        self,
        seed: int,
        fault: Fault | None,
        tenant: str,
        start: datetime,
        tick_s: float = 1.0,
        *,
        heal_at_s: float | None = None,
        again_at_s: float | None = None,
        harmless_at_s: float | None = None,
        batch_ticks: int = 5,
        history_step_s: float = 5.0,
        history_batch_ticks: int = 12,
    ) -> None:
        self.fault = fault
        self._tick_s = tick_s
        self._batch_ticks = batch_ticks
        self._history_step_s = history_step_s
        self._history_batch_ticks = history_batch_ticks
        changes = list(harmless_changes(seed, fault))
        if fault is not None:
            changes += breaking_change(fault, seed, heal_at_s, again_at_s)
        self._plan = Plan(
            seed=seed,
            tenant=tenant,
            start=start,
            script=script(seed, fault, heal_at_s, again_at_s, harmless_at_s),
            changes=tuple(sorted(changes, key=lambda change: change.at_s)),
        )

    def history(self, seconds: float) -> Iterator[Tick]:
        """The `seconds` before the start, a tick every `history_step_s`, oldest first; nothing is wrong in it."""
        count = int(seconds // self._history_step_s)
        moments = [-self._history_step_s * (count - 1 - i) for i in range(count)]
        return played(self._plan, "history", moments, self._history_step_s, self._history_batch_ticks)

    def ticks(self, seconds: float) -> Iterator[Tick]:
        """The `seconds` after the start, a tick every `tick_s`, the first one tick after it."""
        moments = [self._tick_s * (i + 1) for i in range(int(seconds // self._tick_s))]
        return played(self._plan, "ticks", moments, self._tick_s, self._batch_ticks)
