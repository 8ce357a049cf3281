"""dead_letters: messages that could not be handled, verbatim."""

from __future__ import annotations

from schemas.events import DeadLetter
from sinks.clickhouse.writers.columns import INT, KEYWORD, TEXT, RowPerEvent, computed, plain

__all__ = ["DEAD_LETTERS"]

_BYTES = "Nullable(String)"


DEAD_LETTERS = RowPerEvent(
    "dead_letters",
    DeadLetter,
    plain(KEYWORD, "source_topic", "stage", "reason"),
    plain(INT, "source_partition", "source_offset", "retries"),
    plain(_BYTES, "message_key", "message_value"),
    computed("header_names", "Array(String)", lambda letter: [header.name for header in letter.headers]),
    computed("header_values", f"Array({_BYTES})", lambda letter: [header.value for header in letter.headers]),
    plain(TEXT, "detail"),
)
