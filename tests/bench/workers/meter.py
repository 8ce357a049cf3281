"""When each stage had handled how much."""

from __future__ import annotations

import logging
import time
from collections import Counter

import structlog

from schemas.metrics import MESSAGES, Metric, NullRecorder

__all__ = ["StageMeter", "quiet_logs"]


class StageMeter(NullRecorder):
    """A recorder that notes, by stage, how many messages were handled, and when the first and the last of them were."""

    def __init__(self) -> None:
        self._handled: Counter[str] = Counter()
        self._first_count: dict[str, int] = {}
        self._first_at: dict[str, float] = {}
        self._last_at: dict[str, float] = {}

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        if metric is not MESSAGES or labels.get("outcome") != "handled":
            return
        stage, now = labels["stage"], time.perf_counter()
        if stage not in self._first_at:
            self._first_at[stage], self._first_count[stage] = now, int(amount)
        self._handled[stage] += int(amount)
        self._last_at[stage] = now

    def is_settled(self, stage: str, messages: int, quiet_s: float) -> bool:
        """Whether the stage has handled so many, and no stage anything for so long."""
        if self._handled[stage] < messages:
            return False
        return time.perf_counter() - max(self._last_at.values()) > quiet_s

    def times(self) -> dict[str, dict[str, float]]:
        """By stage: messages handled, those of them in the first batch, and monotonic seconds of the first and last."""
        return {
            stage: {
                "messages": self._handled[stage],
                "first": self._first_count[stage],
                "first_at": self._first_at[stage],
                "last_at": self._last_at[stage],
            }
            for stage in self._first_at
        }


def quiet_logs() -> None:
    """Warnings and worse only."""
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING), cache_logger_on_first_use=True
    )
