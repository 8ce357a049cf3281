"""Messages that cannot be handled, kept verbatim with the reason and the stage that gave up."""

from __future__ import annotations

from schemas.envelope import read_envelope
from schemas.errors import TerminalError
from schemas.events import DeadLetter, Header
from schemas.metrics import DEAD_LETTERS, NullRecorder, Recorder
from schemas.topics import CATALOGUE, TopicNames
from streams.messages import Message
from streams.ports import Clock, Publisher

__all__ = ["RETRIES_HEADER", "DeadLetters", "dead_letter_of", "retries_of"]

RETRIES_HEADER = "tocsin_retries"
"""Set by `tocsin dlq retry` on what it sends back: how often that was done."""

_UNKNOWN_TENANT = "unknown"
_MAX_DETAIL = 4_000
_MAX_NAME = 256
_MAX_DIGITS = 6


def dead_letter_of(  # noqa: PLR0913 - one argument per field of the event
    message: Message, names: TopicNames, clock: Clock, *, stage: str, reason: str, detail: str
) -> DeadLetter:
    """Return the dead letter of a message: its id follows from where the message is, so a repeat has the same."""
    return DeadLetter(
        tenant=_tenant_of(message, names),
        occurred_at=clock.now(),
        source_topic=names.bare(message.topic),
        source_partition=message.partition,
        source_offset=message.offset,
        message_key=message.key,
        message_value=message.value,
        headers=tuple(Header(name=name, value=value) for name, value in message.headers),
        stage=stage,
        reason=reason,
        detail=detail[:_MAX_DETAIL],
        retries=retries_of(message),
    )


def retries_of(message: Message) -> int:
    """How often the message was sent back, by its header; 0 where that is missing or unreadable."""
    text = next((value for name, value in message.headers if name == RETRIES_HEADER), None) or b""
    return int(text[:_MAX_DIGITS]) if text.isdigit() else 0


class DeadLetters:
    """The DeadLetterOffice over a Publisher."""

    def __init__(
        self, publisher: Publisher, names: TopicNames, clock: Clock, recorder: Recorder | None = None
    ) -> None:
        self._publisher = publisher
        self._names = names
        self._clock = clock
        self._recorder = recorder or NullRecorder()

    async def bury(self, message: Message, *, stage: str, reason: str, detail: str) -> None:
        """Publish the dead letter, acknowledged; without the value where the broker refuses one of that size.

        Raises:
            UnavailableError: not acknowledged; try again.
        """
        letter = dead_letter_of(message, self._names, self._clock, stage=stage, reason=reason, detail=detail)
        traceparent = read_envelope(message.headers).traceparent
        try:
            await self._publisher.publish(letter, traceparent=traceparent)
        except TerminalError:
            await self._publisher.publish(_without_value(letter), traceparent=traceparent)
        self._recorder.count(DEAD_LETTERS, stage=stage, reason=reason)


def _without_value(letter: DeadLetter) -> DeadLetter:
    size = len(letter.message_value or b"")
    detail = f"[{size} bytes of value left out: too large for the broker] {letter.detail}"
    return letter.model_copy(update={"message_value": None, "headers": (), "detail": detail})


def _tenant_of(message: Message, names: TopicNames) -> str:
    """The tenant in the key, where the topic's keys begin with one; a key nobody can read belongs to nobody."""
    topic = CATALOGUE.get(names.bare(message.topic))
    if topic is None or not topic.key.startswith("tenant"):
        return _UNKNOWN_TENANT
    tenant = (message.key or b"").decode("utf-8", "replace").partition("|")[0]
    return tenant if 0 < len(tenant) <= _MAX_NAME else _UNKNOWN_TENANT
