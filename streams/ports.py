"""What streams needs from outside, as protocols; infra.cli joins them with their adapters.

Unless a method says otherwise it may raise RetryableError, which makes the caller wait and try again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from schemas.events import Event, InvestigationRequested, InvestigationState
from schemas.outcomes import Outcome
from streams.messages import LandedMessage, Message

__all__ = [
    "Clock",
    "DeadLetterOffice",
    "Investigator",
    "Landing",
    "Lease",
    "Markers",
    "Publisher",
    "Run",
    "Watermarks",
]


class Clock(Protocol):
    """Time and waiting. Neither method raises."""

    def now(self) -> datetime:
        """The wall clock, UTC."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class Publisher(Protocol):
    """Sends events to their topics; what has returned is acknowledged by the broker."""

    async def publish(self, event: Event, *, traceparent: str = "") -> None:
        """Send one event; without a `traceparent` it carries the current span's, or begins a trace."""
        ...

    async def publish_all(self, events: Sequence[Event], *, traceparent: str | Sequence[str] = "") -> None:
        """Send many at once; they may be stored in any order across keys, in the given order within a key.

        Args:
            events: what to send.
            traceparent: one for all, or one for each; empty as for `publish`.
        """
        ...


class DeadLetterOffice(Protocol):
    """Takes messages that cannot be handled, now or later."""

    async def bury(self, message: Message, *, stage: str, reason: str, detail: str) -> None:
        """Keep the message verbatim; `stage` is intake, detect, investigate or land, `reason` a short slug."""
        ...


class Landing(Protocol):
    """The tables that events end up in."""

    async def insert(self, topic: str, messages: Sequence[LandedMessage], token: str) -> None:
        """Insert the rows of all messages or none; a token seen before inserts nothing.

        Args:
            topic: the bare topic name; every event is of its class.
            messages: in offset order, at least one.
            token: `topic:partition:first-last`; the same token always comes with the same messages.

        Raises:
            RetryableError: not stored as far as is known; the same call is repeated with the same token.
        """
        ...


class Watermarks(Protocol):
    """How far each partition has landed, for those who wait for their data."""

    async def advance(self, topic: str, partition: int, caught_up_to: datetime) -> None:
        """Note that everything appended to the partition before `caught_up_to` has landed. Never goes back."""
        ...


class Lease(Protocol):
    """At most one worker runs an investigation; a fencing token grows with each holder."""

    async def acquire(self, investigation_id: str) -> int | None:
        """Return the fencing token, or None while another worker holds the lease."""
        ...

    async def renew(self, investigation_id: str, token: int) -> bool:
        """Extend the lease; False when it is lost."""
        ...

    async def release(self, investigation_id: str, token: int) -> None:
        """Give it up, if it is still ours."""
        ...

    @property
    def ttl_s(self) -> float:
        """How long a lease lasts without renewal, in seconds."""
        ...


class Markers(Protocol):
    """Durable facts about investigations, by deterministic id, so that redelivery is free."""

    async def is_done(self, investigation_id: str) -> bool: ...

    async def mark_done(self, investigation_id: str) -> None: ...

    async def was_started(self, investigation_id: str) -> bool:
        """Return whether a start of it was ever counted, by any worker."""
        ...

    async def next_attempt(self, investigation_id: str) -> int:
        """Count a start and return which it is: 1 for the first."""
        ...


class Run(Protocol):
    """What a running investigation may ask of, and tell, the worker that runs it."""

    @property
    def attempt(self) -> int:
        """1, and one more each time a worker takes it up."""
        ...

    @property
    def fencing_token(self) -> int: ...

    @property
    def stopping(self) -> bool:
        """The worker must let go (shutdown, rebalance, lost lease): end at the next checkpoint."""
        ...

    def idle(self) -> AbstractContextManager[None]:
        """Return what is entered to wait in, for data or for a place; by several steps at once if need be.

        A worker that must let go cuts the run off there at once, and does not wait for its next checkpoint: what is
        done again costs little.
        """
        ...

    @property
    def taken_back(self) -> str:
        """Why the request was cancelled after this had begun (its alarms cleared, a person said so); empty while it stands.

        The investigation goes on, and notes it.
        """
        ...

    async def progress(
        self,
        step: str,
        message: str,
        fraction: float,
        state: InvestigationState = InvestigationState.RUNNING,
    ) -> None:
        """Publish an InvestigationStatus; `fraction` is between 0 and 1."""
        ...


class Investigator(Protocol):
    """Runs one investigation to its end, publishing its own evidence, costs and report.

    It tells by status events that it goes on after an earlier attempt, its progress and its end: completed, refused,
    cancelled or deferred. That it is taken up for the first time and that it failed, the worker tells.
    """

    async def investigate(self, request: InvestigationRequested, run: Run) -> Outcome:
        """Run it, and answer with what became of it.

        Returns:
            Done once everything is published; Ignored when it was refused or cancelled on the way, and said so;
            Deferred to be called again; Rejected when it can never work.

        Raises:
            RetryableError: called again after a while, from its last checkpoint; also when `run.stopping` ended it.
            TerminalError: it failed for good.
        """
        ...
