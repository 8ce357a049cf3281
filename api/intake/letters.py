"""Items that could not be taken, as dead letters: nothing that an authenticated sender brings is lost."""

from __future__ import annotations

import hashlib
from typing import Final

from api.intake.parsed import Arrival, ItemProblem, Parsed
from schemas.events import DeadLetter, Header

__all__ = ["letters_of"]

_STAGE: Final = "intake"
_NO_PARTITION: Final = -1


def letters_of(parsed: Parsed, origin: str, content_type: str, arrival: Arrival) -> list[DeadLetter]:
    """Return a dead letter for each problem whose item is kept; the same item sent again has the same one.

    `origin` (`http/alertmanager`) stands where the topic stands in the letter of a message. There is no offset: a hash
    of the item takes its place.
    """
    return [
        _letter(one, one.raw, origin, content_type, arrival) for one in parsed.problems if one.raw is not None
    ]


def _letter(problem: ItemProblem, raw: bytes, origin: str, content_type: str, arrival: Arrival) -> DeadLetter:
    return DeadLetter(
        tenant=arrival.tenant,
        occurred_at=arrival.at,
        source_topic=origin,
        source_partition=_NO_PARTITION,
        source_offset=_place(arrival.tenant, raw),
        message_key=None,
        message_value=raw,
        headers=(Header(name="content-type", value=content_type[:256].encode()),),
        stage=_STAGE,
        reason=problem.reason.value,
        detail=f"item {problem.index} at {problem.pointer or '/'}: {problem.detail}",
    )


def _place(tenant: str, raw: bytes) -> int:
    """63 bits, never negative."""
    digest = hashlib.blake2b(raw, digest_size=8, key=tenant.encode()[:64]).digest()
    return int.from_bytes(digest, "big") >> 1
