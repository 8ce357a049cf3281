"""logs: a row per line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

from schemas.events import Event, LogBatch, LogLine
from sinks.clickhouse.client import Columns
from sinks.clickhouse.writers.columns import INSTANT, KEYWORD, TEXT, Stamp, micros, trailer
from sinks.ports import LandedMessage

__all__ = ["LOGS", "LogWriter"]

_BATCH: Final = (("event_id", TEXT), ("tenant", KEYWORD), ("source", KEYWORD), ("service", KEYWORD))
_LINE: Final[tuple[tuple[str, str, Callable[[LogLine], object]], ...]] = (
    ("at", INSTANT, lambda line: micros(line.at)),
    ("severity", KEYWORD, attrgetter("severity.value")),
    ("message", TEXT, attrgetter("message")),
    ("entity", KEYWORD, attrgetter("entity")),
    ("trace_id", TEXT, attrgetter("trace_id")),
    ("attributes", "Map(LowCardinality(String), String)", attrgetter("attributes")),
)


class LogWriter:
    """Expands batches to lines."""

    table = "logs"
    event: type[Event] = LogBatch

    def columns(self, messages: Sequence[LandedMessage], stamp: Stamp) -> Columns:
        batches = [_batch(message.event) for message in messages]
        rest = trailer(messages, [len(batch.records) for batch in batches], stamp)
        lines = [line for batch in batches for line in batch.records]
        return Columns(
            names=(*(name for name, _ in _BATCH), *(name for name, _, _ in _LINE), *rest.names),
            types=(*(kind for _, kind in _BATCH), *(kind for _, kind, _ in _LINE), *rest.types),
            data=[
                *(_of_batches(batches, name) for name, _ in _BATCH),
                *([value(line) for line in lines] for _, _, value in _LINE),
                *rest.data,
            ],
        )

    def rows_of(self, event: Event) -> int:
        return len(_batch(event).records)


LOGS = LogWriter()


def _batch(event: Event) -> LogBatch:
    assert isinstance(event, LogBatch)
    return event


def _of_batches(batches: Sequence[LogBatch], name: str) -> list[Any]:
    return [value for batch in batches for value in [getattr(batch, name)] * len(batch.records)]
