from __future__ import annotations

import pytest

from agents.analysis.changes import analyse_changes
from agents.analysis.findings import FindingKind
from agents.analysis.signals import ChangeRecord, Window

ALARM = 1_700_000_000.0
WINDOW = Window(baseline_start=ALARM - 3600, start=ALARM - 120, end=ALARM + 60, alarm_at=ALARM)


def change(
    before_s: float, service: str = "pay", title: str = "deploy pay 3.1", change_id: str = ""
) -> ChangeRecord:
    return ChangeRecord(ALARM - before_s, service, "deploy", title, change_id)


def test_a_change_is_told_with_its_age() -> None:
    (finding,) = analyse_changes([change(180)], WINDOW)
    assert finding.kind is FindingKind.RECENT_CHANGE
    assert finding.statement == 'pay: "deploy pay 3.1" at 22:10:20, 3 min before the alarm'
    assert finding.data["age_s"] == 180
    assert finding.onset == ALARM - 180


@pytest.mark.parametrize(
    ("title", "said"),
    [("Deploy pay 3.1", 'pay: "Deploy pay 3.1"'), ("pay 3.1", 'pay: deploy "pay 3.1"')],
)
def test_the_kind_of_a_change_is_said_once(title: str, said: str) -> None:
    (finding,) = analyse_changes([change(180, title=title)], WINDOW)
    assert finding.statement.startswith(f"{said} at ")


def test_nearer_weighs_more_by_half_lives() -> None:
    near, far = analyse_changes([change(1800, "cart"), change(0)], WINDOW)
    assert (near.service, far.service) == ("pay", "cart")
    assert near.score == pytest.approx(2.0)
    assert far.score == pytest.approx(1.0)


@pytest.mark.parametrize("before_s", [-1, 3601])
def test_after_the_alarm_or_long_before_is_left_out(before_s: float) -> None:
    (finding,) = analyse_changes([change(before_s)], WINDOW)
    assert finding.kind is FindingKind.NO_DATA


def test_the_same_change_told_twice_is_one_finding() -> None:
    twice = [change(60, change_id="c1"), change(60, change_id="c1"), change(60, change_id="c2")]
    assert len(analyse_changes(twice, WINDOW)) == 2


def test_subjects_are_unique_without_ids() -> None:
    found = analyse_changes([change(60), change(90), change(60, title="flag x on")], WINDOW)
    assert len({f.subject for f in found}) == 3


def test_no_change_is_a_finding() -> None:
    assert [f.kind for f in analyse_changes([], WINDOW)] == [FindingKind.NO_DATA]
