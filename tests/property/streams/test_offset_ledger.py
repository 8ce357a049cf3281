from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas.errors import IntegrityError
from streams.jobs.ledger import OffsetLedger, Ticket
from streams.messages import Partition

PARTITIONS = [Partition("a", 0), Partition("a", 1), Partition("b", 0)]
partitions = st.sampled_from(PARTITIONS)


@dataclass
class _Naive:
    """What a slow, obvious ledger would remember of one partition: each offset it saw and whether it is done."""

    tickets: list[Ticket] = field(default_factory=list)
    done: set[int] = field(default_factory=set)

    def committable(self) -> int | None:
        prefix = None
        for ticket in self.tickets:
            if ticket.offset not in self.done:
                break
            prefix = ticket.offset + 1
        return prefix


class LedgerMachine(RuleBasedStateMachine):
    """Starts, finishes, commits, gaps, rebalances and completions that come too late, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = OffsetLedger()
        self.naive: dict[Partition, _Naive] = {}
        self.stale: list[Ticket] = []
        self.group_offset = dict.fromkeys(PARTITIONS, 0)

    @rule(partition=partitions)
    def assign(self, partition: Partition) -> None:
        self.stale += self.naive[partition].tickets if partition in self.naive else []
        self.ledger.assign(partition, self.group_offset[partition])
        self.naive[partition] = _Naive()

    @rule(partition=partitions)
    def revoke(self, partition: Partition) -> None:
        self.ledger.revoke(partition)
        old = self.naive.pop(partition, None)
        self.stale += old.tickets if old else []

    @rule(partition=partitions, gap=st.integers(0, 5), count=st.integers(1, 4))
    def start(self, partition: Partition, gap: int, count: int) -> None:
        for _ in range(count):
            held = self.naive.get(partition)
            after = self.group_offset[partition]
            if held is not None and held.tickets:
                after = held.tickets[-1].offset + 1
            ticket = self.ledger.started(partition, after + gap)
            assert (ticket is None) == (held is None)
            if held is not None and ticket is not None:
                held.tickets.append(ticket)

    @precondition(lambda self: any(held.tickets for held in self.naive.values()))
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from([h for h in self.naive.values() if h.tickets]))
        ticket = data.draw(st.sampled_from(held.tickets))
        assert self.ledger.current(ticket)
        assert self.ledger.finished(ticket) == (ticket.offset not in held.done)
        held.done.add(ticket.offset)

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def finish_too_late(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.stale))
        assert not self.ledger.current(ticket)
        assert not self.ledger.finished(ticket)

    @rule(partition=partitions)
    def commit(self, partition: Partition) -> None:
        offset = self.ledger.committable(partition)
        if offset is None:
            return
        assert offset > self.group_offset[partition]
        self.group_offset[partition] = offset
        self.ledger.committed(partition, offset)
        assert self.ledger.committable(partition) is None

    @precondition(lambda self: any(held.tickets for held in self.naive.values()))
    @rule(data=st.data())
    def repeat_an_offset(self, data: st.DataObject) -> None:
        partition = data.draw(st.sampled_from([p for p, h in self.naive.items() if h.tickets]))
        with pytest.raises(IntegrityError):
            self.ledger.started(partition, self.naive[partition].tickets[-1].offset)

    @invariant()
    def agrees_with_the_naive_ledger(self) -> None:
        for partition, held in self.naive.items():
            expected = held.committable()
            offered = self.ledger.committable(partition)
            assert offered in {expected, None}
            if offered is None and expected is not None:
                assert self.group_offset[partition] == expected
            assert self.ledger.in_flight(partition) == len(held.tickets) - len(held.done)

    @invariant()
    def never_commits_past_an_unfinished_offset(self) -> None:
        for partition, held in self.naive.items():
            open_offsets = [t.offset for t in held.tickets if t.offset not in held.done]
            assert all(self.group_offset[partition] <= offset for offset in open_offsets)

    @invariant()
    def holds_what_is_assigned(self) -> None:
        assert self.ledger.partitions == frozenset(self.naive)
        assert self.ledger.total_in_flight == sum(len(h.tickets) - len(h.done) for h in self.naive.values())


LedgerMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestOffsetLedger = LedgerMachine.TestCase
