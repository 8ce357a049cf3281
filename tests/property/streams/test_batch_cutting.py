from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.jobs.batches import Batch, CutRule, Cutter
from streams.messages import Message

START = datetime(2026, 1, 1, tzinfo=UTC)

gaps = st.lists(st.integers(1, 4), min_size=1, max_size=40)
rules = st.builds(
    CutRule,
    max_messages=st.integers(1, 7),
    max_bytes=st.integers(4, 60),
    max_age=st.integers(1, 5).map(lambda seconds: timedelta(seconds=seconds)),
)
crashes = st.lists(st.integers(0, 12), max_size=12)
paces = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=30)


class _CrashError(Exception):
    pass


@dataclass
class _World:
    """What outlives a crash: the group's offset, the declaration, and the tables with their deduplication."""

    log: list[int]
    landed: int = 0
    declared: int | None = None
    inserts: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    crash_in: list[int] = field(default_factory=list)

    def step(self) -> None:
        """One durable action is about to happen; the process may die first."""
        if self.crash_in:
            self.crash_in[0] -= 1
            if self.crash_in[0] < 0:
                self.crash_in.pop(0)
                raise _CrashError

    def land(self, batch: Batch) -> None:
        assert batch.first == self.landed
        self.step()
        self.declared = batch.last
        self.step()
        self.inserts.append((batch.token("t", 0), tuple(m.offset for m in batch.messages)))
        self.step()
        self.landed = batch.last + 1

    def table(self) -> list[int]:
        return [offset for offsets in dict(reversed(self.inserts)).values() for offset in offsets]


def _message(offset: int) -> Message:
    return Message("t", 0, offset, None, b"x" * (offset % 9))


def _live(world: _World, rule: CutRule, pace: list[tuple[int, int]], clock: list[datetime]) -> None:
    """One life of the process: read what the world says, then read, cut and land until all is landed or it dies."""
    declared = world.declared if world.declared is not None and world.declared >= world.landed else None
    cutter = Cutter(rule, world.landed, declared)
    ahead = [offset for offset in world.log if offset >= world.landed]
    end, turn = world.log[-1] + 1, 0
    while world.landed < end:
        count, seconds = pace[turn % len(pace)]
        turn += 1
        clock[0] += timedelta(seconds=seconds + (turn > len(pace)))
        for offset in ahead[: count + (turn > len(pace))]:
            cutter.add(_message(ahead.pop(0)), clock[0])
            assert offset >= world.landed
        read_up_to = ahead[0] if ahead else end
        batch = cutter.cut(clock[0], read_up_to)
        if batch is not None:
            world.land(batch)


@settings(max_examples=400, deadline=None)
@given(gaps, rules, crashes, st.lists(paces, min_size=1, max_size=4))
def test_whatever_crashes_every_message_lands_once(
    spacing: list[int], rule: CutRule, crash_in: list[int], lives: list[list[tuple[int, int]]]
) -> None:
    log = [sum(spacing[: i + 1]) for i in range(len(spacing))]
    world, clock = _World(log, crash_in=list(crash_in)), [START]
    for life in range(len(crash_in) + 1):
        try:
            _live(world, rule, lives[life % len(lives)], clock)
        except _CrashError:
            continue
        break
    contents: dict[str, tuple[int, ...]] = {}
    for token, offsets in world.inserts:
        assert contents.setdefault(token, offsets) == offsets, "a token always names the same rows"
    assert sorted(world.table()) == log
    assert world.landed == log[-1] + 1


@given(rules, st.integers(1, 60))
def test_a_batch_keeps_to_its_rule(rule: CutRule, count: int) -> None:
    cutter = Cutter(rule, 0)
    for offset in range(count):
        cutter.add(_message(offset), START)
    position = 0
    while (batch := cutter.cut(START + rule.max_age, count)) is not None:
        assert batch.first == position
        assert 1 <= len(batch.messages) <= rule.max_messages
        but_last = sum(len(m.value or b"") for m in batch.messages[:-1])
        assert but_last < rule.max_bytes
        position = batch.last + 1
    assert position == count
    assert cutter.buffered == 0


@given(rules, st.integers(0, 5))
def test_nothing_is_cut_before_its_age(rule: CutRule, offset: int) -> None:
    roomy = CutRule(max_messages=100, max_bytes=1_000_000, max_age=rule.max_age)
    cutter = Cutter(roomy, 0)
    cutter.add(_message(offset), START)
    assert cutter.due_at == START + rule.max_age
    assert cutter.cut(START + rule.max_age - timedelta(milliseconds=1), offset + 1) is None
    assert cutter.cut(START + rule.max_age, offset + 1) is not None


def test_a_declared_batch_whose_messages_are_gone_ends_empty() -> None:
    cutter = Cutter(CutRule(), 5, 9)
    assert cutter.cut(START, 9) is None
    assert not cutter.full
    assert cutter.due_at is None
    batch = cutter.cut(START, 10)
    assert batch == Batch(5, 9, ())
    assert cutter.position == 10


def test_a_declared_batch_is_read_whole_even_if_the_rule_became_smaller() -> None:
    cutter = Cutter(CutRule(max_messages=1), 0, 4)
    for offset in range(5):
        assert not cutter.full
        cutter.add(_message(offset), START)
    batch = cutter.cut(START, 5)
    assert batch is not None
    assert [m.offset for m in batch.messages] == [0, 1, 2, 3, 4]


def test_messages_before_the_position_are_passed_over() -> None:
    cutter = Cutter(CutRule(max_messages=1), 3)
    cutter.add(_message(2), START)
    assert cutter.cut(START, 3) is None
    cutter.add(_message(3), START)
    batch = cutter.cut(START, 4)
    assert batch is not None
    assert (batch.first, batch.last) == (3, 3)
