from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.control import Matcher, Silence
from schemas.events import AlarmRaw, AlarmStatus, Decision, Severity
from streams.triage.alarm_state import REMEMBERED_IDS, AlarmState
from streams.triage.dedup import Judgement, judge, release
from streams.triage.settings import FlappingRules
from tests.fakes.events import EPOCH, alarm

RULES = FlappingRules(changes=4, window_s=60)
SILENCE = Silence(
    silence_id="night",
    tenant="acme",
    matchers=(Matcher(field="service", value="cart"),),
    starts_at=EPOCH,
    ends_at=EPOCH + timedelta(hours=1),
)


def at(seconds: float, status: str = "firing", *, start: float = 0, severity: str = "major") -> AlarmRaw:
    return alarm(
        occurred_at=EPOCH + timedelta(seconds=seconds),
        started_at=EPOCH + timedelta(seconds=start),
        status=AlarmStatus(status),
        severity=Severity(severity),
    )


def told(*alarms: AlarmRaw, silence: Silence | None = None) -> list[Decision | None]:
    """The decisions on these events of one alarm, in this order."""
    return [one.decision for one in judged(*alarms, silence=silence)]


def judged(*alarms: AlarmRaw, silence: Silence | None = None) -> list[Judgement]:
    state: AlarmState | None = None
    judgements = []
    for one in alarms:
        judgements.append(judge(state, one, one.occurred_at, silence, RULES))
        state = judgements[-1].state
    return judgements


def test_a_new_alarm_opens_and_its_clear_clears() -> None:
    assert told(at(0), at(9, "cleared")) == [Decision.OPENED, Decision.CLEARED]


def test_an_exact_repeat_is_decided_already() -> None:
    assert told(at(0), at(5), at(9, "cleared"), at(9, "cleared"), at(0)) == [
        Decision.OPENED,
        None,
        Decision.CLEARED,
        None,
        None,
    ]


def test_another_start_while_firing_changes_nothing() -> None:
    assert told(at(0), at(5, start=5)) == [Decision.OPENED, Decision.DEDUPLICATED]


def test_another_clear_while_clear_changes_nothing() -> None:
    assert told(at(1, "cleared"), at(5, "cleared", start=4)) == [Decision.CLEARED, Decision.DEDUPLICATED]


def test_severity_change_is_an_update() -> None:
    first, second = judged(at(0), at(5, severity="critical"))
    assert second.decision is Decision.UPDATED
    assert second.state.severity is Severity.CRITICAL
    assert first.state.told_severity is Severity.MAJOR


def test_an_older_severity_does_not_come_back() -> None:
    assert told(at(0), at(5, severity="critical"), at(3, severity="minor")) == [
        Decision.OPENED,
        Decision.UPDATED,
        None,
    ]


def test_of_two_severities_at_one_instant_the_worse_wins_in_either_order() -> None:
    major, critical = at(0), at(0, severity="critical")
    assert judged(major, critical)[-1].state.severity is Severity.CRITICAL
    assert judged(critical, major)[-1].state.severity is Severity.CRITICAL


def test_a_firing_that_comes_after_its_clear_is_stale() -> None:
    assert told(at(9, "cleared"), at(0)) == [Decision.CLEARED, Decision.STALE]


def test_a_clear_of_an_earlier_firing_is_stale() -> None:
    assert told(at(0), at(20, start=20), at(9, "cleared")) == [
        Decision.OPENED,
        Decision.DEDUPLICATED,
        Decision.STALE,
    ]


def test_firing_again_opens_again() -> None:
    assert told(at(0), at(9, "cleared"), at(20, start=20)) == [
        Decision.OPENED,
        Decision.CLEARED,
        Decision.OPENED,
    ]


def test_silenced_alarms_are_recorded_with_the_silence() -> None:
    only = judge(None, at(0), EPOCH, SILENCE, RULES)
    assert (only.decision, only.reason) == (Decision.SILENCED, "night")


def test_an_alarm_that_outlives_its_silence_is_told_then() -> None:
    state = judge(None, at(0), EPOCH, SILENCE, RULES).state
    assert release(state, EPOCH + timedelta(minutes=30), SILENCE, RULES) is None
    released = release(state, EPOCH + timedelta(minutes=61), None, RULES)
    assert released is not None
    assert released.decision is Decision.OPENED
    assert released.state.held is None
    assert release(released.state, EPOCH + timedelta(minutes=62), None, RULES) is None


def test_a_silence_does_not_hide_the_end_of_what_was_told() -> None:
    state = judge(None, at(0), EPOCH, None, RULES).state
    assert judge(state, at(9, "cleared"), EPOCH, SILENCE, RULES).decision is Decision.CLEARED


def test_an_alarm_that_ends_within_its_silence_is_never_told() -> None:
    first, second = judged(at(0), at(9, "cleared"), silence=SILENCE)
    assert first.decision is second.decision is Decision.SILENCED
    assert second.state.held is None


def _flapping(cycles: int) -> list[AlarmRaw]:
    events = []
    for cycle in range(cycles):
        events += [at(cycle * 4, start=cycle * 4), at(cycle * 4 + 2, "cleared", start=cycle * 4)]
    return events


def test_too_many_changes_are_flapping() -> None:
    assert told(*_flapping(4)) == [
        Decision.OPENED,
        Decision.CLEARED,
        Decision.OPENED,
        *[Decision.FLAPPING] * 5,
    ]


@pytest.mark.parametrize(("cycles", "last"), [(4, Decision.CLEARED), (3, Decision.CLEARED)])
def test_the_settled_state_is_told_when_flapping_ends(cycles: int, last: Decision) -> None:
    state = judged(*_flapping(cycles))[-1].state
    assert state.told is AlarmStatus.FIRING
    assert release(state, state.as_of + timedelta(seconds=10), None, RULES) is None
    released = release(state, state.as_of + timedelta(seconds=61), None, RULES)
    assert released is not None
    assert released.decision is last
    assert released.state.told is AlarmStatus.CLEARED


def test_nothing_is_told_where_flapping_ends_as_it_began() -> None:
    state = judged(*_flapping(4), at(17, start=17))[-1].state
    assert state.status is AlarmStatus.FIRING
    assert state.held is None


def test_state_is_bounded() -> None:
    state = judged(*(at(i, start=i) for i in range(100)))[-1].state
    assert len(state.decided) == REMEMBERED_IDS
    assert len(state.changes) <= RULES.changes
