"""Whatever the order and however often alarm events come: one decision an id, one final state, bounded memory."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import AlarmRaw, AlarmStatus, Decision, Severity
from streams.triage.alarm_state import REMEMBERED_IDS, AlarmState
from streams.triage.dedup import judge, release
from streams.triage.settings import FlappingRules
from tests.fakes.events import EPOCH, alarm

NEVER_FLAPPING = FlappingRules(changes=50, window_s=1e-6)
FLAPPING = FlappingRules(changes=3, window_s=20)


@st.composite
def _event(draw: st.DrawFn, severities: tuple[Severity, ...]) -> AlarmRaw:
    start = draw(st.integers(0, 6)) * 10
    status = draw(st.sampled_from(AlarmStatus))
    return alarm(
        started_at=EPOCH + timedelta(seconds=start),
        occurred_at=EPOCH + timedelta(seconds=start + draw(st.integers(0, 9))),
        status=status,
        severity=draw(st.sampled_from(severities)),
    )


SAME_SEVERITY = st.lists(_event((Severity.MAJOR,)), min_size=1, max_size=12)
ANY_SEVERITY = st.lists(_event(tuple(Severity)), min_size=1, max_size=12)


def _run(events: list[AlarmRaw], rules: FlappingRules) -> tuple[AlarmState, list[tuple[str, Decision]]]:
    state: AlarmState | None = None
    decisions = []
    for one in events:
        judgement = judge(state, one, one.occurred_at, None, rules)
        state = judgement.state
        if judgement.decision is not None:
            decisions.append((one.event_id, judgement.decision))
    assert state is not None
    return state, decisions


@given(events=SAME_SEVERITY)
def test_every_id_gets_exactly_one_decision(events: list[AlarmRaw]) -> None:
    _, decisions = _run(events, NEVER_FLAPPING)
    assert Counter(name for name, _ in decisions) == Counter({one.event_id for one in events})


@given(events=ANY_SEVERITY)
def test_only_updates_decide_an_id_again(events: list[AlarmRaw]) -> None:
    _, decisions = _run(events, NEVER_FLAPPING)
    firsts = Counter(name for name, decision in decisions if decision is not Decision.UPDATED)
    assert {name for name, _ in decisions} == {one.event_id for one in events}
    assert max(firsts.values(), default=1) == 1


@given(events=SAME_SEVERITY, rules=st.sampled_from([NEVER_FLAPPING, FLAPPING]), data=st.data())
def test_redelivery_of_any_tail_decides_nothing_new(
    events: list[AlarmRaw], rules: FlappingRules, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(events)))
    once, first = _run(events, rules)
    again, second = _run([*events, *events[cut:]], rules)
    assert second == first
    assert again.model_copy(update={"seen_at": once.seen_at}) == once


@given(events=SAME_SEVERITY, data=st.data())
def test_the_final_state_does_not_depend_on_the_order(events: list[AlarmRaw], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(events))
    one, _ = _run(events, NEVER_FLAPPING)
    other, _ = _run(shuffled, NEVER_FLAPPING)
    assert (one.status, one.started_at, one.told) == (other.status, other.started_at, other.told)


@given(events=ANY_SEVERITY)
def test_what_is_told_in_the_end_is_the_state(events: list[AlarmRaw]) -> None:
    state, _ = _run(events, FLAPPING)
    released = release(state, state.as_of + timedelta(hours=1), None, FLAPPING)
    final = released.state if released else state
    assert final.held is None
    if final.status is AlarmStatus.FIRING:
        assert (final.told, final.told_severity) == (AlarmStatus.FIRING, final.severity)
    else:
        assert final.told is not AlarmStatus.FIRING


@given(events=st.lists(_event(tuple(Severity)), min_size=20, max_size=40))
def test_memory_is_bounded(events: list[AlarmRaw]) -> None:
    state, _ = _run(events, FLAPPING)
    assert len(state.decided) <= REMEMBERED_IDS
    assert len(state.changes) <= FLAPPING.changes
    assert AlarmState.model_validate_json(state.model_dump_json()) == state
