"""Which offsets are safe to commit while jobs finish in any order.

A consumer may commit only what a restart can afford to skip: everything up to the first message that is not finished.
The ledger keeps, per assigned partition, the offsets it has seen in the order it saw them. Order is all that counts: offsets
that compaction or transaction markers removed are never seen and never waited for.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from schemas.errors import IntegrityError
from streams.messages import Partition

__all__ = ["OffsetLedger", "Ticket"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """Proof that one offset was started, good for finishing it in the same assignment only."""

    partition: Partition
    offset: int
    epoch: int


@dataclass(slots=True)
class _Assigned:
    epoch: int
    waiting: deque[int] = field(default_factory=deque)
    finished: set[int] = field(default_factory=set)
    last_seen: int = -1
    prefix: int | None = None
    committed: int | None = None

    def finish(self, offset: int) -> bool:
        if offset in self.finished or (self.prefix is not None and offset < self.prefix):
            return False
        self.finished.add(offset)
        while self.waiting and self.waiting[0] in self.finished:
            done = self.waiting.popleft()
            self.finished.discard(done)
            self.prefix = done + 1
        return True


class OffsetLedger:
    """The offsets in flight of every partition assigned to this consumer. Pure: no clock, no I/O; not thread-safe."""

    def __init__(self) -> None:
        self._assigned: dict[Partition, _Assigned] = {}
        self._epoch = 0

    def assign(self, partition: Partition, position: int | None = None) -> None:
        """Begin a new epoch of the partition, forgetting an older one.

        Args:
            partition: what was assigned.
            position: the next offset to be read where known; offsets below it are refused by `started`.
        """
        self._epoch += 1
        self._assigned[partition] = _Assigned(self._epoch, last_seen=(position or 0) - 1)

    def revoke(self, partition: Partition) -> None:
        """End the epoch: what is still in flight will never count."""
        self._assigned.pop(partition, None)

    def started(self, partition: Partition, offset: int) -> Ticket | None:
        """Note that work on the offset begins.

        Returns:
            The ticket to finish it with, or None when the partition is not assigned (a record read before a rebalance).

        Raises:
            IntegrityError: the offset is not above every offset seen in this epoch.
        """
        held = self._assigned.get(partition)
        if held is None:
            return None
        if offset <= held.last_seen:
            raise IntegrityError(f"offset {offset} of {partition} after {held.last_seen}")
        held.last_seen = offset
        held.waiting.append(offset)
        return Ticket(partition, offset, held.epoch)

    def finished(self, ticket: Ticket) -> bool:
        """Note that the work is over; a ticket of an older epoch, or one used before, is ignored and answered with False."""
        held = self._assigned.get(ticket.partition)
        return held is not None and held.epoch == ticket.epoch and held.finish(ticket.offset)

    def current(self, ticket: Ticket) -> bool:
        """Whether the assignment that issued the ticket still stands."""
        held = self._assigned.get(ticket.partition)
        return held is not None and held.epoch == ticket.epoch

    def committable(self, partition: Partition) -> int | None:
        """The offset to commit (the next to read), or None when nothing new is finished from the start on."""
        held = self._assigned.get(partition)
        if held is None or held.prefix == held.committed:
            return None
        return held.prefix

    def committed(self, partition: Partition, offset: int) -> None:
        """Note that `offset` was committed, so that it is not offered again."""
        held = self._assigned.get(partition)
        if held is not None and held.prefix is not None and offset <= held.prefix:
            held.committed = offset

    def in_flight(self, partition: Partition) -> int:
        """How many offsets were started and not finished."""
        held = self._assigned.get(partition)
        return 0 if held is None else len(held.waiting) - len(held.finished)

    def position(self, partition: Partition) -> int:
        """The offset after the last one seen, 0 before the first."""
        held = self._assigned.get(partition)
        return 0 if held is None else held.last_seen + 1

    @property
    def total_in_flight(self) -> int:
        return sum(self.in_flight(partition) for partition in self._assigned)

    @property
    def partitions(self) -> frozenset[Partition]:
        return frozenset(self._assigned)
