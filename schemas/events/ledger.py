"""costs, audit and dead-letters: what it cost, who did it, and what could not be handled."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from schemas import ids
from schemas.events.base import Event, Name, Record, Text

__all__ = ["Audit", "CostEntry", "CostKind", "DeadLetter", "Header", "Usage"]


class CostKind(StrEnum):
    LLM = "llm"
    QUERY = "query"
    CACHE_HIT = "cache_hit"
    ADJUSTMENT = "adjustment"


class Usage(Record):
    """Tokens by disjoint kinds: their sum is the total. None is unknown, not zero."""

    input_uncached: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None


class CostEntry(Event):
    """One ledger entry: an LLM attempt, a data query, a cache hit, an adjustment."""

    TOPIC: ClassVar[str] = "costs"
    TYPE: ClassVar[str] = "io.tocsin.cost"

    investigation_id: str
    incident_id: str
    service: str = ""
    """The service of the first alarm, so that costs can be asked by service."""
    alarm: str = ""
    """The name of the first alarm."""
    step: Name
    attempt: Annotated[int, Field(ge=1)] = 1
    kind: CostKind
    provider: str = ""
    model: str = ""
    usage: Usage = Usage()
    estimated: bool = False
    """The usage was estimated, because the answer was cut before the provider told it."""
    cost_nano_usd: int | None = None
    """Integer 10^-9 USD; None is unpriced, never free."""
    price_version: str = ""
    outcome: Name = "ok"
    duration_ms: Annotated[int, Field(ge=0)] = 0
    rows_read: int | None = None
    """Rows read by a data query."""

    def derive_id(self) -> str:
        return ids.cost_entry_id(self.investigation_id, f"{self.kind}:{self.step}", self.attempt)

    @property
    def key(self) -> str:
        return self.investigation_id

    @property
    def subject(self) -> str:
        return self.investigation_id


class Audit(Event):
    """Who did what, and was it allowed."""

    TOPIC: ClassVar[str] = "audit"
    TYPE: ClassVar[str] = "io.tocsin.audit"

    principal: Name
    action: Name
    resource: str = ""
    allowed: bool
    reason: Text = ""

    def derive_id(self) -> str:
        return ids.stable_id(
            "aud", self.tenant, self.principal, self.action, self.resource, str(self.occurred_at)
        )


class Header(Record):
    name: str
    value: bytes | None


class DeadLetter(Event):
    """A message that could not be handled, verbatim, with reason and stage. Its tenant may be `unknown`."""

    TOPIC: ClassVar[str] = "dead-letters"
    TYPE: ClassVar[str] = "io.tocsin.dead-letter"

    source_topic: Name
    source_partition: int
    source_offset: int
    message_key: bytes | None
    message_value: bytes | None
    headers: tuple[Header, ...] = ()
    stage: Name
    """Which step gave up: intake, detect, investigate, land."""
    reason: Name
    """A short stable slug: bad_magic, unknown_schema, avro_decode, invalid_value, ..."""
    detail: Text = ""
    retries: Annotated[int, Field(ge=0)] = 0
    """How often `tocsin dlq retry` has sent it back."""

    def derive_id(self) -> str:
        return ids.dead_letter_id(self.source_topic, self.source_partition, self.source_offset, self.stage)

    @property
    def key(self) -> str:
        return self.source_topic

    @property
    def subject(self) -> str:
        return self.source_topic
