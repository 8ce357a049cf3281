"""What sinks needs from outside, as protocols; infra.cli joins them with their adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol

from schemas.events import Event

__all__ = ["Clock", "LandedMessage", "Retention", "TopicMessage", "TopicReader"]


class Clock(Protocol):
    """Time. Never raises."""

    def now(self) -> datetime:
        """The wall clock, UTC."""
        ...


class Retention(Protocol):
    """How long each tenant's rows are kept."""

    async def days(self, tenant: str) -> int:
        """Days after landing, at least 1; also answers for a tenant nobody has configured.

        Raises:
            RetryableError: cannot be told now.
        """
        ...


class LandedMessage(Protocol):
    """A decoded message and where it is in the log."""

    @property
    def event(self) -> Event: ...

    @property
    def topic(self) -> str:
        """The bare name."""
        ...

    @property
    def partition(self) -> int: ...

    @property
    def offset(self) -> int: ...


class TopicMessage(Protocol):
    """A message read back from the log for verification."""

    @property
    def topic(self) -> str:
        """The bare name."""
        ...

    @property
    def partition(self) -> int: ...

    @property
    def offset(self) -> int: ...

    @property
    def event(self) -> Event | None:
        """None where the message cannot be decoded."""
        ...


class TopicReader(Protocol):
    """Reads topics from their first kept message to the end they have when asked."""

    def read(self, topic: str) -> AsyncIterator[TopicMessage]:
        """Iterate over the topic of this bare name, all partitions, in order within each.

        Raises:
            RetryableError: the log does not answer.
        """
        ...
